/**
 * NumPy's .npy format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): the magic string, a version, the
 * length of the header, the header, which is a Python dict of `descr`, `fortran_order` and `shape`, then the elements.
 * Files come from strangers: every number of a header is checked before anything is allocated by it.
 *
 * @module
 */
import { AttentionError } from "./errors.ts";
import { elementTypes } from "./safetensors/element-types.ts";
import { MOST_DIMENSIONS, readTensor, sizeOf, type TensorData, type TensorLike } from "./tensor-like.ts";
import { arrayType } from "./typed-array.ts";

/** An array read from a file, row-major. */
export interface NpyArray {
  /** Elements of their own: float16 and bfloat16 have become float32, bool bytes of 0 and 1. */
  readonly data: TensorData;
  readonly shape: readonly number[];
  /** What the elements are in the file, as NumPy calls it: `"float32"`, `"bfloat16"`, `"bool"`, `"int64"`. */
  readonly dtype: string;
}

/** Element types: how a header spells them, how NumPy calls them, and how they are read. */
const descriptions: Readonly<Record<string, readonly [name: string, elements: string]>> = Object.freeze({
  __proto__: null as never,
  f2: ["float16", "F16"],
  f4: ["float32", "F32"],
  f8: ["float64", "F64"],
  // NumPy does not know bfloat16: ml_dtypes, JAX and PyTorch users save it as two bytes of no type.
  V2: ["bfloat16", "BF16"],
  b1: ["bool", "BOOL"],
  i1: ["int8", "I8"],
  i2: ["int16", "I16"],
  i4: ["int32", "I32"],
  i8: ["int64", "I64"],
  u1: ["uint8", "U8"],
  u2: ["uint16", "U16"],
  u4: ["uint32", "U32"],
  u8: ["uint64", "U64"],
});

/** What the elements of an array are when they are written as they are. */
const ownTypes: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(elementTypes).flatMap(([name, { array, write }]) =>
    array && !write ? [[array, name]] : [],
  ),
);

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
/** The data begin at a multiple of this, as NumPy has it. */
const alignment = 64;

/**
 * Reads an array that `np.save` wrote: versions 1 to 3, either byte order, C or Fortran order (which is transposed into
 * C order). Elements may be float16 to float64, bfloat16 (`V2`, as ml_dtypes saves it), bool, and integers.
 *
 * @param bytes The whole file.
 * @throws AttentionError `ERR_OPTION` for what is no such file, is cut short or has bytes too many, `ERR_SHAPE` for
 *   sizes that no array has, `ERR_UNSUPPORTED` for elements not read here.
 *
 * @example
 * ```ts
 * import { readNpy, writeNpy } from "wasm-attention/npy";
 * const bytes = writeNpy({ data: new Float32Array([1, 2, 3, 4]), shape: [2, 2] });
 * const { shape, dtype } = readNpy(bytes);
 * console.log(shape, dtype); // [ 2, 2 ] float32
 * ```
 */
export function readNpy(bytes: Uint8Array): NpyArray {
  if (arrayType(bytes) !== "Uint8Array")
    throw new AttentionError("ERR_DTYPE", `"bytes" expected a Uint8Array, got ${arrayType(bytes)}`);
  const { text, dataBegin } = headerOf(bytes);
  const { description, isFortran, shape } = parseHeader(text);
  const [name, elements] = descriptions[description.slice(1)] ?? [];
  if (name === undefined || !/^[<>|=]/.test(description))
    throw new AttentionError(
      "ERR_UNSUPPORTED",
      `the .npy file has elements of type ${JSON.stringify(description)}, not read here${hintOn(description)}`,
    );
  if (shape.length > MOST_DIMENSIONS)
    throw new AttentionError(
      "ERR_SHAPE",
      `the .npy file has ${shape.length} dimensions, more than the ${MOST_DIMENSIONS} an array may have`,
    );
  const type = elementTypes[elements!]!;
  const expected = sizeOf(shape) * type.bytes;
  const found = bytes.length - dataBegin;
  if (![...shape, expected].every(Number.isSafeInteger))
    throw new AttentionError(
      "ERR_SHAPE",
      `the .npy file has sizes [${shape.join(", ")}], more than any array has`,
    );
  if (found !== expected)
    throw refuse(
      found < expected
        ? `is cut short: ${expected} bytes of data for shape [${shape.join(", ")}] of ${name}, ${found} are there`
        : `has ${found - expected} bytes after its data of shape [${shape.join(", ")}] of ${name}`,
    );
  const raw = bytes.subarray(dataBegin);
  const data = type.read(copyOf(raw, description.startsWith(">") ? type.bytes : 1));
  return { data: isFortran ? rowMajor(data, shape) : data, shape, dtype: name };
}

/**
 * Writes a tensor as the bytes of an .npy file that `np.load` reads, in C order and little-endian.
 *
 * @throws AttentionError `ERR_DTYPE` and `ERR_SHAPE` for what is no tensor.
 *
 * @example
 * ```ts
 * import { writeFileSync } from "node:fs";
 * import { softmaxSync, tensor } from "wasm-attention";
 * import { writeNpy } from "wasm-attention/npy";
 * writeFileSync("probabilities.npy", writeNpy(softmaxSync(tensor([1, 2, 3, 4], [2, 2]))));
 * ```
 */
export function writeNpy(array: TensorLike<TensorData>): Uint8Array {
  const { data, shape } = readTensor<TensorData>("array", array, Object.keys(ownTypes));
  const elements = ownTypes[arrayType(data)]!;
  const [code] = Object.entries(descriptions).find(([, [, read]]) => read === elements)!;
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const order = data.BYTES_PER_ELEMENT === 1 ? "|" : "<";
  const header = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': (${sizes}), }`;
  // Version 1 counts the header in two bytes, which is plenty for the dimensions that a tensor may have.
  const headerBegin = magic.length + 4;
  const dataBegin = Math.ceil((headerBegin + header.length + 1) / alignment) * alignment;
  const bytes = new Uint8Array(dataBegin + data.byteLength);
  bytes.set([...magic, 1, 0]);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, dataBegin - headerBegin, true);
  const padded = `${header.padEnd(dataBegin - headerBegin - 1)}\n`;
  bytes.set(new TextEncoder().encode(padded), headerBegin);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), dataBegin);
  return bytes;
}

function refuse(what: string): AttentionError {
  return new AttentionError("ERR_OPTION", `the .npy file ${what}`);
}

/** The header's text, and where the data begin. */
function headerOf(bytes: Uint8Array): { text: string; dataBegin: number } {
  if (!magic.every((byte, i) => bytes[i] === byte))
    throw refuse(`does not begin with \\x93NUMPY${whatElse(bytes)}`);
  const version = bytes[6] ?? 0;
  const lengthBytes = version === 1 ? 2 : 4;
  const headerBegin = 8 + lengthBytes;
  if (bytes.length < headerBegin) throw refuse(`has ${bytes.length} bytes, too few for a header`);
  if (version < 1 || version > 3) throw refuse(`is of version ${version}.${bytes[7]}, expected 1 to 3`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBegin);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataBegin = headerBegin + length;
  if (dataBegin > bytes.length)
    throw refuse(`is cut short: ${length} bytes of header, ${bytes.length - headerBegin} are there`);
  // Version 1 and 2 are Latin-1, version 3 is UTF-8; what is read here is ASCII in all of them.
  return { text: new TextDecoder().decode(bytes.subarray(headerBegin, dataBegin)), dataBegin };
}

/** Files that are often taken for an .npy file. */
function whatElse(bytes: Uint8Array): string {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  return isZip ? ": it is a zip archive, as np.savez and torch.save write; np.save writes .npy" : "";
}

const longestHeader = 10_000; // NumPy's own limit for files that are not trusted

function parseHeader(text: string): { description: string; isFortran: boolean; shape: readonly number[] } {
  if (text.length > longestHeader)
    throw refuse(`has a header of ${text.length} characters, more than ${longestHeader}`);
  let rest = text;
  const take = (pattern: RegExp): string | undefined => {
    const found = pattern.exec(rest);
    if (found === null) return undefined;
    rest = rest.replace(found[0], "");
    return found[1]!;
  };
  const description = take(/['"]descr['"]\s*:\s*['"]([^'"]*)['"]/);
  if (description === undefined && /['"]descr['"]\s*:\s*\[/.test(rest))
    throw new AttentionError("ERR_UNSUPPORTED", "the .npy file is a structured array, not read here");
  const order = take(/['"]fortran_order['"]\s*:\s*(True|False)/);
  // Python 2 wrote an L after each size.
  const sizes = take(/['"]shape['"]\s*:\s*\(((?:\s*\d+L?\s*,)*(?:\s*\d+L?)?\s*)\)/);
  if (
    description === undefined ||
    order === undefined ||
    sizes === undefined ||
    !/^\s*\{[\s,]*\}\s*$/.test(rest)
  )
    throw refuse(
      `has a header other than descr, fortran_order and shape: ${JSON.stringify(text.trim().slice(0, 100))}`,
    );
  const shape = sizes.split(",").filter((size) => size.trim() !== "");
  return { description, isFortran: order === "True", shape: shape.map((size) => Number.parseInt(size, 10)) };
}

function hintOn(description: string): string {
  const kind = description.slice(1, 2);
  if (kind === "O") return ": they are Python objects; save an array of numbers";
  return kind === "f" || kind === "c" ? '; .astype("float32") makes it readable' : "";
}

/** A copy in a buffer of its own, each `width` bytes in the opposite order. */
function copyOf(bytes: Uint8Array, width: number): ArrayBuffer {
  const copy = new Uint8Array(bytes);
  if (width > 1) for (let at = 0; at < copy.length; at += width) copy.subarray(at, at + width).reverse();
  return copy.buffer;
}

/** Elements whose first index runs fastest, in the order in which the last one does. */
function rowMajor(data: TensorData, shape: readonly number[]): TensorData {
  const ordered = data.slice();
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < ordered.length; to++) {
    ordered[to] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return ordered;
}
