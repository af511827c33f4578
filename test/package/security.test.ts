/** What SECURITY.md says of the files that ship. */
import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = join(root, "dist");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const files = readdirSync(dist, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".js"))
  .map((name) => ({ name: name.split(sep).join("/"), text: readFileSync(join(dist, name), "utf8") }));

/** Names of the shipped files in which something stands. */
const where = (pattern: RegExp) => files.filter(({ text }) => pattern.test(text)).map(({ name }) => name);
const outside = (names: readonly string[], ...folders: readonly string[]) =>
  names.filter((name) => !folders.some((folder) => name.startsWith(folder)));

describe("the files that ship", () => {
  it("are there to be looked at", () => {
    const { exports, bin } = manifest;
    const entries = [...Object.values<{ default?: string }>(exports), { default: bin["wasm-attention"] }];
    const scripts = entries.map((entry) => entry.default ?? "").filter((file) => file.endsWith(".js"));
    expect(scripts.length).toBeGreaterThan(10);
    expect(files.map(({ name }) => name)).toEqual(
      expect.arrayContaining(scripts.map((file) => file.replace(/^(\.\/)?dist\//, ""))),
    );
  });

  it("run no code from a string, and start workers from no string", () => {
    expect(where(/\beval\s*\(|new Function\b|\bvm\b.*run|data:text|createObjectURL|eval: true/)).toEqual([]);
  });

  it("open no connection", () => {
    expect(
      where(/node:(http|https|net|dgram|tls|dns|inspector)\b|\bfetch\s*\(|XMLHttpRequest|WebSocket/),
    ).toEqual([]);
  });

  it("start no process", () => {
    expect(where(/node:(child_process|cluster)\b/)).toEqual([]);
  });

  it("touch files only in the command line, and where checkpoints are given by a path", () => {
    expect(outside(where(/node:fs\b/), "cli/", "safetensors")).toEqual([]);
  });

  it("read two environment variables", () => {
    const reads = /(?:\.env\??\.|\benvironmentVariable\(["`])(\w+)/g;
    const named = files.flatMap(({ text }) => [...text.matchAll(reads)].map(([, name]) => name));
    const byName = files.filter(({ text }) => /\.env(?:\?\.)?\[/.test(text)).map(({ name }) => name);
    expect(byName.filter((name) => !name.startsWith("cli/"))).toEqual(["tensors.js"]);
    const ours = [...new Set(named)].filter(
      (name) => !["NO_COLOR", "FORCE_COLOR", "COLUMNS"].includes(name!),
    );
    expect(ours.sort()).toEqual(["WASM_ATTENTION_KERNELS", "WASM_ATTENTION_THREADS"]);
  });

  it("import nothing but themselves and Node, but for the command line's tokenizer", () => {
    const imported = files.flatMap(({ name, text }) =>
      [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["'`]([^"'`]+)["'`]/g)].map(([, from]) => ({
        name,
        from: from!,
      })),
    );
    const foreign = imported.filter(
      ({ from }) => !/^(\.{1,2}\/|node:|#baselines\/|wasm-attention)/.test(from),
    );
    expect(
      foreign.filter(({ name, from }) => !(name.startsWith("cli/") && from.startsWith("gpt-tokenizer"))),
    ).toEqual([]);
  });
});

describe("package.json", () => {
  it("names no runtime dependency", () => {
    const { dependencies, optionalDependencies, bundledDependencies } = manifest;
    expect({ dependencies, optionalDependencies, bundledDependencies }).toEqual({});
  });
});
