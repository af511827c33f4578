/// <reference lib="esnext.disposable" preserve="true" />

import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { fileSystem, naming } from "./file-system.ts";
import { maxHeaderBytes, readSafetensorsHeader, refuse, type SafetensorsEntry } from "./header.ts";
import { makeTensor, type SafetensorsTensor } from "./read.ts";
import { openShards } from "./shards.ts";

/** A checkpoint on disk, of which nothing but the header has been read. */
export interface SafetensorsFile {
  /** Of all tensors. */
  readonly names: readonly string[];
  /** Of a file strings; of an index what it says, such as `total_size`. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Element type, shape and place of a tensor. */
  entry(name: string): Promise<SafetensorsEntry>;
  /** Reads one tensor, and nothing else. */
  read(name: string): Promise<SafetensorsTensor>;
  /** After the reads in flight. Twice is fine. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens a safetensors file, or a checkpoint in several (`model.safetensors.index.json`), without reading its tensors.
 * Of several files each is opened when one of its tensors is first asked for.
 *
 * @throws AttentionError as `readSafetensors`, for a file when it is opened; `ERR_OPTION` for a name that is not there
 *   and for an index that leads out of its folder, `ERR_DISPOSED` after `close`, `ERR_UNSUPPORTED` where there is no
 *   file system, `ERR_FILE` with the system's error as `cause` for what it does not read
 *
 * @example
 * ```ts no-run
 * import { openSafetensors } from "wasm-attention/safetensors";
 * await using checkpoint = await openSafetensors("llama/model.safetensors.index.json");
 * const { data, shape } = await checkpoint.read("model.norm.weight");
 * ```
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  if (typeof path !== "string")
    throw new AttentionError("ERR_OPTION", `"path" expected a string, got ${describe(path)}`);
  return path.endsWith(".json") ? openShards(path, openFile) : openFile(path);
}

type FileHandle = import("node:fs/promises").FileHandle;

function openFile(path: string): Promise<SafetensorsFile> {
  return naming("read", path, () => openHeader(path));
}

async function openHeader(path: string): Promise<SafetensorsFile> {
  const handle = await fileSystem().open(path);
  try {
    const { size } = await handle.stat();
    const start = await readBytes(handle, 0, Math.min(8, size));
    const length = start.length < 8 ? 0 : Number(new DataView(start.buffer).getBigUint64(0, true));
    const rest = length > maxHeaderBytes ? 0 : Math.min(length, size - start.length);
    const header = new Uint8Array(start.length + rest);
    header.set(start);
    header.set(await readBytes(handle, start.length, rest), start.length);
    const { entries, metadata } = readSafetensorsHeader(header, size);
    return makeFile(path, handle, entries, metadata);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function makeFile(
  path: string,
  handle: FileHandle,
  entries: readonly SafetensorsEntry[],
  metadata: Readonly<Record<string, string>>,
): SafetensorsFile {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const reads = new Set<Promise<SafetensorsTensor>>();
  let closed: Promise<void> | undefined;
  const find = (name: string): SafetensorsEntry => {
    const entry = byName.get(name);
    if (entry === undefined) throw refuse(`has no ${JSON.stringify(name)}`);
    return entry;
  };
  const start = async (name: string): Promise<SafetensorsTensor> => {
    const entry = find(name);
    if (closed) throw new AttentionError("ERR_DISPOSED", "this safetensors file is closed");
    return makeTensor(entry, await readBytes(handle, entry.begin, entry.end - entry.begin));
  };
  const close = (): Promise<void> => (closed ??= Promise.allSettled(reads).then(() => handle.close()));
  return {
    names: [...byName.keys()],
    metadata,
    entry: async (name) => find(name),
    read: async (name) => {
      const read = naming("read", path, () => start(name));
      reads.add(read);
      try {
        return await read;
      } finally {
        reads.delete(read);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Node reads at most 2 GiB at a time. */
const mostBytes = 2 ** 30;

async function readBytes(
  handle: FileHandle,
  begin: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = allocate(length);
  for (let at = 0; at < length; ) {
    const count = Math.min(length - at, mostBytes);
    const { bytesRead } = await handle.read(bytes, at, count, begin + at);
    if (bytesRead === 0) throw refuse(`was cut short at ${begin + at} bytes while it was read`);
    at += bytesRead;
  }
  return bytes;
}

function allocate(length: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new AttentionError("ERR_MEMORY", `there is no room for a tensor of ${length} bytes`, { cause });
  }
}
