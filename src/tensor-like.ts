import { AttentionError } from "./errors.ts";

/** The arrays a tensor may be made of. Kernels compute in float32; masks are bytes, vectors may be integers. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int32Array
  | BigInt64Array
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

/** The name of a value's built-in class, as its own realm stamped it: holds in Jest and across vm contexts. */
export function arrayType(value: unknown): string {
  if (!ArrayBuffer.isView(value)) return Array.isArray(value) ? "Array" : typeof value;
  return (typedArrayTag.call(value) as string | undefined) ?? "DataView";
}

const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)?.get as () => string | undefined;

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
 * Checks that a value is a tensor of the element types asked for and that its data has as many
 * elements as its shape says.
 *
 * @throws AttentionError `ERR_DTYPE` for what is no such tensor, `ERR_SHAPE` where sizes disagree,
 *   `ERR_DISPOSED` for data whose buffer is detached.
 */
export function checkTensor(
  name: string,
  value: unknown,
  types: readonly string[] = float32,
): asserts value is TensorLike<TensorData> {
  const tensor = value as { data?: unknown; shape?: unknown; dims?: unknown } | null | undefined;
  if (typeof tensor !== "object" || tensor === null || !("data" in tensor))
    throw new AttentionError(
      "ERR_DTYPE",
      `"${name}" expected a tensor { data, shape }, got ${describe(value)}${isList(value) ? "; tensor(data, shape) makes one" : ""}`,
    );
  const data = tensor.data;
  const type = arrayType(data);
  if (!types.includes(type))
    throw new AttentionError(
      "ERR_DTYPE",
      `"${name}" expected data of type ${types.join(" or ")}, got ${type}`,
    );
  const shape = "shape" in tensor ? tensor.shape : tensor.dims;
  if (!Array.isArray(shape) && !ArrayBuffer.isView(shape))
    throw new AttentionError(
      "ERR_DTYPE",
      `"${name}" expected a shape that is an array, got ${describe(shape)}`,
    );
  const sizes = shape as readonly number[];
  let size = 1;
  for (let i = 0; i < sizes.length; i++) {
    const n = sizes[i] as number;
    if (!Number.isInteger(n) || n < 0)
      throw new AttentionError(
        "ERR_SHAPE",
        `"${name}" expected sizes that are whole numbers, got [${sizes.join(", ")}]`,
      );
    size *= n;
  }
  const array = data as Float32Array;
  if (array.length !== size) {
    if (array.length === 0 && isDetached(array.buffer))
      throw new AttentionError("ERR_DISPOSED", `"${name}" is backed by a detached buffer`);
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" of shape [${sizes.join(", ")}] expected ${size} elements, got ${array.length}`,
    );
  }
}

function isList(value: unknown): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

const float32 = ["Float32Array"] as const;

/** A detached buffer has length 0 and refuses to be sliced. */
function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    buffer.slice(0, 0);
    return false;
  } catch {
    return true;
  }
}

/** A value as an error message shows it. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  const type = arrayType(value);
  if (type === "number" || type === "boolean" || type === "bigint" || type === "undefined")
    return String(value);
  if (type === "string") return JSON.stringify(value);
  return type === "object"
    ? "an object"
    : type === "function"
      ? "a function"
      : `${/^[AEIOU]/.test(type) ? "an" : "a"} ${type}`;
}
