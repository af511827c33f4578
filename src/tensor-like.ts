import { describe, listed, reasonOf } from "./describe.ts";
import { AttentionError } from "./errors.ts";
import { isA } from "./is-a.ts";
import { arrayType, checkAttached, isArray, lengthOf, plainView } from "./typed-array.ts";

/** The arrays a tensor may be made of. Kernels compute in float32; masks are bytes, vectors may be integers. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int32Array
  | BigInt64Array
  | BigUint64Array
  | Uint32Array
  | Int8Array
  | Uint16Array
  | Int16Array;

/**
 * Row-major data with its sizes: `{ data, shape }`, or `{ data, dims }` as ONNX Runtime and
 * transformers.js spell it. Whatever has these two properties is accepted.
 */
export type TensorLike<D extends TensorData = Float32Array> =
  | { readonly data: D; readonly shape: readonly number[] }
  | { readonly data: D; readonly dims: readonly number[] };

/** A rank-1 argument: an array, a typed array or a rank-1 tensor. */
export type VectorLike =
  | readonly number[]
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint8Array
  | BigInt64Array
  | TensorLike<TensorData>;

/** The sizes of a tensor-like, whichever way it spells them. */
export function shapeOf(tensor: TensorLike<TensorData>): readonly number[] {
  return "shape" in tensor ? tensor.shape : tensor.dims;
}

/** How many elements a shape holds. A scalar, `[]`, holds one. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

/**
 * A tensor as it was when it was read: each property once, its sizes copied, its data seen through a plain view of fixed
 * length. What is checked of it stays true, whatever getters, proxies and buffers do afterwards.
 */
export class ReadTensor<D extends TensorData = Float32Array> {
  readonly data: D;
  readonly shape: readonly number[];

  constructor(data: D, shape: readonly number[]) {
    this.data = data;
    this.shape = shape;
  }

  static is(value: object): value is ReadTensor<TensorData> {
    return isA(value, ReadTensor);
  }
}

/**
 * Reads a tensor, and checks that it is one of the element types asked for and that its data has as many elements as its
 * shape says.
 *
 * @throws AttentionError `ERR_DTYPE` for what is no such tensor or cannot be read, `ERR_SHAPE` where sizes disagree,
 *   `ERR_DISPOSED` for data whose buffer is detached.
 */
export function readTensor<D extends TensorData = Float32Array>(
  name: string,
  value: unknown,
  types: readonly string[] = float32,
): ReadTensor<D> {
  const tensor = takeTensor(name, value);
  if (typeof tensor !== "object" || tensor === null || !ReadTensor.is(tensor))
    throw new AttentionError(
      "ERR_DTYPE",
      `"${name}" expected a tensor { data, shape }, got ${describe(value)}${isList(value) ? "; tensor(data, shape) makes one" : ""}`,
    );
  const { data, shape } = tensor;
  const type = arrayType(data);
  if (!types.includes(type))
    throw new AttentionError(
      "ERR_DTYPE",
      `"${name}" expected data of type ${types.join(" or ")}, got ${type}`,
    );
  const size = checkSizes(name, shape);
  const length = lengthOf(data);
  if (length === 0) checkAttached(name, data);
  if (length !== size)
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" of shape ${listed(shape)} expected ${size} elements, got ${length}`,
    );
  return tensor as ReadTensor<TensorData> as ReadTensor<D>;
}

/** Checks a tensor that was read before, where it is looked at under its own name. */
export function checkTensor(
  name: string,
  value: unknown,
  types?: readonly string[],
): asserts value is TensorLike<TensorData> {
  readTensor(name, value, types);
}

/** Reads what has data, without a look at what it is; gives back whatever else it is given. */
export function takeTensor<T>(name: string, value: T): T | ReadTensor<TensorData> {
  if (typeof value !== "object" || value === null || ReadTensor.is(value)) return value;
  try {
    const tensor = value as { readonly data?: unknown; readonly shape?: unknown; readonly dims?: unknown };
    if (!("data" in tensor)) return value;
    const { data } = tensor;
    const shape = copySizes(name, "shape" in tensor ? tensor.shape : tensor.dims);
    return new ReadTensor(plainView(data), shape);
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

/**
 * Reads a shape that stands by itself.
 *
 * @throws AttentionError `ERR_DTYPE` for what is no array, `ERR_SHAPE` for sizes that are no whole numbers
 */
export function readShape(name: string, shape: readonly number[]): readonly number[] {
  try {
    const sizes = copySizes(name, shape);
    checkSizes(name, sizes);
    return sizes;
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

function copySizes(name: string, shape: unknown): number[] {
  if (!isArray(shape) && !(ArrayBuffer.isView(shape) && arrayType(shape) !== "DataView"))
    throw new AttentionError(
      "ERR_DTYPE",
      `"${name}" expected a shape that is an array, got ${describe(shape)}`,
    );
  const { length } = shape as readonly number[];
  if (!(length <= MOST_DIMENSIONS))
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" expected at most ${MOST_DIMENSIONS} dimensions, got ${describe(length)}`,
    );
  const sizes = new Array<number>(length);
  for (let i = 0; i < length; i++) sizes[i] = (shape as readonly number[])[i]!;
  return sizes;
}

/** As many as NumPy has. */
export const MOST_DIMENSIONS: number = 64;

/** More numbers than linear memory holds; of a tensor without elements the other sizes may not multiply to more either. */
export const MOST_ELEMENTS: number = 2 ** 30;

/** Checks sizes; gives their product. */
function checkSizes(name: string, shape: readonly number[]): number {
  let size = 1;
  for (const n of shape) {
    if (!Number.isInteger(n) || n < 0)
      throw new AttentionError(
        "ERR_SHAPE",
        `"${name}" expected sizes that are whole numbers, got ${listed(shape)}`,
      );
    size *= n;
  }
  if (size === 0 || Number.isNaN(size)) checkEmpty(name, shape);
  return size;
}

/** Nothing is stored of an empty tensor, so its sizes cost nothing; but there are loops over them. */
function checkEmpty(name: string, shape: readonly number[]): void {
  if (!(sizeOf(shape.filter((n) => n !== 0)) <= MOST_ELEMENTS))
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" expected sizes whose product, but for the 0, is at most ${MOST_ELEMENTS}, got ${listed(shape)}`,
    );
}

/** What a getter or a proxy threw, as an error about the argument. */
export function unreadable(name: string, cause: unknown): AttentionError {
  if (isA(cause, AttentionError))
    return cause.code === "ERR_DISPOSED" && !cause.message.startsWith('"')
      ? new AttentionError("ERR_DISPOSED", `"${name}": ${cause.message}`)
      : cause;
  return new AttentionError("ERR_DTYPE", `"${name}" cannot be read: ${reasonOf(cause)}`, { cause });
}

function isList(value: unknown): boolean {
  return isArray(value) || ArrayBuffer.isView(value);
}

const float32 = ["Float32Array"] as const;
