import type { MaskLike } from "../attention-options.ts";
import { arrayType, checkTensor, shapeOf, type TensorData, type TensorLike } from "../tensor-like.ts";
import { broadcastStrides } from "./broadcast.ts";

/** A mask or bias spread over the scores. */
export interface SpreadMask {
  /** `true`: 1 = attend, 0 = excluded. `false`: the entries are added to the scores. */
  readonly boolean: boolean;
  readonly data: Uint8Array | Float32Array;
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
