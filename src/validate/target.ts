import { AttentionError } from "../errors.ts";
import { shapeError, Tensor } from "../tensor.ts";
import { checkTensor, shapeOf, sizeOf, type TensorData, type TensorLike } from "../tensor-like.ts";

/**
 * The tensor a result goes into: a new one, or `out` once it is known to have the right shape and to share no memory
 * with the inputs, which are still read while it is written.
 */
export function checkTarget(
  name: string,
  out: TensorLike | undefined,
  shape: readonly number[],
  inputs: readonly (TensorLike<TensorData> | undefined)[],
): Tensor {
  if (out === undefined) return new Tensor(new Float32Array(sizeOf(shape)), shape);
  checkTensor(name, out);
  const actual = shapeOf(out);
  if (actual.length !== shape.length || shape.some((size, d) => size !== actual[d]))
    throw shapeError(name, `shape [${shape.join(", ")}]`, actual);
  const data = out.data as Float32Array;
  for (const input of inputs) {
    if (input && overlaps(data, input.data as Float32Array))
      throw new AttentionError("ERR_OPTION", `"${name}" shares memory with an input`);
  }
  return out instanceof Tensor ? out : new Tensor(data, [...shape]);
}

function overlaps(a: Float32Array, b: Float32Array): boolean {
  return (
    a.buffer === b.buffer &&
    a.byteOffset < b.byteOffset + b.byteLength &&
    b.byteOffset < a.byteOffset + a.byteLength
  );
}
