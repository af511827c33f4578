import { describe, quoted } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { shapeError } from "../tensor.ts";
import { type ReadTensor, readTensor, type TensorData, type TensorLike, unreadable } from "../tensor-like.ts";
import { arrayType } from "../typed-array.ts";
import { readOptions } from "../validate/options.ts";
import { elementTypes } from "./element-types.ts";
import { fileSystem, naming } from "./file-system.ts";
import { checkMetadata } from "./header.ts";

/** How tensors are written. */
export interface SafetensorsWriteOptions {
  /**
   * The element type of each tensor: `"F32"`, `"BF16"` or `"F16"` of a `Float32Array`, rounded to the nearest, ties to
   * even; `"U8"` or `"BOOL"` of a `Uint8Array`. Others have one type only. Default: the array's own.
   */
  readonly dtype?: ((name: string, tensor: TensorLike<TensorData>) => string | undefined) | undefined;
}

/**
 * Writes tensors as the bytes of a safetensors file: aligned, and in the order of the format's own implementation.
 *
 * @throws AttentionError `ERR_OPTION` for the names `__metadata__` and `__proto__`, for metadata that are no strings
 *   and for an element type that an array does not become, `ERR_DTYPE` and `ERR_SHAPE` for what is no tensor.
 *
 * @example
 * ```ts
 * import { writeFileSync } from "node:fs";
 * import { MultiHeadAttention } from "wasm-attention";
 * import { writeSafetensors } from "wasm-attention/safetensors";
 * const layer = new MultiHeadAttention({ embedDim: 64, numHeads: 4 });
 * writeFileSync("layer.safetensors", writeSafetensors(layer.toStateDict(), {}, { dtype: () => "BF16" }));
 * ```
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorLike<TensorData>>>,
  metadata: Readonly<Record<string, string>> = {},
  options: SafetensorsWriteOptions = {},
): Uint8Array<ArrayBuffer> {
  const { header, parts, size } = planFile(tensors, metadata, options);
  const bytes = new Uint8Array(size);
  bytes.set(header);
  let at = header.length;
  for (const part of parts) {
    const encoded = encode(part, part.read);
    bytes.set(encoded, at);
    at += encoded.length;
  }
  return bytes;
}

/**
 * Writes tensors as a safetensors file, tensor by tensor. The file appears under its name, or takes the place of the one
 * there, when it is whole; if anything fails, nothing has changed.
 *
 * @throws AttentionError as {@link writeSafetensors}; `ERR_FILE` with the system's error as `cause`
 *
 * @example
 * ```ts
 * import { openSafetensors, writeSafetensorsFile } from "wasm-attention/safetensors";
 * const x = { data: new Float32Array(6), shape: [2, 3] };
 * await writeSafetensorsFile("x.safetensors", { x }, { format: "pt" });
 * await using file = await openSafetensors("x.safetensors");
 * console.log((await file.read("x")).shape); // [ 2, 3 ]
 * ```
 */
export async function writeSafetensorsFile(
  path: string,
  tensors: Readonly<Record<string, TensorLike<TensorData>>>,
  metadata: Readonly<Record<string, string>> = {},
  options: SafetensorsWriteOptions = {},
): Promise<void> {
  const { header, parts } = planFile(tensors, metadata, options);
  await naming("write", path, () => replaceFile(path, header, parts));
}

async function replaceFile(path: string, header: Uint8Array, parts: readonly Part[]): Promise<void> {
  const fs = fileSystem();
  // Beside the file: a rename is atomic within a file system only.
  const temporary = `${path}.${globalThis.crypto.randomUUID()}.tmp`;
  const handle = await fs.open(temporary, "wx");
  try {
    try {
      await handle.writeFile(header);
      for (const part of parts) await handle.writeFile(encode(part, readAgain(part)));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
}

const optionNames: ReadonlySet<string> = new Set(["dtype"]);

/** What can be written. */
const arrays: readonly string[] = Object.values(elementTypes).flatMap(({ array }) => array ?? []);

/** A tensor to be written: as it was given, and as it was read. */
interface Part {
  readonly name: string;
  readonly tensor: TensorLike<TensorData>;
  readonly read: ReadTensor<TensorData>;
  readonly dtype: string;
}

function planFile(
  tensors: Readonly<Record<string, TensorLike<TensorData>>>,
  metadata: Readonly<Record<string, string>>,
  given: SafetensorsWriteOptions,
): { readonly header: Uint8Array; readonly parts: readonly Part[]; readonly size: number } {
  const { dtype } = readOptions(given, optionNames);
  if (dtype !== undefined && typeof dtype !== "function")
    throw new AttentionError("ERR_OPTION", `"dtype" expected a function, got ${describe(dtype)}`);
  const parts = membersOf("tensors", tensors).map(([name, tensor]): Part => {
    if (name === "__metadata__" || name === "__proto__")
      throw new AttentionError("ERR_OPTION", `"tensors" may not hold the name ${name}`);
    // UTF-8 has no halves of surrogate pairs: two names would become one.
    if (/\p{Surrogate}/u.test(name))
      throw new AttentionError(
        "ERR_OPTION",
        `"tensors" may not hold the name ${quoted(name)}, which is no text`,
      );
    const read = readTensor<TensorData>(name, tensor, arrays);
    return { name, tensor, read, dtype: chooseType(name, arrayType(read.data), dtype?.(name, tensor)) };
  });
  const rank = Object.keys(elementTypes);
  parts.sort((a, b) => rank.indexOf(a.dtype) - rank.indexOf(b.dtype) || (a.name < b.name ? -1 : 1));

  // Put together by hand: an object would bring names like "1" forward.
  const notes = checkMetadata(Object.fromEntries(membersOf("metadata", metadata)));
  const items = Object.keys(notes).length > 0 ? [["__metadata__", notes] as const] : [];
  let end = 0;
  const described = parts.map(({ name, read: { data, shape }, dtype }) => {
    const offsets = [end, (end += data.length * elementTypes[dtype]!.bytes)];
    return [name, { dtype, shape, data_offsets: offsets }] as const;
  });
  const pairs = [...items, ...described].map(
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
  );
  const json = new TextEncoder().encode(`{${pairs.join()}}`);
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(json, 8);
  return { header, parts, size: header.length + end };
}

/** What an object holds, each member read once. */
function membersOf<T>(name: string, object: Readonly<Record<string, T>>): [string, T][] {
  if (typeof object !== "object" || object === null)
    throw new AttentionError("ERR_DTYPE", `"${name}" expected an object, got ${describe(object)}`);
  try {
    return Object.entries(object);
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

/** The type asked for, or the array's own. */
function chooseType(name: string, array: string, wanted: string | undefined): string {
  const possible = Object.keys(elementTypes).filter((dtype) => elementTypes[dtype]!.array === array);
  // The one without a conversion.
  const own = possible.find((dtype) => elementTypes[dtype]!.write === undefined)!;
  if (wanted === undefined || possible.includes(wanted)) return wanted ?? own;
  throw new AttentionError(
    "ERR_OPTION",
    `"dtype" of "${name}" expected ${possible.join(" or ")} for its ${array}, got ${describe(wanted)}`,
  );
}

function encode({ dtype }: Part, read: ReadTensor<TensorData>): Uint8Array {
  const data = elementTypes[dtype]!.write?.(read.data) ?? read.data;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** While a file is written a tensor's buffer may be given away, and an engine's data may move. */
function readAgain({ name, tensor, read: { data, shape } }: Part): ReadTensor<TensorData> {
  const again = readTensor<TensorData>(name, tensor, [arrayType(data)]);
  if (again.shape.join() !== shape.join())
    throw shapeError(name, `shape [${shape.join(", ")}] as before`, again.shape);
  return again;
}
