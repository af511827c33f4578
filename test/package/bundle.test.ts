/** That the package is a bundle is nothing its users should notice, but for the time that importing it takes. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, it, test } from "vitest";
import { AttentionError, scaledDotProductAttentionSync } from "wasm-attention";

const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Names by which the code is imported. */
const entries = Object.entries<{ default?: string }>(manifest.exports)
  .filter(([, target]) => target.default?.endsWith(".js"))
  .map(([subpath]) => posix.join("wasm-attention", subpath));

type Exports = Readonly<Record<string, unknown>>;
/** What each exports. */
const exported = new Map<string, Exports>();

beforeAll(async () => {
  for (const entry of entries) exported.set(entry, (await import(/* @vite-ignore */ entry)) as Exports);
});

/** A call of each entry point that its own code refuses. */
const refused: Readonly<Record<string, (from: Record<string, (...args: unknown[]) => unknown>) => unknown>> =
  {
    "wasm-attention": ({ matmulSync }) => matmulSync!(1, 2),
    "wasm-attention/reference": ({ matmul }) => matmul!(1, 2),
    "wasm-attention/onnx": ({ matMul }) => matMul!(1, 2),
    "wasm-attention/torch": ({ scaled_dot_product_attention }) => scaled_dot_product_attention!(1, 2, 3),
    "wasm-attention/efficient": ({ longformer }) => longformer!(1),
    "wasm-attention/checkpoints": ({ findAttentionLayers }) => findAttentionLayers!(1),
    "wasm-attention/safetensors": ({ readSafetensors }) => readSafetensors!(1),
    "wasm-attention/npy": ({ readNpy }) => readNpy!(1),
    "wasm-attention/inspect": ({ attentionStatisticsSync }) => attentionStatisticsSync!(1, 2),
  };

describe("there is one of everything", () => {
  test("every entry point is looked at", () => {
    // The worker's exports nothing.
    expect([...Object.keys(refused), "wasm-attention/worker"].sort()).toEqual([...entries].sort());
  });

  test.each(Object.entries(refused))("%s throws the AttentionError of all", (entry, call) => {
    let thrown: unknown;
    try {
      call(exported.get(entry) as never);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(AttentionError);
    expect((thrown as object).constructor).toBe(AttentionError);
  });

  test("no class is in two files, nor what holds the default engine", () => {
    const dist = join(root, "dist");
    const definition = /\b(?:class|function) (?!extends\b)(\w+)|\b(\w+)\s*=\s*class\b/g;
    const places = new Map<string, Set<string>>();
    for (const file of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".js")) continue;
      for (const [found, declared, assigned] of readFileSync(join(dist, file), "utf8").matchAll(definition)) {
        const name = declared ?? assigned!;
        if (found.startsWith("function") && name !== "engineFor") continue;
        places.set(name, (places.get(name) ?? new Set()).add(file));
      }
    }
    expect([...places.keys()]).toEqual(
      expect.arrayContaining(["AttentionError", "Engine", "Tensor", "Board", "engineFor"]),
    );
    for (const [name, files] of places) expect([...files], name).toHaveLength(1);
  });
});

describe("names stay", () => {
  it("those of what is exported", () => {
    const functions = [...exported.values()].flatMap((module) =>
      Object.entries(module).filter(([, value]) => typeof value === "function"),
    );
    expect(functions.length).toBeGreaterThan(50);
    for (const [name, value] of functions) expect((value as { name: string }).name).toBe(name);
  });

  it("those of inner functions, in a stack trace", () => {
    let stack = "";
    try {
      scaledDotProductAttentionSync(1 as never, 2 as never, 3 as never);
    } catch (error) {
      stack = (error as Error).stack!;
    }
    for (const name of ["AttentionError", "readTensor", "readAttention", "scaledDotProductAttentionSync"])
      expect(stack).toContain(name);
  });
});

describe("a user's bundle has no kernels in it", () => {
  test.each([
    ["alibiSlopes", "wasm-attention", false],
    ["tensor", "wasm-attention", false],
    ["softmax", "wasm-attention/reference", false],
    ["readNpy", "wasm-attention/npy", false],
    ["matmulSync", "wasm-attention", true],
  ])("but where it computes: %s from %s", async (name, entry, computes) => {
    const main = "main.js";
    const program = `export { ${name} } from "${entry}";`;
    const build = await rolldown({
      input: main,
      plugins: [
        {
          name: "program",
          resolveId: (id) =>
            id === main ? id : id === entry ? fileURLToPath(import.meta.resolve(id)) : null,
          load: (id) => (id === main ? program : null),
        },
      ],
    });
    const { output } = await build.generate({ format: "esm", minify: true });
    await build.close();
    expect(output).toHaveLength(1);
    expect(output[0].code.length > 200_000).toBe(computes);
    if (!computes) expect(output[0].code.length).toBeLessThan(12_000);
  });
});
