import type { MaskLike } from "../attention-options.ts";
import { shapeError } from "../tensor.ts";
import { checkTensor, shapeOf, sizeOf, type TensorData, type TensorLike } from "../tensor-like.ts";
import { broadcastStrides } from "../validate/broadcast.ts";
import { isBoolean } from "../validate/mask.ts";
import type { AttentionInputs } from "./attention.ts";

/** A mask over all keys, and how many of them the one that was given speaks of. */
export interface ReadMask {
  readonly tensor: MaskLike;
  readonly length: number;
}

/** Checks a mask against `[B, H, L, P + S]`; one whose last dimension is shorter is filled up with exclusion. */
export function readMask(
  mask: AttentionInputs["attn_mask"],
  scores: readonly [number, number, number, number],
): ReadMask | undefined {
  if (mask === undefined || mask === null) return undefined;
  checkTensor("attn_mask", mask, ["Uint8Array", "Float32Array"]);
  const shape = shapeOf(mask as TensorLike<TensorData>);
  const total = scores[3];
  const length = shape.at(-1);
  if (length === undefined) throw shapeError("attn_mask", "a rank of 1 to 4", shape);
  // A last dimension of 1 does not repeat here: it is a mask for the first key alone.
  broadcastStrides("attn_mask", shape, length < total ? [...scores.slice(0, 3), length] : scores);
  return { tensor: length < total ? lengthened(mask, shape, total) : mask, length };
}

function lengthened(mask: MaskLike, shape: readonly number[], total: number): MaskLike {
  const length = shape.at(-1)!;
  const rows = sizeOf(shape.slice(0, -1));
  const boolean = isBoolean(mask);
  const data = boolean ? new Uint8Array(rows * total) : new Float32Array(rows * total).fill(-Infinity);
  for (let row = 0; row < rows; row++)
    data.set(mask.data.subarray(row * length, (row + 1) * length), row * total);
  return { data, shape: [...shape.slice(0, -1), total] } as MaskLike;
}
