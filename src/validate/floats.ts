import { type ReadTensor, readTensor, type TensorLike } from "../tensor-like.ts";

/** A tensor of floats. The kernels read float32; the reference reads float64 too, for its own results. */
export type FloatTensor = TensorLike<Float32Array> | TensorLike<Float64Array>;

/** The element types of the kernels, and of the reference. */
export const float32: readonly string[] = ["Float32Array"];
export const float32or64: readonly string[] = ["Float32Array", "Float64Array"];

/** Checks a float tensor; gives its data and shape, whichever way it spells them. */
export function readFloats(
  name: string,
  tensor: unknown,
  types: readonly string[] = float32or64,
): ReadTensor<Float32Array | Float64Array> {
  return readTensor<Float32Array | Float64Array>(name, tensor, types);
}
