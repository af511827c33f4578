import type { MaskLike } from "../attention-options.ts";
import { arrayType, checkTensor, shapeOf, type TensorData, type TensorLike } from "../tensor-like.ts";
import { broadcastStrides, offsetOf } from "./broadcast.ts";

/** A mask or bias spread over the scores. */
export interface SpreadMask {
  /** `true`: 1 = attend, 0 = excluded. `false`: the entries are added to the scores. */
  readonly boolean: boolean;
  readonly data: ArrayLike<number>;
  readonly strides: readonly number[];
}

const maskTypes = ["Uint8Array", "Float32Array"] as const;

/** Checks a mask and spreads it over `target` (right-aligned broadcast). */
export function spreadMask(
  name: string,
  mask: MaskLike,
  target: readonly number[],
  types: readonly string[] = maskTypes,
): SpreadMask {
  checkTensor(name, mask, types);
  const tensor = mask as TensorLike<TensorData>;
  return {
    boolean: arrayType(tensor.data) === "Uint8Array",
    data: tensor.data as Uint8Array | Float32Array,
    strides: broadcastStrides(name, shapeOf(tensor), target),
  };
}

/** Whether a mask keeps the score of that index. An additive mask keeps all. */
export function keeps(mask: SpreadMask | undefined, index: readonly number[]): boolean {
  return !mask?.boolean || mask.data[offsetOf(index, mask.strides)] !== 0;
}

/** What a mask adds to the score of that index. A boolean mask adds nothing. */
export function addend(mask: SpreadMask | undefined, index: readonly number[]): number {
  return mask === undefined || mask.boolean ? 0 : mask.data[offsetOf(index, mask.strides)]!;
}
