// A PyTorch layer on files, against the float64 layer.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { MultiHeadAttention } from "../../src/index.ts";
import { readNpy, writeNpy } from "../../src/npy.ts";
import { multiHeadAttention } from "../../src/reference/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { run } from "../support/command.ts";
import { normal } from "../support/random-tensors.ts";
import { expectClose } from "../support/tolerance.ts";

const folder = mkdtempSync(join(tmpdir(), "wasm-attention-layer-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const [B, L, S, D, H] = [2, 5, 7, 16, 4];
let seed = 5;
const drawn = (...shape: number[]) => normal(shape, seed++);
const tolerance = { absolute: 1e-5, relative: 0 };
const x = drawn(B, L, D);
const memory = drawn(B, S, D);
const bits = (rows: number, columns: number) => ({
  data: Uint8Array.from({ length: rows * columns }, (_, i) => (i % 4 === 1 ? 0 : 1)),
  shape: [rows, columns],
});
const padding = bits(B, L);
const attention = bits(L, L);
const ignored = { data: attention.data.map((bit) => 1 - bit), shape: attention.shape };
const weights = new MultiHeadAttention({ embedDim: D, numHeads: H, seed: 2 }).toStateDict();
const prefixed = Object.entries(weights).map(([name, tensor]) => [`layers.0.self_attn.${name}`, tensor]);
for (const [name, tensor] of Object.entries({ x, memory, padding, attention, ignored }))
  writeFileSync(at(`${name}.npy`), writeNpy(tensor));
writeFileSync(at("mha.safetensors"), writeSafetensors(weights));
writeFileSync(
  at("model.safetensors"),
  writeSafetensors({ ...Object.fromEntries(prefixed), "other.out_proj.weight": x }),
);

const layer = (...args: string[]) => {
  const heads = args.includes("--heads") ? [] : ["--heads", String(H)];
  return run(["layer", ...heads, ...args], "", { cwd: folder });
};
const plain = ["--weights", "mha.safetensors", "--input", "x.npy", "--out", "o.npy"];

describe("gives what the layer gives", () => {
  type Options = Parameters<typeof multiHeadAttention>[5];
  test.each<[string[], typeof x, Options]>([
    [[], x, {}],
    [["--causal"], x, { causal: true }],
    [["--key", "memory.npy"], memory, {}],
    [["--key-padding-mask", "padding.npy"], x, { keyPaddingMask: padding }],
    [["--attn-mask", "attention.npy"], x, { attnMask: attention }],
    [["--attn-mask", "ignored.npy", "--torch-masks"], x, { attnMask: attention }],
  ])("%j", async (args, keys, options) => {
    const outcome = await layer(...plain, ...args, "--weights-out", "w.npy", "--per-head", "--json");
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(outcome.stdout)).toMatchObject({
      command: "layer",
      layer: { embedDim: D, heads: H, headSize: 4, prefix: "" },
    });
    const expected = reference(keys, options);
    const found = readNpy(readFileSync(at("o.npy")));
    expect(found.shape).toEqual([B, L, D]);
    expectClose(found.data as Float32Array, expected.output.data, tolerance, "result");
    const attended = readNpy(readFileSync(at("w.npy")));
    expect(attended.shape).toEqual([B, H, L, keys.shape[1]]);
    expectClose(attended.data as Float32Array, expected.weights!.data, tolerance, "result");
  });

  function reference(keys: typeof x, options: Options) {
    const all = { ...options, needWeights: true, averageWeights: false };
    return multiHeadAttention(weights, { numHeads: H }, x, keys, keys, all);
  }

  test("one of several layers, into one file", async () => {
    const files = [
      "--weights",
      "model.safetensors",
      "--input",
      "x.npy",
      "--out",
      "r.safetensors",
      "--weights-out",
      "r.safetensors",
    ];
    const refused = await layer(...files);
    expect(refused).toMatchObject({
      code: 1,
      stderr:
        'wasm-attention: model.safetensors has 2 layers: --prefix expected one of "layers.0.self_attn.", "other."\n',
    });
    const { code, stdout } = await layer(...files, "--prefix", "layers.0.self_attn");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^4 heads of 4 on \w+ kernels: [\d.]+ ms on \d+ threads?\n/);
    const { tensors } = readSafetensors(readFileSync(at("r.safetensors")));
    expectClose(tensors.output!.data as Float32Array, reference(x, {}).output.data, tolerance, "result");
    expect(tensors.weights!.shape).toEqual([B, L, L]);
  });
});

test.each<[string[], number, string]>([
  [[...plain, "--prefix", "encoder"], 1, '--prefix expected one of "" in mha.safetensors, got "encoder"'],
  [
    ["--weights", "x.npy", "--input", "x.npy", "--out", "o2.npy"],
    1,
    "cannot use x.npy: the safetensors file",
  ],
  [["--weights", "no.safetensors", "--input", "x.npy", "--out", "o2.npy"], 1, "no such file: no.safetensors"],
  [[...plain, "--heads", "3"], 1, "cannot use mha.safetensors:"],
  [[...plain, "--key", "padding.npy"], 1, "--key expected floating-point numbers"],
  [[...plain, "--per-head"], 2, "--per-head expected --weights-out FILE"],
  [[...plain, "--rotary-base", "500000"], 2, "expected --rotary"],
  [
    ["--weights", "mha.safetensors", "--input", "x.npy", "--out", "mha.safetensors"],
    2,
    "mha.safetensors is an input",
  ],
])("%j fails in one line", async (args, code, message) => {
  const outcome = await layer(...args);
  expect(outcome).toMatchObject({ code, stdout: "" });
  expect(outcome.stderr).toContain(message);
});
