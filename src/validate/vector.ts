import { AttentionError } from "../errors.ts";
import {
  arrayType,
  describe,
  shapeOf,
  type TensorData,
  type TensorLike,
  type VectorLike,
} from "../tensor-like.ts";

/** Reads a vector of `length` numbers (or of any), however it is spelled: array, typed array or rank-1 tensor. */
export function readVector(name: string, vector: VectorLike, length?: number): number[] {
  const values = elements(name, vector);
  if (length !== undefined && values.length !== length)
    throw new AttentionError("ERR_SHAPE", `"${name}" expected ${length} elements, got ${values.length}`);
  const numbers = Array.from(values, Number);
  for (const n of numbers)
    if (Number.isNaN(n)) throw new AttentionError("ERR_OPTION", `"${name}" expected numbers, got NaN`);
  return numbers;
}

/** The same for whole numbers. */
export function readWholeVector(name: string, vector: VectorLike, length?: number): number[] {
  const numbers = readVector(name, vector, length);
  for (const n of numbers)
    if (!Number.isInteger(n))
      throw new AttentionError("ERR_OPTION", `"${name}" expected whole numbers, got ${n}`);
  return numbers;
}

function elements(name: string, vector: VectorLike): ArrayLike<number | bigint> {
  if (Array.isArray(vector) || ArrayBuffer.isView(vector)) return vector as ArrayLike<number | bigint>;
  const tensor = vector as TensorLike<TensorData>;
  if (typeof tensor !== "object" || tensor === null || arrayType(tensor.data) === "undefined")
    throw new AttentionError(
      "ERR_DTYPE",
      `"${name}" expected an array or a rank-1 tensor, got ${describe(vector)}`,
    );
  const shape = shapeOf(tensor);
  if (shape.length !== 1 || shape[0] !== tensor.data.length)
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" expected a rank-1 tensor, got shape [${shape.join(", ")}]`,
    );
  return tensor.data;
}
