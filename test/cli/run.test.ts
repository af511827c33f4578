// Attention on files: against float64, and against NumPy where there is one.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { alibiSlopes } from "../../src/index.ts";
import { readNpy, writeNpy } from "../../src/npy.ts";
import { scaledDotProductAttention } from "../../src/reference/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { run } from "../support/command.ts";
import { noNumpy, python } from "../support/numpy.ts";
import { normal } from "../support/random-tensors.ts";
import { expectClose } from "../support/tolerance.ts";

const folder = mkdtempSync(join(tmpdir(), "wasm-attention-run-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const [B, H, K, L, S, E] = [2, 4, 2, 9, 12, 8];
let seed = 3;
const drawn = (...shape: number[]) => normal(shape, seed++);
const tolerance = { absolute: 1e-5, relative: 0 };
const query = drawn(B, H, L, E);
const key = drawn(B, K, S, E);
const value = drawn(B, K, S, 5);
const bias = drawn(H, L, S);
const table = drawn(8, H);
const mask = { data: Uint8Array.from({ length: L * S }, (_, i) => (i % 3 === 0 ? 0 : 1)), shape: [L, S] };
for (const [name, tensor] of Object.entries({ q: query, k: key, v: value, bias, table, mask }))
  writeFileSync(at(`${name}.npy`), writeNpy(tensor));
writeFileSync(at("lengths.npy"), writeNpy({ data: BigInt64Array.of(12n, 7n), shape: [2] }));
writeFileSync(at("t.safetensors"), writeSafetensors({ query, key, value, mask }));

const files = ["--query", "q.npy", "--key", "k.npy", "--value", "v.npy"];
const attend = (...args: string[]) => run(["run", ...args], "", { cwd: folder });

describe("gives what the operator gives", () => {
  const slopes = Array.from(alibiSlopes(H));
  test.each<[string[], Parameters<typeof scaledDotProductAttention>[3]]>([
    [[], {}],
    [["--causal"], { causal: true }],
    [["--causal=bottom-right"], { causal: "bottom-right" }],
    [["--window", "3,-1", "--query-offset", "2"], { window: [3, -1], queryOffset: 2 }],
    [["--query-offset", "bottom-right", "--causal"], { queryOffset: "bottom-right", causal: true }],
    [["--query-offset", "-1,3", "--causal"], { queryOffset: [-1, 3], causal: true }],
    [["--kv-lengths", "12,7"], { kvLengths: [12, 7] }],
    [["--kv-lengths", "lengths.npy"], { kvLengths: [12, 7] }],
    [["--mask", "mask.npy"], { mask }],
    [["--mask", "bias.npy"], { mask: bias }],
    [["--mask", "mask.npy", "--bias", "bias.npy"], { mask, bias }],
    [["--scale", "0.3", "--softcap", "1.5"], { scale: 0.3, softcap: 1.5 }],
    [["--similarity", "cosine", "--scale", "4"], { similarity: "cosine", scale: 4 }],
    [["--alibi"], { alibiSlopes: slopes }],
    [["--alibi-slopes", "0.5,0.25,0,1e-1"], { alibiSlopes: [0.5, 0.25, 0, 0.1] }],
    [["--sinks", "0,1,-2,0.5"], { sinks: [0, 1, -2, 0.5] }],
    [
      ["--relative-bias", "table.npy", "--relative-bias-past", "--relative-bias-distance", "6"],
      { relativeBias: { table, bidirectional: false, maxDistance: 6 } },
    ],
  ])("%j", async (args, options) => {
    const more = ["--return-weights", "w.npy", "--lse", "f.npy", "--return-scores", "s.npy"];
    const outcome = await attend(...files, ...args, ...more, "--out", "o.npy", "--json");
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    const expected = scaledDotProductAttention(query, key, value, {
      ...options,
      returnScores: "biased",
    });
    const facts = JSON.parse(outcome.stdout);
    const results = { o: expected.output, w: expected.weights, f: expected.logSumExp, s: expected.scores! };
    for (const [i, [name, { data, shape }]] of Object.entries(results).entries()) {
      const found = readNpy(readFileSync(at(`${name}.npy`)));
      expect(found).toMatchObject({ shape, dtype: "float32" });
      expectClose(found.data as Float32Array, data, tolerance, "result");
      expect(facts.outputs[i]).toMatchObject({
        file: `${name}.npy`,
        shape,
        dtype: "float32",
        bytes: 4 * data.length,
      });
    }
  });

  test("packed sequences, and heads after tokens", async () => {
    const packed = { query: drawn(7, H, E), key: drawn(9, K, E), value: drawn(9, K, E) };
    for (const [name, tensor] of Object.entries(packed))
      writeFileSync(at(`p${name[0]}.npy`), writeNpy(tensor));
    const inputs = ["--query", "pq.npy", "--key", "pk.npy", "--value", "pv.npy", "--out", "po.npy"];
    const starts = { query: [0, 3, 7], key: [0, 5, 9] };
    const lists = ["--cu-seqlens-query", "0,3,7", "--cu-seqlens-key", "0,5,9"];
    expect(await attend(...inputs, ...lists)).toMatchObject({ code: 0 });
    const expected = scaledDotProductAttention(packed.query, packed.key, packed.value, { cuSeqlens: starts });
    expectClose(
      readNpy(readFileSync(at("po.npy"))).data as Float32Array,
      expected.output.data,
      tolerance,
      "result",
    );

    expect(await attend(...inputs, "--layout", "BLHE", "--alibi")).toMatchObject({ code: 0, stderr: "" });
    const slopes = alibiSlopes(H);
    const across = scaledDotProductAttention(packed.query, packed.key, packed.value, {
      layout: "BLHE",
      alibiSlopes: slopes,
    });
    expectClose(
      readNpy(readFileSync(at("po.npy"))).data as Float32Array,
      across.output.data,
      tolerance,
      "result",
    );
  });

  test("from one safetensors file into another", async () => {
    const from = ["--query", "t.safetensors", "--key", "t.safetensors:key", "--value", "t.safetensors"];
    const to = ["--out", "r.safetensors", "--return-weights", "r.safetensors:attention.weights"];
    const { code, stdout } = await attend(...from, "--mask", "t.safetensors", ...to);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /\n {2}weights +\[2, 4, 9, 12\] +float32 +to r.safetensors:attention.weights, [\d.]+ KiB\n/,
    );
    const { tensors } = readSafetensors(readFileSync(at("r.safetensors")));
    expect(Object.keys(tensors).sort()).toEqual(["attention.weights", "output"]);
    const expected = scaledDotProductAttention(query, key, value, { mask });
    expectClose(tensors.output!.data as Float32Array, expected.output.data, tolerance, "result");
  });

  test("from float64, rounded, and from a mask of integers", async () => {
    writeFileSync(at("q64.npy"), writeNpy({ data: Float64Array.from(query.data), shape: query.shape }));
    writeFileSync(
      at("m64.npy"),
      writeNpy({ data: BigInt64Array.from(mask.data, BigInt), shape: mask.shape }),
    );
    const wide = ["--query", "q64.npy", "--key", "k.npy", "--value", "v.npy", "--mask", "m64.npy"];
    const { code, stdout } = await attend(...wide, "--out", "o64.npy");
    expect(code).toBe(0);
    expect(stdout).toMatch(/\n {2}query +\[2, 4, 9, 8\] +float64 +from q64.npy\n/);
    expect(await attend(...files, "--mask", "mask.npy", "--out", "o32.npy")).toMatchObject({ code: 0 });
    expect(readFileSync(at("o64.npy"))).toEqual(readFileSync(at("o32.npy")));
  });

  test("from a mask of floating-point 0 and 1, with a remark", async () => {
    writeFileSync(at("flags.npy"), writeNpy({ data: Float32Array.from(mask.data), shape: mask.shape }));
    const { code, stderr } = await attend(...files, "--mask", "flags.npy", "--out", "o.npy");
    expect([code, stderr]).toEqual([
      0,
      "wasm-attention: --mask is added to the scores, as flags.npy is float32; it has 0 and 1 alone: bool or integers would say which keys to attend to\n",
    ]);
    const added = { mask: { data: Float32Array.from(mask.data), shape: mask.shape } };
    const { output } = scaledDotProductAttention(query, key, value, added);
    expectClose(readNpy(readFileSync(at("o.npy"))).data as Float32Array, output.data, tolerance, "output");
    // Of what is 0 everywhere, or has any other number, nothing is said.
    for (const data of [new Float32Array(L * S), Float32Array.from(mask.data, (bit) => -9 * bit)]) {
      writeFileSync(at("added.npy"), writeNpy({ data, shape: mask.shape }));
      expect(await attend(...files, "--mask", "added.npy", "--out", "o.npy")).toMatchObject({ stderr: "" });
    }
  });

  test("on the kernels asked for, or with a remark why not", async () => {
    const { stdout, stderr } = await attend(...files, "--kernels", "wide", "--out", "o.npy", "--json");
    const { kernels } = JSON.parse(stdout).engine;
    if (kernels === "wide") expect(stderr).toBe("");
    else
      expect(stderr).toMatch(
        new RegExp(
          `^wasm-attention: ${kernels} kernels compute: --kernels asks for the wide kernels, but .*\n$`,
        ),
      );
  });
});

describe("fails in one line, and writes nothing", () => {
  mkdirSync(at("folder.npy"));
  symlinkSync("q.npy", at("link.npy"));
  writeFileSync(at("short.npy"), readFileSync(at("q.npy")).subarray(0, 500));
  writeFileSync(at("two.npy"), writeNpy({ data: Uint8Array.of(0, 2), shape: [2] }));
  const out = ["--out", "never.npy"];
  test.each<[string[], number, string]>([
    [["--query", "no.npy", ...files.slice(2), ...out], 1, "no such file: no.npy"],
    [[...files, "--scores-at", "capped", ...out], 2, "--scores-at expected --return-scores FILE"],
    [["--query", "folder.npy", ...files.slice(2), ...out], 1, "cannot read folder.npy: it is a directory"],
    [
      ["--query", "short.npy", ...files.slice(2), ...out],
      1,
      "cannot use short.npy for --query: the .npy file is cut short",
    ],
    [
      ["--query", "mask.npy", ...files.slice(2), ...out],
      1,
      "--query expected floating-point numbers, got uint8 in mask.npy",
    ],
    [
      ["--query", "t.safetensors:q", ...files.slice(2), ...out],
      1,
      '--query expected a tensor "q" in t.safetensors, which has "key", "query", "value", "mask"',
    ],
    [["--query", "no.safetensors", ...files.slice(2), ...out], 1, "no such file: no.safetensors"],
    [
      [...files, "--bias", "t.safetensors", ...out],
      1,
      "--bias expected a name, as in t.safetensors:NAME, or a tensor",
    ],
    [[...files, "--mask", "two.npy", ...out], 1, "--mask expected bool, integers of 0 and 1"],
    [["--query", "q.npy", "--key", "v.npy", "--value", "v.npy", ...out], 1, "--key expected"],
    [[...files, "--kv-lengths", "12", ...out], 1, "--kv-lengths expected 2 elements, got 1"],
    [[...files, "--kv-lengths", "12,", ...out], 2, "--kv-lengths expected numbers with commas between them"],
    [[...files, "--window", "3", ...out], 2, "--window expected two whole numbers"],
    [[...files, "--softcap", "-1", ...out], 2, "--softcap expected a finite number of at least 0, got -1"],
    [
      [...files, "--alibi", "--alibi-slopes", "1,1,1,1", ...out],
      2,
      "--alibi and --alibi-slopes exclude each other",
    ],
    [
      [...files, "--cu-seqlens-key", "0,1", ...out],
      2,
      "--cu-seqlens-query and --cu-seqlens-key are given together",
    ],
    [[...files, "--relative-bias-past", ...out], 2, "expected a table: --relative-bias FILE"],
    [
      [...files, "--out", "never.txt"],
      2,
      '--out expected a name that ends in .npy or .safetensors, got "never.txt"',
    ],
    [[...files, "--out", "never/o.npy"], 1, "no such folder: never, in which o.npy should be"],
    [[...files, "--out", "folder.npy"], 1, "folder.npy is no file that can be replaced"],
    [[...files, "--out", "k.npy"], 2, "k.npy is an input: the output may not overwrite it"],
    [[...files, "--out", "./link.npy"], 2, "./link.npy is an input: the output may not overwrite it"],
    [[...files, ...out, "--lse", "./never.npy"], 2, "two results cannot both be ./never.npy"],
    [
      [...files, "--out", "never.safetensors:x", "--lse", "never.safetensors:x"],
      2,
      "two results cannot both be never.safetensors:x",
    ],
  ])("%j", async (args, code, message) => {
    const before = readFileSync(at("q.npy"));
    const outcome = await attend(...args);
    expect(outcome).toMatchObject({ code, stdout: "" });
    expect(outcome.stderr).toContain(message);
    expect(outcome.stderr.match(/\n/g)).toHaveLength(1);
    expect(readdirSync(folder).filter((name) => /never|\.part$/.test(name))).toEqual([]);
    expect(readFileSync(at("q.npy"))).toEqual(before);
  });
});

describe.skipIf(noNumpy !== undefined)(
  `NumPy${noNumpy === undefined ? "" : ` (skipped: ${noNumpy})`}`,
  () => {
    // The two lines of docs/command-line.md.
    const check = `
q, k, v, o = (np.load(f"{name}.npy") for name in "qkvo")
w = np.exp(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])); w /= w.sum(-1, keepdims=True)
print(np.abs(w @ v - o).max() < 1e-5, o.dtype)`;

    test.each(["f4", "f2", ">f8"])("agrees, from %s", async (dtype) => {
      python(
        `
rng = np.random.default_rng(1)
for name in "qkv": np.save(name + ".npy", np.asfortranarray(rng.standard_normal((2, 3, 16, 8))).astype("${dtype}"))`,
        at("folder.npy"),
      );
      const cwd = at("folder.npy");
      expect(await run(["run", ...files, "--out", "o.npy"], "", { cwd })).toMatchObject({
        code: 0,
        stderr: "",
      });
      const widened = check
        .replace("np.load(", "np.asarray(np.load(")
        .replace('.npy")', '.npy"), dtype=np.float64)');
      expect(python(dtype === "f4" ? check : widened, cwd)).toMatch(/^True float(32|64)\n$/);
    });
  },
);
