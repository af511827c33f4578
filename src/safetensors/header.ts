/**
 * The safetensors format (https://huggingface.co/docs/safetensors/index): 8 bytes of header length,
 * little-endian; the header, a JSON object of `name: { dtype, shape, data_offsets: [begin, end] }`
 * and `__metadata__`; then the data, without holes. Files come from strangers: every number of a header is
 * checked before anything is allocated by it.
 */
import { describe, listed, quoted } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { sizeOf } from "../tensor-like.ts";
import { arrayType, bufferOf, byteOffsetOf, checkAttached, lengthOf } from "../typed-array.ts";
import { elementTypes } from "./element-types.ts";

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

/** @internal The limit of the format's own implementation. */
export const maxHeaderBytes = 100_000_000;

/**
 * Reads and checks the header of a safetensors file.
 *
 * @param file The file, or as much of its beginning as holds the header.
 * @param fileSize The length of the whole file. Default `file.length`.
 * @throws AttentionError `ERR_OPTION` for what is no such file or is cut short, `ERR_SHAPE` where the
 *   sizes of a tensor and its bytes disagree, `ERR_UNSUPPORTED` for an element type not read here.
 */
export function readSafetensorsHeader(file: Uint8Array, fileSize?: number): SafetensorsHeader {
  const bytes = readBytes(file);
  if (fileSize !== undefined && (!Number.isSafeInteger(fileSize) || fileSize < bytes.length))
    throw new AttentionError(
      "ERR_OPTION",
      `"fileSize" expected a whole number of at least the ${bytes.length} bytes that are there, got ${describe(fileSize)}`,
    );
  return parseFile(bytes, fileSize ?? bytes.length);
}

/** @internal The bytes of a file through a plain view, as Node's Buffer has methods of its own. */
export function readBytes(bytes: Uint8Array): Uint8Array {
  if (arrayType(bytes) !== "Uint8Array")
    throw new AttentionError("ERR_DTYPE", `"bytes" expected a Uint8Array, got ${describe(bytes)}`);
  if (lengthOf(bytes) === 0) checkAttached("bytes", bytes);
  return new Uint8Array(bufferOf(bytes), byteOffsetOf(bytes), lengthOf(bytes));
}

function parseFile(bytes: Uint8Array, fileSize: number): SafetensorsHeader {
  if (bytes.length < 8) throw refuse(`has ${bytes.length} bytes, too few for a header`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > maxHeaderBytes)
    throw refuse(`says that its header has ${length} bytes, more than ${maxHeaderBytes}`);
  const dataBegin = 8 + Number(length);
  if (dataBegin > bytes.length)
    throw refuse(`is cut short: ${length} bytes of header, ${bytes.length - 8} are there`);

  const header = parseObject("file has a header that", bytes.subarray(8, dataBegin));
  const entries: SafetensorsEntry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") metadata = checkMetadata(value);
    else if (name === "__proto__") throw refuse("has a tensor named __proto__");
    else entries.push(readEntry(name, value, dataBegin));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  // Each tensor begins where the last one ends, so that none overlap and none lie outside.
  let end = dataBegin;
  for (const entry of entries) {
    if (entry.begin !== end)
      throw refuse(
        `has ${entry.begin < end ? "overlapping tensors" : "a hole in its data"} at ${quoted(entry.name)}`,
      );
    end = entry.end;
  }
  if (end > fileSize)
    throw refuse(`is cut short: ${end - dataBegin} bytes of data, ${fileSize - dataBegin} are there`);
  if (end < fileSize) throw refuse(`has ${fileSize - end} bytes after its last tensor`);
  return { entries, metadata };
}

/** @internal */
export function refuse(what: string, file: string = "file"): AttentionError {
  return new AttentionError("ERR_OPTION", `the safetensors ${file} ${what}`);
}

/** @internal The JSON object that a header or an index is; `what` begins errors. */
export function parseObject(what: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes)); // a copy, as memory that is shared is not decoded
    value = JSON.parse(text);
  } catch (cause) {
    throw new AttentionError("ERR_OPTION", `the safetensors ${what} is no JSON`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw refuse("is no JSON object", what);
  // Of a name twice JSON.parse keeps the last: to a reader that keeps the first it would be another file.
  const inner = Object.values(value).map((entry) => Object.keys(Object(entry)).length);
  if (countNames(text) > inner.reduce((sum, count) => sum + count, Object.keys(value).length))
    throw refuse("has a name twice", what);
  return value as Readonly<Record<string, unknown>>;
}

/** Names in a JSON object and in the objects directly in it, as they stand in its text. */
function countNames(json: string): number {
  let names = 0;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    else if (char === '"') {
      while (json[++at] !== '"') if (json[at] === "\\") at++;
      let next = at + 1;
      while (json[next]! <= " ") next++;
      if (depth <= 2 && json[next] === ":") names++;
    }
  }
  return names;
}

/** @internal */
export function checkMetadata(metadata: unknown): Record<string, string> {
  if (
    typeof metadata !== "object" ||
    metadata === null ||
    Array.isArray(metadata) ||
    Object.values(metadata).some((v) => typeof v !== "string")
  )
    throw new AttentionError("ERR_OPTION", "safetensors metadata expected an object of strings");
  return metadata as Record<string, string>;
}

function readEntry(name: string, value: unknown, dataBegin: number): SafetensorsEntry {
  const called = quoted(name);
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  if (typeof dtype !== "string" || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2)
    throw refuse(`describes ${called} otherwise than by dtype, shape and data_offsets`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || !Number.isSafeInteger(dataBegin + end))
    throw refuse(`has offsets ${listed(offsets)} for ${called}`);
  const type = elementTypes[dtype];
  if (type === undefined)
    throw new AttentionError(
      "ERR_UNSUPPORTED",
      `${called} in the safetensors file has elements of type ${quoted(dtype).slice(1, -1)}, not read here`,
    );
  // Beside a size of 0 the others may still be more than there are numbers for.
  if (!Number.isSafeInteger(sizeOf(shape.map((n) => n || 1)) * type.bytes))
    throw new AttentionError(
      "ERR_SHAPE",
      `${called} in the safetensors file has too large a shape, ${listed(shape)}`,
    );
  const size = sizeOf(shape) * type.bytes;
  if (size !== end - begin)
    throw new AttentionError(
      "ERR_SHAPE",
      `${called} in the safetensors file expected ${size} bytes for shape ${listed(shape)} of ${dtype}, got ${end - begin}`,
    );
  return { name, dtype, shape, begin: dataBegin + begin, end: dataBegin + end };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
