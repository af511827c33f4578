// The element types of safetensors files, and what becomes of them in typed arrays.

import type { TensorData } from "../tensor-like.ts";
import { narrowBfloat16, narrowFloat16, widenBfloat16, widenSmallFloat } from "./small-floats.ts";

/** Bytes of an element, how the bytes of a tensor become an array, and which arrays become such bytes. */
interface ElementType {
  readonly bytes: number;
  /** The buffer is the tensor's own; the array may lie in it. */
  readonly read: (buffer: ArrayBuffer) => TensorData;
  /** What is written as this type; without a conversion where it is the array's own. */
  readonly array?: string;
  /** Default: the array's bytes as they are. */
  readonly write?: (data: TensorData) => TensorData;
}

/** By the names in the files, in the order in which the format's own implementation writes tensors. */
export const elementTypes: Readonly<Record<string, ElementType>> = /* @__PURE__ */ Object.freeze({
  __proto__: null as never, // so that a dtype "constructor" is unknown, too
  U64: { bytes: 8, array: "BigUint64Array", read: (buffer) => new BigUint64Array(buffer) },
  I64: { bytes: 8, array: "BigInt64Array", read: (buffer) => new BigInt64Array(buffer) },
  F64: { bytes: 8, array: "Float64Array", read: (buffer) => new Float64Array(buffer) },
  F32: { bytes: 4, array: "Float32Array", read: (buffer) => new Float32Array(buffer) },
  U32: { bytes: 4, array: "Uint32Array", read: (buffer) => new Uint32Array(buffer) },
  I32: { bytes: 4, array: "Int32Array", read: (buffer) => new Int32Array(buffer) },
  BF16: {
    bytes: 2,
    array: "Float32Array",
    read: (buffer) => widenBfloat16(new Uint16Array(buffer)),
    write: (data) => narrowBfloat16(data as Float32Array),
  },
  F16: {
    bytes: 2,
    array: "Float32Array",
    read: (buffer) => widenSmallFloat("F16", new Uint16Array(buffer)),
    write: (data) => narrowFloat16(data as Float32Array),
  },
  U16: { bytes: 2, array: "Uint16Array", read: (buffer) => new Uint16Array(buffer) },
  I16: { bytes: 2, array: "Int16Array", read: (buffer) => new Int16Array(buffer) },
  F8_E4M3: { bytes: 1, read: (buffer) => widenSmallFloat("F8_E4M3", new Uint8Array(buffer)) },
  F8_E5M2: { bytes: 1, read: (buffer) => widenSmallFloat("F8_E5M2", new Uint8Array(buffer)) },
  I8: { bytes: 1, array: "Int8Array", read: (buffer) => new Int8Array(buffer) },
  U8: { bytes: 1, array: "Uint8Array", read: (buffer) => new Uint8Array(buffer) },
  BOOL: {
    bytes: 1,
    array: "Uint8Array",
    read: (buffer) => truthValues(new Uint8Array(buffer)),
    write: (data) => truthValues(data as Uint8Array),
  },
});

function truthValues(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => (byte === 0 ? 0 : 1));
}
