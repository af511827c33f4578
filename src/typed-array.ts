// Typed arrays as they are, not as a subclass, a property of their own or a getter says they are.

import { AttentionError } from "./errors.ts";
import type { TensorData } from "./tensor-like.ts";

/** The name of a value's built-in class, as its own realm stamped it: holds in Jest and across vm contexts. */
export function arrayType(value: unknown): string {
  if (!ArrayBuffer.isView(value)) return isArray(value) ? "Array" : typeof value;
  return (tagOf.call(value) as string | undefined) ?? "DataView";
}

/** Arrays of any realm; a proxy whose target was revoked is none. */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

// What a typed array says of itself, and not what a subclass or a property of its own says.
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
function getterOf<T>(name: PropertyKey): (this: unknown) => T {
  return Object.getOwnPropertyDescriptor(typedArray, name)!.get as () => T;
}
const tagOf = /* @__PURE__ */ getterOf<string | undefined>(Symbol.toStringTag);
const lengthGetter = /* @__PURE__ */ getterOf<number>("length");
const bufferGetter = /* @__PURE__ */ getterOf<ArrayBufferLike>("buffer");
const offsetGetter = /* @__PURE__ */ getterOf<number>("byteOffset");

/** How many elements a typed array has now: 0 where its buffer is detached, or has shrunk to before its end. */
export function lengthOf(array: ArrayBufferView): number {
  return lengthGetter.call(array);
}

export function bufferOf(array: ArrayBufferView): ArrayBufferLike {
  return bufferGetter.call(array);
}

export function byteOffsetOf(array: ArrayBufferView): number {
  return offsetGetter.call(array);
}

type ViewConstructor = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView;
const constructors: ReadonlyMap<string, ViewConstructor> = /* @__PURE__ */ new Map(
  /* @__PURE__ */ [
    Float32Array,
    Float64Array,
    Uint8Array,
    Int8Array,
    Uint16Array,
    Int16Array,
    Uint32Array,
    Int32Array,
    BigInt64Array,
    BigUint64Array,
  ].map((type) => [type.name, type as unknown as ViewConstructor]),
);

/** The same elements without a subclass's methods, and of a length that no resized buffer changes. */
export function plainView(data: unknown): TensorData {
  if (!ArrayBuffer.isView(data)) return data as TensorData;
  // Most arrays by far are this, and short calls feel the rest.
  if (Object.getPrototypeOf(data) === Float32Array.prototype && isFixed(data)) return data as Float32Array;
  const view = constructors.get(arrayType(data));
  if (view === undefined) return data as TensorData;
  if (Object.getPrototypeOf(data) === view.prototype && isFixed(data)) return data as unknown as TensorData;
  if (isGone(data)) return data as unknown as TensorData;
  return new view(bufferOf(data), byteOffsetOf(data), lengthOf(data)) as TensorData;
}

/** Whether no resizing can change how many elements there are. */
function isFixed(data: ArrayBufferView): boolean {
  const buffer = bufferOf(data) as { readonly resizable?: boolean; readonly growable?: boolean };
  return buffer.resizable !== true && buffer.growable !== true;
}

/** Refuses an array whose elements are no longer there. */
export function checkAttached(name: string, array: ArrayBufferView): void {
  if (!isGone(array)) return;
  const detached = isDetached(bufferOf(array));
  throw new AttentionError(
    "ERR_DISPOSED",
    `"${name}" is backed by ${detached ? "a detached buffer" : "a buffer that has shrunk"}`,
  );
}

/** Every method of an array refuses to look at one that is detached, or out of its buffer's bounds. */
function isGone(array: ArrayBufferView): boolean {
  try {
    Uint8Array.prototype.keys.call(array);
    return false;
  } catch {
    return true;
  }
}

/** A detached buffer refuses to be sliced. */
function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    buffer.slice(0, 0);
    return false;
  } catch {
    return true;
  }
}
