/**
 * The safetensors format (https://huggingface.co/docs/safetensors/index): 8 bytes of header length,
 * little-endian; the header, a JSON object of `name: { dtype, shape, data_offsets: [begin, end] }`
 * and `__metadata__`; then the data, without holes. Files come from strangers: every number of a header is
 * checked before anything is allocated by it.
 */
import { AttentionError } from "./errors.ts";
import { arrayType, checkTensor, shapeOf, sizeOf, type TensorData, type TensorLike } from "./tensor-like.ts";

/** Where one tensor of a file lies, in bytes from the file's beginning. */
export interface SafetensorsEntry {
  readonly name: string;
  /** As the file spells it: `"F32"`, `"BF16"`, `"I64"` and so on. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** What the header of a file says. */
export interface SafetensorsHeader {
  /** In the order of their data. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** A tensor read from a file. F16 and BF16 have become float32, BOOL bytes of 0 and 1. */
export interface SafetensorsTensor {
  readonly data: TensorData;
  readonly shape: readonly number[];
}

/** How many bytes an element takes, and how the little-endian bytes of a tensor become an array of their own. */
interface ElementType {
  readonly bytes: number;
  readonly read: (bytes: Uint8Array) => TensorData;
}

const elementTypes: Readonly<Record<string, ElementType>> = Object.freeze({
  __proto__: null as never, // so that a dtype "constructor" is unknown, too
  F64: { bytes: 8, read: (bytes) => new Float64Array(ownBuffer(bytes)) },
  F32: { bytes: 4, read: (bytes) => new Float32Array(ownBuffer(bytes)) },
  F16: { bytes: 2, read: (bytes) => widenFloat16(new Uint16Array(ownBuffer(bytes))) },
  BF16: { bytes: 2, read: (bytes) => widenBfloat16(new Uint16Array(ownBuffer(bytes))) },
  I64: { bytes: 8, read: (bytes) => new BigInt64Array(ownBuffer(bytes)) },
  I32: { bytes: 4, read: (bytes) => new Int32Array(ownBuffer(bytes)) },
  U32: { bytes: 4, read: (bytes) => new Uint32Array(ownBuffer(bytes)) },
  I16: { bytes: 2, read: (bytes) => new Int16Array(ownBuffer(bytes)) },
  U16: { bytes: 2, read: (bytes) => new Uint16Array(ownBuffer(bytes)) },
  I8: { bytes: 1, read: (bytes) => new Int8Array(ownBuffer(bytes)) },
  U8: { bytes: 1, read: (bytes) => new Uint8Array(ownBuffer(bytes)) },
  BOOL: { bytes: 1, read: (bytes) => Uint8Array.from(bytes, (byte) => (byte === 0 ? 0 : 1)) },
});

/** The limit of the format's own implementation. */
const maxHeaderBytes = 100_000_000;

/**
 * Reads and checks the header of a safetensors file.
 *
 * @param bytes The file, or as much of its beginning as holds the header.
 * @param fileSize The length of the whole file. Default `bytes.length`.
 * @throws AttentionError `ERR_OPTION` for what is no such file or is cut short, `ERR_SHAPE` where the
 *   sizes of a tensor and its bytes disagree, `ERR_UNSUPPORTED` for an element type not read here.
 */
export function readSafetensorsHeader(bytes: Uint8Array, fileSize: number = bytes.length): SafetensorsHeader {
  if (arrayType(bytes) !== "Uint8Array")
    throw new AttentionError("ERR_DTYPE", `"bytes" expected a Uint8Array, got ${arrayType(bytes)}`);
  if (bytes.length < 8) throw refuse(`has ${bytes.length} bytes, too few for a header`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > maxHeaderBytes)
    throw refuse(`says that its header has ${length} bytes, more than ${maxHeaderBytes}`);
  const dataBegin = 8 + Number(length);
  if (dataBegin > bytes.length)
    throw refuse(`is cut short: ${length} bytes of header, ${bytes.length - 8} are there`);

  const header = parseHeader(bytes.subarray(8, dataBegin));
  const entries: SafetensorsEntry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") metadata = checkMetadata(value);
    else entries.push(readEntry(name, value, dataBegin));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  // Each tensor begins where the last one ends, so that none overlap and none lie outside. This also
  // refuses most headers with a name twice, of which JSON.parse keeps only the last.
  let end = dataBegin;
  for (const entry of entries) {
    if (entry.begin !== end)
      throw refuse(
        `has ${entry.begin < end ? "overlapping tensors" : "a hole in its data"} at "${entry.name}"`,
      );
    end = entry.end;
  }
  if (end > fileSize)
    throw refuse(`is cut short: ${end - dataBegin} bytes of data, ${fileSize - dataBegin} are there`);
  if (end < fileSize) throw refuse(`has ${fileSize - end} bytes after its last tensor`);
  return { entries, metadata };
}

/** Makes the tensor of an entry from the file's bytes: a copy, in a buffer of its own. */
export function readSafetensorsEntry(bytes: Uint8Array, entry: SafetensorsEntry): SafetensorsTensor {
  return {
    data: elementTypes[entry.dtype]!.read(bytes.subarray(entry.begin, entry.end)),
    shape: entry.shape,
  };
}

/**
 * Reads a safetensors file: F32 and integers as they are, F16 and BF16 widened to float32, BOOL as
 * bytes of 0 and 1. The tensors do not share the file's bytes.
 *
 * @returns The tensors by name, ready for `fromStateDict`, and the file's metadata.
 * @throws AttentionError as {@link readSafetensorsHeader} does.
 *
 * @example
 * ```ts
 * import { readSafetensors, writeSafetensors } from "wasm-attention/safetensors";
 * const bytes = writeSafetensors({ scale: { data: new Float32Array([1, 2]), shape: [2] } });
 * const { tensors } = readSafetensors(bytes);
 * console.log(tensors.scale?.shape); // [ 2 ]
 * ```
 */
export function readSafetensors(bytes: Uint8Array): {
  readonly tensors: Record<string, SafetensorsTensor>;
  readonly metadata: Readonly<Record<string, string>>;
} {
  const { entries, metadata } = readSafetensorsHeader(bytes);
  // No prototype: a tensor may be called "__proto__" or "constructor".
  const tensors = Object.create(null) as Record<string, SafetensorsTensor>;
  for (const entry of entries) tensors[entry.name] = readSafetensorsEntry(bytes, entry);
  return { tensors, metadata };
}

const dtypeOfArray: Readonly<Record<string, string>> = {
  Float64Array: "F64",
  Float32Array: "F32",
  BigInt64Array: "I64",
  Int32Array: "I32",
  Uint32Array: "U32",
  Int16Array: "I16",
  Uint16Array: "U16",
  Int8Array: "I8",
  Uint8Array: "U8",
};

/**
 * Writes tensors as the bytes of a safetensors file.
 *
 * @throws AttentionError `ERR_OPTION` for the name `__metadata__` and for metadata that are no strings,
 *   `ERR_DTYPE` and `ERR_SHAPE` for what is no tensor.
 *
 * @example
 * ```ts
 * import { writeFileSync } from "node:fs";
 * import { MultiHeadAttention } from "wasm-attention";
 * import { writeSafetensors } from "wasm-attention/safetensors";
 * const layer = new MultiHeadAttention({ embedDim: 64, numHeads: 4 });
 * writeFileSync("layer.safetensors", writeSafetensors(layer.toStateDict()));
 * ```
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorLike<TensorData>>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const list = Object.entries(tensors).map(([name, tensor]) => {
    if (name === "__metadata__")
      throw new AttentionError("ERR_OPTION", `"tensors" may not hold the name __metadata__`);
    checkTensor(name, tensor, Object.keys(dtypeOfArray));
    return { name, data: tensor.data, shape: shapeOf(tensor), dtype: dtypeOfArray[arrayType(tensor.data)]! };
  });
  // Wide elements first, so that each tensor is aligned to its element; then by name: the format's own order.
  list.sort((a, b) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT || (a.name < b.name ? -1 : 1));
  const header = Object.create(null) as Record<string, unknown>;
  if (Object.keys(checkMetadata(metadata)).length > 0) header.__metadata__ = metadata;
  let end = 0;
  for (const { name, data, shape, dtype } of list)
    header[name] = { dtype, shape: [...shape], data_offsets: [end, (end += data.byteLength)] };

  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + end).fill(0x20, 8 + json.length, 8 + headerLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.set(json, 8);
  let at = 8 + headerLength;
  for (const { data } of list) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function refuse(what: string): AttentionError {
  return new AttentionError("ERR_OPTION", `the safetensors file ${what}`);
}

function parseHeader(bytes: Uint8Array): object {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new AttentionError("ERR_OPTION", "the safetensors file has a header that is no JSON", { cause });
  }
  if (typeof header !== "object" || header === null || Array.isArray(header))
    throw refuse("has a header that is no JSON object");
  return header;
}

function checkMetadata(metadata: unknown): Record<string, string> {
  if (
    typeof metadata !== "object" ||
    metadata === null ||
    Object.values(metadata).some((v) => typeof v !== "string")
  )
    throw new AttentionError("ERR_OPTION", "safetensors metadata expected an object of strings");
  return metadata as Record<string, string>;
}

function readEntry(name: string, value: unknown, dataBegin: number): SafetensorsEntry {
  const quoted = JSON.stringify(name);
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  if (typeof dtype !== "string" || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2)
    throw refuse(`describes ${quoted} otherwise than by dtype, shape and data_offsets`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || !Number.isSafeInteger(dataBegin + end))
    throw refuse(`has offsets [${offsets}] for ${quoted}`);
  const type = elementTypes[dtype];
  if (type === undefined)
    throw new AttentionError(
      "ERR_UNSUPPORTED",
      `${quoted} in the safetensors file has elements of type ${dtype}, not read here`,
    );
  const size = sizeOf(shape) * type.bytes;
  if (size !== end - begin)
    throw new AttentionError(
      "ERR_SHAPE",
      `${quoted} in the safetensors file expected ${size} bytes for shape [${shape.join(", ")}] of ${dtype}, got ${end - begin}`,
    );
  return { name, dtype, shape, begin: dataBegin + begin, end: dataBegin + end };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** A copy of the bytes: aligned, and not tied to the file's buffer. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer; // not slice(), which on Node's Buffer copies nothing
}

function widenBfloat16(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}

/** Exact: every half is a float32. */
function widenFloat16(halves: Uint16Array): Float32Array {
  const words = new Uint32Array(halves.length);
  const values = new Float32Array(words.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!;
    const sign = (half & 0x8000) << 16;
    const magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) words[i] = sign | 0x7f800000 | ((magnitude & 0x3ff) << 13);
    else if (magnitude >= 0x0400) words[i] = sign | ((magnitude << 13) + (112 << 23));
    else values[i] = (sign === 0 ? 1 : -1) * magnitude * 2 ** -24;
  }
  return values;
}
