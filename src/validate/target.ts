import { AttentionError } from "../errors.ts";
import { shapeError, Tensor, zeros } from "../tensor.ts";
import { readTensor, type TensorData, type TensorLike } from "../tensor-like.ts";
import { bufferOf, byteOffsetOf } from "../typed-array.ts";

/** Where a result goes: what the caller gets, and the array that is written. */
export interface Target {
  readonly tensor: Tensor;
  readonly data: Float32Array;
}

/**
 * The target of a result: a new tensor, or `out` once it is known to have the right shape and to share no memory with the
 * inputs, which are still read while it is written.
 */
export function checkTarget(
  name: string,
  out: TensorLike | undefined,
  shape: readonly number[],
  inputs: readonly TensorData[],
): Target {
  if (out === undefined) {
    const tensor = zeros(shape, "the output");
    return { tensor, data: tensor.data };
  }
  const { data, shape: actual } = readTensor(name, out);
  if (actual.length !== shape.length || shape.some((size, d) => size !== actual[d]))
    throw shapeError(name, `shape [${shape.join(", ")}]`, actual);
  for (const input of inputs) {
    if (overlaps(data, input))
      throw new AttentionError("ERR_OPTION", `"${name}" shares memory with an input`);
  }
  return { tensor: out instanceof Tensor ? out : new Tensor(data, actual), data };
}

function overlaps(a: TensorData, b: TensorData): boolean {
  const [from, start] = [byteOffsetOf(a), byteOffsetOf(b)];
  return bufferOf(a) === bufferOf(b) && from < start + b.byteLength && start < from + a.byteLength;
}
