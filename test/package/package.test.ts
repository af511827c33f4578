// The package as a user gets it: packed, installed into an empty folder, imported, required, compiled against and run.
// The package must be built.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, posix, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const folder = mkdtempSync(join(tmpdir(), "wasm-attention-package-"));
const consumer = join(folder, "consumer");
const installed = join(consumer, "node_modules", "wasm-attention");

/** What npm says of the tarball. */
let packed: { readonly filename: string; readonly size: number; readonly files: readonly { path: string }[] };

beforeAll(() => {
  [packed] = JSON.parse(npm(root, "pack", "--ignore-scripts", "--json", "--pack-destination", folder));
  mkdirSync(consumer);
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const offline = ["--offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  npm(consumer, "install", "--prefix", consumer, ...offline, join(folder, packed.filename));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the tarball", () => {
  const paths = () => packed.files.map(({ path }) => path);
  const text = (path: string) => readFileSync(join(installed, path), "utf8");

  test("is small and needs nothing else", () => {
    expect(packed.size).toBeLessThan(300_000);
    expect(manifest.dependencies).toBeUndefined();
    expect(manifest.optionalDependencies).toBeUndefined();
    // An optional peer is not installed unless asked for.
    expect(readdirSync(join(consumer, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
      "wasm-attention",
    ]);
  });

  test("holds the package and its papers, and neither tests nor tools", () => {
    const top = new Set(paths().map((path) => path.split("/")[0]!));
    const needed = ["CHANGELOG.md", "LICENSE", "README.md", "dist", "package.json"];
    expect([...top].filter((name) => name !== "src").sort()).toEqual(needed);
    expect(paths().filter((path) => /\btest\b|\.stamp$|\.tsbuildinfo$|golden/.test(path))).toEqual([]);
  });

  test("source maps are there, and so is every source they point to", () => {
    const shipped = new Set(paths());
    const lost: string[] = [];
    for (const path of paths()) {
      const at = (reference: string) => posix.join(posix.dirname(path), reference);
      const targets = path.endsWith(".map")
        ? JSON.parse(text(path)).sources
        : /\.[jt]s$/.test(path)
          ? [...text(path).matchAll(/^\/\/# sourceMappingURL=(.*)$/gm)].map(([, url]) => url)
          : [];
      for (const target of targets) if (!shipped.has(at(target))) lost.push(`${path} -> ${at(target)}`);
    }
    expect(lost).toEqual([]);
  });
});

describe("an ES module", () => {
  test("imports the package, computes at once and on a worker, and ends by itself", () => {
    const printed = runModule(`
      import { createEngine, matmulSync, scaledDotProductAttention, tensor } from "wasm-attention";
      import * as reference from "wasm-attention/reference";
      const x = tensor(Float32Array.from({ length: 1000 * 64 }, (_, i) => Math.sin(i)), [1000, 64]);
      const engine = createEngine({ threads: 2 });
      const { output } = await scaledDotProductAttention(x, x, x, { engine });
      const exact = reference.scaledDotProductAttention({ data: x.data.subarray(0, 64), shape: [1, 64] }, x, x).output;
      console.log(JSON.stringify({
        product: [...matmulSync(tensor(Float32Array.of(1, 2), [2]), tensor(Float32Array.of(3, 4), [2])).data],
        shape: output.shape,
        error: Math.max(...exact.data.map((value, i) => Math.abs(value - output.data[i]))),
        withoutWorkers: engine.info().withoutWorkers ?? null,
      }));
    `);
    const { error, ...rest } = JSON.parse(printed);
    expect(rest).toEqual({ product: [11], shape: [1000, 64], withoutWorkers: null });
    expect(error).toBeLessThan(1e-5);
  });

  test("imports every subpath", () => {
    const modules = Object.entries<{ default?: string }>(manifest.exports)
      .filter(([, target]) => target.default?.endsWith(".js"))
      .map(([subpath]) => posix.join("wasm-attention", subpath));
    expect(modules).toContain("wasm-attention/reference");
    const printed = runModule(`
      for (const name of ${JSON.stringify(modules)}) console.log(name, Object.keys(await import(name)).length > 0);
    `);
    // The worker's file is for bundlers; it has nothing to import.
    const exporting = (name: string) => name !== "wasm-attention/worker";
    expect(printed.split("\n")).toEqual(modules.map((name) => `${name} ${exporting(name)}`));
  });

  test("finds the kernels as files", () => {
    const printed = runModule(`
      import { readFileSync } from "node:fs";
      for (const set of ["strict", "relaxed"]) {
        const bytes = readFileSync(new URL(import.meta.resolve("wasm-attention/kernels/" + set + ".wasm")));
        console.log(set, bytes.subarray(0, 4).toString("latin1") === "\\0asm", set !== "strict" || WebAssembly.validate(bytes));
      }
    `);
    expect(printed.split("\n")).toEqual(["strict true true", "relaxed true true"]);
  });

  test("does not get at what is not exported", () => {
    const printed = runModule(`
      await import("wasm-attention/dist/engine/runtime.js").catch((error) => console.log(error.code));
    `);
    expect(printed).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });
});

test("CommonJS requires it", () => {
  const printed = runModule(
    `
      const { MultiHeadAttention, tensor } = require("wasm-attention");
      const { softmax } = require("wasm-attention/reference");
      const layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2 });
      const x = tensor(new Float32Array(3 * 8), [3, 8]);
      layer.forward(x).then(({ output }) => console.log(output.shape.join(), softmax(x).data[0]));
    `,
    "cjs",
  );
  expect(printed).toBe("3,8 0.125");
});

describe("TypeScript compiles a user's program", () => {
  const program = `
    import { AttentionError, createEngine, type Engine, MultiHeadAttention, matmul, type Tensor, tensor } from "wasm-attention";
    import { scaledDotProductAttentionSync, type AttentionOptions, type TensorLike } from "wasm-attention";
    import * as reference from "wasm-attention/reference";
    import { readSafetensors } from "wasm-attention/safetensors";
    const x: Tensor = tensor([1, 2, 3, 4], [2, 2]);
    const mask: Tensor<Uint8Array> = tensor(Uint8Array.of(1, 0, 1, 1), [2, 2]);
    const options: AttentionOptions = { mask, causal: "bottom-right", returnWeights: true };
    const output: Float32Array = scaledDotProductAttentionSync(x, x, x, options).output.data;
    const engine: Engine = createEngine({ threads: 1, kernels: "strict" });
    const layer = new MultiHeadAttention({ embedDim: 2, numHeads: 1 });
    const fromElsewhere: TensorLike = { data: output, dims: [2, 2] };
    export const load = (file: Uint8Array) =>
      MultiHeadAttention.fromStateDict(readSafetensors(file).tensors, { numHeads: 1 });
    export const results: Promise<unknown>[] = [matmul(x, fromElsewhere), engine.matmul(x, x), layer.forward(x)];
    export const exact: Float64Array = reference.softmax(x).data;
    export const code = (error: unknown) => error instanceof AttentionError && error.code === "ERR_SHAPE";
    // @ts-expect-error: queries are numbers
    scaledDotProductAttentionSync("query", x, x);
    // @ts-expect-error: there is no such option
    scaledDotProductAttentionSync(x, x, x, { casual: true });
    // @ts-expect-error: there is no such kernel set
    createEngine({ kernels: "fast" });
  `;

  test.each([
    ["module nodenext", "user.ts", ["--module", "nodenext"]],
    ["module nodenext, CommonJS", "user.cts", ["--module", "nodenext"]],
    ["a bundler", "user.ts", ["--module", "esnext", "--moduleResolution", "bundler"]],
  ])("%s", (_, file, options) => {
    writeFileSync(join(consumer, file), program);
    const strict = [
      "--strict",
      "--exactOptionalPropertyTypes",
      "--noUncheckedIndexedAccess",
      "--target",
      "es2022",
    ];
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const { stdout } = execute(process.execPath, [tsc, "--noEmit", ...strict, ...options, file]);
    expect(stdout).toBe("");
  });
});

describe("the command", () => {
  const command = (...args: string[]) => {
    const { bin } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    return execute(process.execPath, [join(installed, bin["wasm-attention"]), ...args]);
  };

  test("is linked and says its version", () => {
    expect(existsSync(join(consumer, "node_modules", ".bin", "wasm-attention"))).toBe(true);
    expect(command("--version")).toMatchObject({ stdout: manifest.version, status: 0 });
  });

  test("explores a text without its optional peer", () => {
    const { stdout, status } = command("explore", "the dog chased the cat", "--json");
    expect(status).toBe(0);
    expect(Object.keys(JSON.parse(stdout))).not.toEqual([]);
  });
});

/** Runs a program in the user's folder, as a module of its own, and returns what it printed. */
function runModule(source: string, extension: "mjs" | "cjs" = "mjs"): string {
  const file = join(consumer, `program.${extension}`);
  writeFileSync(file, source);
  const { stdout, stderr, status } = execute(process.execPath, [file]);
  expect(status, stderr).toBe(0);
  return stdout;
}

function npm(cwd: string, ...args: string[]): string {
  const { stdout, stderr, status } = execute("npm", args, cwd);
  if (status !== 0) throw new Error(`npm ${args[0]} failed: ${stderr}`);
  return stdout;
}

function execute(command: string, args: readonly string[], cwd: string = consumer) {
  // npm is a script of the shell on Windows.
  const shell = command === "npm" && process.platform === "win32";
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    shell,
    encoding: "utf8",
    timeout: 50_000,
    env: { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1" },
  });
  if (error) throw error;
  return { status, stdout: stdout.trim(), stderr };
}
