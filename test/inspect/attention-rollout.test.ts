/** Rollout against a plain loop over routes, and products on every engine against the reference. */
import { describe, expect, it } from "vitest";
import { MultiHeadAttention, softmaxSync } from "wasm-attention";
import { attentionRollout, attentionRolloutSync, type RolloutOptions } from "wasm-attention/inspect";
import * as reference from "wasm-attention/reference";
import { forEachBackend } from "../support/backends.ts";
import { type FloatTensor, normal } from "../support/random-tensors.ts";
import { exactly, expectClose, expectTensorClose, float64Tolerance } from "../support/tolerance.ts";

const weights = (shape: readonly number[], seed: number): FloatTensor =>
  softmaxSync(normal(shape, seed, 2)) as FloatTensor;

/** What reaches output i from input j: the sum over all routes of the product of their steps, for one head. */
function routes(layers: readonly FloatTensor[], i: number, j: number, residual: number): number {
  if (layers.length === 0) return i === j ? 1 : 0;
  const { data, shape } = layers.at(-1)!;
  const L = shape.at(-1)!;
  let [sum, total] = [0, 0];
  for (let k = 0; k < L; k++) {
    const step = (1 - residual) * data[i * L + k]! + (i === k ? residual : 0);
    total += step;
    if (step !== 0) sum += step * routes(layers.slice(0, -1), k, j, residual);
  }
  return total === 0 ? 0 : sum / total;
}

const cases: [string, readonly FloatTensor[], RolloutOptions][] = [
  ["one layer", [weights([3, 7, 7], 1)], {}],
  ["the mean of heads", [1, 2, 3].map((seed) => weights([4, 33, 33], seed)), {}],
  ["the largest of heads", [1, 2, 3].map((seed) => weights([2, 3, 33, 33], seed)), { heads: "max" }],
  ["the smallest of heads", [4, 5].map((seed) => weights([2, 3, 20, 20], seed)), { heads: "min" }],
  ["a weaker residual", [6, 7].map((seed) => weights([2, 9, 9], seed)), { residual: 0.2 }],
  ["other numbers of heads", [weights([2, 9, 9], 8), weights([5, 9, 9], 9), weights([9, 9], 1)], {}],
];

describe("the reference", () => {
  it.each([0.5, 0, 0.3])("sums over all routes, with a residual of %s", (residual) => {
    const layers = [1, 2, 3].map((seed) => weights([6, 6], seed));
    layers[1]!.data.fill(0, 12, 18); // a row without keys
    const { data } = reference.attentionRollout(layers, { residual });
    const expected = Array.from({ length: 36 }, (_, n) => routes(layers, Math.floor(n / 6), n % 6, residual));
    expectClose(data, expected, float64Tolerance, "rollout");
  });

  it("takes heads together as it says", () => {
    const [a, b] = [weights([5, 5], 1), weights([5, 5], 2)];
    const both = { data: Float32Array.of(...a.data, ...b.data), shape: [2, 5, 5] };
    for (const heads of ["mean", "max", "min"] as const) {
      const fuse = (x: number, y: number) => (heads === "mean" ? (x + y) / 2 : Math[heads](x, y));
      const fused = { data: Float64Array.from(a.data, (x, n) => fuse(x, b.data[n]!)), shape: [5, 5] };
      const actual = reference.attentionRollout([both, both], { heads });
      expectTensorClose(actual, reference.attentionRollout([fused, fused]), float64Tolerance, heads);
    }
  });
});

describe("attentionRollout", () => {
  forEachBackend((backend) => {
    it.each(cases)("%s", async (_name, layers, options) => {
      const run = backend.call === "sync" ? attentionRolloutSync : attentionRollout;
      const actual = await run(layers, { ...options, engine: backend.engine });
      // Weights and sums of 33 products, each rounded to 2^-24.
      const tolerance = { absolute: 2 ** -22, relative: 0 };
      expectTensorClose(actual, reference.attentionRollout(layers, options), tolerance, "rollout");
    });
  });

  it("takes the weights of layers", async () => {
    const x = normal([2, 11, 8], 3);
    const layers = [1, 2].map((seed) => {
      const layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2, seed });
      return layer.forwardSync(x, { causal: true, needWeights: true, averageWeights: false }).weights!;
    });
    const { data, shape } = await attentionRollout(layers);
    expect(shape).toEqual([2, 11, 11]);
    for (let row = 0; row < 22; row++) {
      const ofRow = data.subarray(row * 11, (row + 1) * 11);
      expect(ofRow.reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 5);
      // Nothing comes from later tokens.
      expectClose(
        ofRow.subarray((row % 11) + 1),
        new Array(10 - (row % 11)).fill(0),
        exactly,
        "later tokens",
      );
    }
  });

  it("refuses what does not fit", async () => {
    const [a, b] = [weights([2, 5, 5], 1), weights([2, 6, 6], 1)];
    const refuse = (layers: unknown, message: string, options?: object) => {
      expect(() => attentionRolloutSync(layers as FloatTensor[], options)).toThrow(message);
    };
    refuse([], '"layers" expected at least one tensor, got none');
    refuse(a, '"layers" expected an array, got an object');
    refuse(new Array(2 ** 32 - 1), '"layers[0]" expected a tensor { data, shape }, got undefined');
    refuse(new Proxy([a], { get: () => Symbol("no") }), '"layers" cannot be read');
    refuse([a, b], '"layers[1]" expected shape [H, L=5, L] as the first layer, got [2, 6, 6]');
    refuse([weights([3, 4], 1)], '"layers[0]" expected shape [B, H, L, L], [H, L, L] or [L, L], got [3, 4]');
    refuse([a], '"heads" expected one of "mean", "max", "min", got "sum"', { heads: "sum" });
    refuse([a], '"residual" expected a number from 0 to 1, got 2', { residual: 2 });
    refuse([a], '"discard" is no option here', { discard: 0.9 });
    await expect(attentionRollout([a], { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
    expect(() => reference.attentionRollout([])).toThrow('"layers" expected at least one');
  });
});
