import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { ReadTensor, takeTensor, unreadable, type VectorLike } from "../tensor-like.ts";
import { arrayType, checkAttached, isArray, lengthOf } from "../typed-array.ts";

/** Longer than any vector that is not as long as something else. */
const MOST_NUMBERS: number = 2 ** 24;

/** Reads a vector of `length` numbers (or of any), however it is spelled: array, typed array or rank-1 tensor. */
export function readVector(name: string, vector: VectorLike, length?: number): number[] {
  try {
    return numbersOf(name, elementsOf(name, vector), length);
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

/** The same for numbers that kernels take in float32: one that is finite must be finite there too. */
export function readFloatVector(name: string, vector: VectorLike, length: number): number[] {
  const numbers = readVector(name, vector, length);
  for (const n of numbers)
    if (Number.isFinite(n) && !Number.isFinite(Math.fround(n)))
      throw new AttentionError("ERR_OPTION", `"${name}" expected numbers that float32 can hold, got ${n}`);
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

/** Reads an array or typed array of numbers, of any length. */
export function readNumbers(name: string, list: unknown): number[] {
  return readVector(name, list as VectorLike);
}

function numbersOf(name: string, values: ArrayLike<unknown>, expected: number | undefined): number[] {
  const count = values.length;
  if (expected !== undefined && count !== expected)
    throw new AttentionError("ERR_SHAPE", `"${name}" expected ${expected} elements, got ${describe(count)}`);
  if (!(count <= MOST_NUMBERS))
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" expected at most ${MOST_NUMBERS} elements, got ${count}`,
    );
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) {
    const value = values[i];
    const isNumber = typeof value === "number" || typeof value === "bigint";
    if (!isNumber || Number.isNaN(value))
      throw new AttentionError("ERR_OPTION", `"${name}" expected numbers, got ${describe(value)}`);
    numbers.push(Number(value));
  }
  return numbers;
}

function elementsOf(name: string, vector: VectorLike): ArrayLike<unknown> {
  if (isArray(vector)) return vector;
  if (isTypedArray(vector)) return attached(name, vector);
  const tensor = takeTensor(name, vector as unknown);
  if (typeof tensor !== "object" || tensor === null || !ReadTensor.is(tensor))
    throw new AttentionError(
      "ERR_DTYPE",
      `"${name}" expected an array or a rank-1 tensor, got ${describe(vector)}`,
    );
  const { data, shape } = tensor;
  const elements = isArray(data) ? data : isTypedArray(data) ? attached(name, data) : undefined;
  if (elements === undefined)
    throw new AttentionError("ERR_DTYPE", `"${name}" expected data that is an array, got ${describe(data)}`);
  if (shape.length !== 1 || shape[0] !== elements.length)
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" expected a rank-1 tensor, got shape [${shape.map(describe).join(", ")}]`,
    );
  return elements;
}

function isTypedArray(value: unknown): value is Float32Array {
  return ArrayBuffer.isView(value) && arrayType(value) !== "DataView";
}

/** An array of its real length, whatever its own property of that name says. */
function attached(name: string, array: Float32Array): ArrayLike<number> {
  const length = lengthOf(array);
  if (length === 0) checkAttached(name, array);
  return array.length === length ? array : Array.from({ length }, (_, i) => array[i]!);
}
