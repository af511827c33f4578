/** Checkpoints on disk: what of a file is read, and when; several files with an index; files that are written. */
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { findAttentionLayers } from "wasm-attention/checkpoints";
import {
  openSafetensors,
  readSafetensors,
  writeSafetensors,
  writeSafetensorsFile,
} from "wasm-attention/safetensors";
import { normal } from "../support/random-tensors.ts";

let folder: string;
beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "wasm-attention-files-"));
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => fs.rm(folder, { recursive: true }));

const path = (name: string): string => join(folder, name);
const tensors = { big: normal([100, 50], 1), small: normal([3], 2), half: normal([7, 2], 3) };

/** What is said of a file, or a folder, that is not there. */
const noFile = (doing: "read" | "write", name: string) => ({
  name: "AttentionError",
  code: "ERR_FILE",
  message: `cannot ${doing} ${JSON.stringify(path(name))}: no such ${doing === "read" ? "file" : "folder"}`,
  cause: { code: "ENOENT" },
});

/** Notes how many bytes are read from files. */
async function countBytes(): Promise<{ bytes: number }> {
  const seen = { bytes: 0 };
  const handle = await fs.open(folder);
  const prototype = Object.getPrototypeOf(handle) as fs.FileHandle;
  await handle.close();
  const read = prototype.read as (...args: unknown[]) => Promise<{ bytesRead: number }>;
  vi.spyOn(prototype, "read").mockImplementation(async function (this: fs.FileHandle, ...args: unknown[]) {
    const result = await read.apply(this, args);
    seen.bytes += result.bytesRead;
    return result as never;
  });
  return seen;
}

describe("an open file", () => {
  const file = "one.safetensors";
  let headerBytes: number;
  beforeAll(async () => {
    const dtype = (name: string) => (name === "half" ? "F16" : undefined);
    await writeSafetensorsFile(path(file), tensors, { format: "pt" }, { dtype });
    const bytes = await fs.readFile(path(file));
    headerBytes = 8 + Number(bytes.readBigUInt64LE());
  });

  it("has read its header, and reads a tensor's bytes and no others", async () => {
    const seen = await countBytes();
    await using opened = await openSafetensors(path(file));
    expect(seen.bytes).toBe(headerBytes);
    expect([...opened.names].sort()).toEqual(["big", "half", "small"]);
    expect(opened.metadata).toEqual({ format: "pt" });
    expect(await opened.entry("half")).toMatchObject({ dtype: "F16", shape: [7, 2] });
    expect(seen.bytes).toBe(headerBytes);
    expect(await opened.read("small")).toEqual(tensors.small);
    expect(seen.bytes).toBe(headerBytes + 12);
    const half = await opened.read("half");
    expect(seen.bytes).toBe(headerBytes + 12 + 28);
    for (const [i, x] of tensors.half.data.entries()) expect(half.data[i]).toBeCloseTo(x, 2);
    expect((await opened.read("big")).data).toEqual(tensors.big.data);
    await expect(opened.read("none")).rejects.toMatchObject({
      code: "ERR_OPTION",
      message: 'the safetensors file has no "none"',
    });
  });

  it("reads several tensors at once, and none after it is closed", async () => {
    const opened = await openSafetensors(path(file));
    const reads = Object.keys(tensors).map((name) => opened.read(name));
    await Promise.all([opened.close(), opened.close()]);
    expect((await Promise.all(reads)).map(({ shape }) => shape)).toEqual([[100, 50], [3], [7, 2]]);
    await expect(opened.read("big")).rejects.toMatchObject({ code: "ERR_DISPOSED" });
  });

  it("that is no such file is refused as its bytes are, and closed", async () => {
    const good = writeSafetensors(tensors);
    const long = good.slice();
    long[7] = 1;
    const bad = [good.slice(0, 5), good.slice(0, 50), good.slice(0, -1), new Uint8Array([...good, 0]), long];
    for (const [i, bytes] of bad.entries()) {
      await fs.writeFile(path(`bad-${i}`), bytes);
      let message = "";
      try {
        readSafetensors(bytes);
      } catch (error) {
        message = (error as Error).message;
      }
      await expect(openSafetensors(path(`bad-${i}`))).rejects.toMatchObject({
        name: "AttentionError",
        message,
      });
    }
    await expect(openSafetensors(path("none"))).rejects.toMatchObject(noFile("read", "none"));
    await expect(openSafetensors(path("none.json"))).rejects.toMatchObject(noFile("read", "none.json"));
    await expect(openSafetensors(folder)).rejects.toMatchObject({
      code: "ERR_FILE",
      message: `cannot read ${JSON.stringify(folder)}: it is a directory`,
    });
    await expect(openSafetensors(1 as never)).rejects.toThrow('"path" expected a string, got 1');
  });

  it("that is cut short while it is open says so", async () => {
    await writeSafetensorsFile(path("shrinking"), tensors);
    await using opened = await openSafetensors(path("shrinking"));
    await fs.truncate(path("shrinking"), 1000);
    await expect(opened.read("small")).rejects.toThrow(/^the safetensors file was cut short at \d+ bytes/);
  });
});

describe("a checkpoint in several files", () => {
  const index = "model.safetensors.index.json";
  const weight_map = { big: "a.safetensors", half: "b.safetensors", small: "b.safetensors" };
  const writeIndex = (map: unknown, name = index) =>
    fs.writeFile(path(name), JSON.stringify({ metadata: { total_size: 20068 }, weight_map: map }));

  beforeAll(async () => {
    await writeSafetensorsFile(path("a.safetensors"), { big: tensors.big });
    await writeSafetensorsFile(path("b.safetensors"), { half: tensors.half, small: tensors.small });
    await writeIndex(weight_map);
  });

  it("opens a file when one of its tensors is asked for", async () => {
    const seen = await countBytes();
    await using opened = await openSafetensors(path(index));
    expect(opened.names).toEqual(["big", "half", "small"]);
    expect(opened.metadata).toEqual({ total_size: 20068 });
    expect(seen.bytes).toBe(0);
    const [small, half] = await Promise.all([opened.read("small"), opened.read("half")]);
    const bytes = await fs.readFile(path("b.safetensors"));
    expect(seen.bytes).toBe(bytes.length);
    expect([small, half]).toEqual([tensors.small, tensors.half]);
    expect(await opened.entry("big")).toMatchObject({ dtype: "F32", shape: [100, 50] });
    await expect(opened.read("none")).rejects.toThrow('the safetensors index has no "none"');
    await opened.close();
    await expect(opened.read("big")).rejects.toMatchObject({ code: "ERR_DISPOSED" });
  });

  it("may lack files until they are needed, and be tried again", async () => {
    await writeIndex({ ...weight_map, late: "late.safetensors", other: "a.safetensors" }, "late.json");
    await using opened = await openSafetensors(path("late.json"));
    await expect(opened.read("late")).rejects.toMatchObject(noFile("read", "late.safetensors"));
    await expect(opened.read("other")).rejects.toThrow('the safetensors file has no "other"');
    await writeSafetensorsFile(path("late.safetensors"), { late: tensors.small });
    expect(await opened.read("late")).toEqual(tensors.small);
  });

  it.each([
    "../a.safetensors",
    "sub/a.safetensors",
    "..\\a.safetensors",
    "/etc/passwd",
    "C:a.safetensors",
    "a.safetensors\0",
    "..",
    "",
    "config.json",
    7,
    null,
  ])("may not lead elsewhere: %j", async (name) => {
    await writeIndex({ big: name }, "bad.json");
    await expect(openSafetensors(path("bad.json"))).rejects.toMatchObject({
      code: "ERR_OPTION",
      message: `the safetensors index expected names of .safetensors files beside it, got ${JSON.stringify(name)}`,
    });
  });

  it("must be an index", async () => {
    for (const [text, message] of [
      ["nonsense", "the safetensors index is no JSON"],
      ["[]", "the safetensors index is no JSON object"],
      ["{}", "the safetensors index has no weight_map from names to files"],
      ['{"weight_map":["a.safetensors"]}', "the safetensors index has no weight_map from names to files"],
      ['{"weight_map":{"a":"a.safetensors","a":"b.safetensors"}}', "the safetensors index has a name twice"],
    ]) {
      await fs.writeFile(path("bad.json"), text!);
      await expect(openSafetensors(path("bad.json"))).rejects.toMatchObject({ code: "ERR_OPTION", message });
    }
  });

  it("gives an attention layer without the rest being read", async () => {
    const layer = (n: number) =>
      Object.fromEntries(
        ["q_lin", "k_lin", "v_lin", "out_lin"].flatMap((name) => [
          [`transformer.layer.${n}.attention.${name}.weight`, normal([8, 8], n)],
          [`transformer.layer.${n}.attention.${name}.bias`, normal([8], n + 9)],
        ]),
      );
    const layers = [layer(0), layer(1)];
    const map: Record<string, string> = {};
    for (const [n, own] of layers.entries()) {
      await writeSafetensorsFile(path(`layer-${n}.safetensors`), own, {}, { dtype: () => "BF16" });
      for (const name of Object.keys(own)) map[name] = `layer-${n}.safetensors`;
    }
    await writeIndex(map, "layers.json");
    const seen = await countBytes();
    await using opened = await openSafetensors(path("layers.json"));
    const found = findAttentionLayers(opened, { n_heads: 2 });
    expect([found.map(({ name }) => name), seen.bytes]).toEqual([
      ["transformer.layer.0.attention", "transformer.layer.1.attention"],
      0,
    ]);
    using loaded = await found[1]!.load();
    expect(seen.bytes).toBe((await fs.stat(path("layer-1.safetensors"))).size);
    // bfloat16 keeps 8 bits of a number.
    const first = Object.values(layers[1]!)[0]!.data[0]!;
    expect(Math.abs(loaded.toStateDict().in_proj_weight!.data[0]! / first - 1)).toBeLessThan(2 ** -8);
  });
});

describe("a file that is written", () => {
  it("has the bytes that writeSafetensors gives", async () => {
    const options = { dtype: (name: string) => (name === "big" ? "BF16" : undefined) };
    await writeSafetensorsFile(path("whole"), tensors, { a: "b" }, options);
    const expected = writeSafetensors(tensors, { a: "b" }, options);
    expect((await fs.readFile(path("whole"))).equals(expected)).toBe(true);
  });

  it("needs a file system, which the modules themselves do not", async () => {
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
    const refused = { code: "ERR_UNSUPPORTED", message: "files need Node's file system" };
    await expect(openSafetensors(path("whole"))).rejects.toMatchObject(refused);
    await expect(writeSafetensorsFile(path("whole"), tensors)).rejects.toMatchObject(refused);
    expect(Object.keys(readSafetensors(writeSafetensors(tensors)).tensors)).toHaveLength(3);
  });

  it("is not written from a buffer that was given away meanwhile", async () => {
    const gone = { data: new Float32Array(1000), shape: [1000] };
    const writing = writeSafetensorsFile(path("gone"), { gone });
    structuredClone(gone.data, { transfer: [gone.data.buffer] });
    await expect(writing).rejects.toMatchObject({ code: "ERR_DISPOSED" });
    expect(await fs.readdir(folder)).not.toContain("gone");
    expect(() => writeSafetensors(tensors, {}, { type: "F16" } as never)).toThrow('"type" is no option here');
    expect(() => writeSafetensors(tensors, {}, { dtype: "F16" } as never)).toThrow(
      '"dtype" expected a function, got "F16"',
    );
  });

  it("replaces the old one when it is whole, or leaves all as it was", async () => {
    await fs.writeFile(path("kept"), "old");
    const before = (await fs.readdir(folder)).sort();
    let asked = 0;
    const failing = {
      shape: [2],
      get data(): Float32Array {
        // Its size is looked at first; when it is to be written it is gone.
        if (++asked > 1) throw new Error("gone");
        return new Float32Array(2);
      },
    };
    await expect(writeSafetensorsFile(path("kept"), { a: tensors.big, failing })).rejects.toThrow("gone");
    expect(await fs.readFile(path("kept"), "utf8")).toBe("old");
    await expect(writeSafetensorsFile(path("nowhere/new"), tensors)).rejects.toMatchObject(
      noFile("write", "nowhere/new"),
    );
    await expect(writeSafetensorsFile(path("kept"), { __metadata__: tensors.big })).rejects.toThrow(
      "may not hold",
    );
    expect((await fs.readdir(folder)).sort()).toEqual(before);
    await writeSafetensorsFile(path("kept"), { a: tensors.small });
    expect((await fs.readdir(folder)).sort()).toEqual(before);
    await using opened = await openSafetensors(path("kept"));
    expect(opened.names).toEqual(["a"]);
  });
});
