// A checkpoint in several files: an index of `weight_map: { name: file }` beside them.

import { builtin } from "../engine/platform.ts";
import { AttentionError } from "../errors.ts";
import { fileSystem, naming } from "./file-system.ts";
import { maxHeaderBytes, parseObject, refuse } from "./header.ts";
import type { SafetensorsFile } from "./open.ts";

/** Opens the index; `open` opens a file of it. */
export async function openShards(
  path: string,
  open: (path: string) => Promise<SafetensorsFile>,
): Promise<SafetensorsFile> {
  const { metadata, weight_map } = await naming("read", path, () => readIndex(path));
  const fileOf = readWeightMap(weight_map);
  const { dirname, join } = builtin<typeof import("node:path")>("node:path")!;
  const shards = new Map<string, Promise<SafetensorsFile>>();
  let closed = false;

  const shardWith = (name: string): Promise<SafetensorsFile> => {
    const file = fileOf.get(name);
    if (file === undefined) throw refuse(`has no ${JSON.stringify(name)}`, "index");
    if (closed) throw new AttentionError("ERR_DISPOSED", "this safetensors file is closed");
    let shard = shards.get(file);
    if (shard === undefined) {
      shard = open(join(dirname(path), file));
      shards.set(file, shard);
      // What failed may be tried again.
      shard.catch(() => shards.delete(file));
    }
    return shard;
  };
  const close = async (): Promise<void> => {
    closed = true;
    const opened = await Promise.allSettled(shards.values());
    await Promise.all(opened.map((shard) => shard.status === "fulfilled" && shard.value.close()));
  };
  return {
    names: [...fileOf.keys()],
    metadata: Object(metadata) as Readonly<Record<string, unknown>>,
    entry: async (name) => (await shardWith(name)).entry(name),
    read: async (name) => (await shardWith(name)).read(name),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function readIndex(path: string): Promise<Readonly<Record<string, unknown>>> {
  const fs = fileSystem();
  const { size } = await fs.stat(path);
  if (size > maxHeaderBytes) throw refuse(`has ${size} bytes, more than ${maxHeaderBytes}`, "index");
  return parseObject("index", await fs.readFile(path));
}

function readWeightMap(map: unknown): ReadonlyMap<string, string> {
  if (typeof map !== "object" || map === null || Array.isArray(map))
    throw refuse("has no weight_map from names to files", "index");
  const fileOf = new Map<string, string>(Object.entries(map));
  for (const file of fileOf.values()) {
    // Indices come from strangers, too: whatever could lead to another folder is refused.
    if (typeof file !== "string" || !/^[^/\\:\0]+\.safetensors$/.test(file))
      throw refuse(`expected names of .safetensors files beside it, got ${JSON.stringify(file)}`, "index");
  }
  return fileOf;
}
