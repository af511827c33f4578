import { shapeError } from "../tensor.ts";
import { readTensor, type TensorLike, takeTensor, type VectorLike } from "../tensor-like.ts";
import { isArray } from "../typed-array.ts";
import { readFloatVector } from "./vector.ts";

/** Factors of heads: one for each, or a tensor `[H]` or `[B, H]` of floats or booleans (1 = keep). */
export type HeadMask = VectorLike | TensorLike<Float32Array> | TensorLike<Uint8Array>;

/** Factors of all entries' heads, `[B, H]`. */
export function readHeadMask(given: HeadMask, B: number, H: number): Float32Array {
  const mask = takeTensor("headMask", given);
  if (isArray(mask) || ArrayBuffer.isView(mask)) return repeated(readFloatVector("headMask", mask, H), B);
  const { data, shape } = readTensor<Float32Array | Uint8Array>("headMask", mask, [
    "Float32Array",
    "Uint8Array",
  ]);
  if (shape.length === 1 && shape[0] === H) return repeated(data, B);
  if (shape.length !== 2 || shape[0] !== B || shape[1] !== H)
    throw shapeError("headMask", `shape [H=${H}] or [B=${B}, H=${H}]`, shape);
  return Float32Array.from(data);
}

function repeated(factors: ArrayLike<number>, B: number): Float32Array {
  return Float32Array.from({ length: B * factors.length }, (_, n) => factors[n % factors.length]!);
}
