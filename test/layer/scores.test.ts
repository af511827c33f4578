/** A layer's scores as models make them: scale, relative bias and window, on every backend and beside a cache. */
import { describe, expect, it } from "vitest";
import { KVCache, type LayerScoreOptions, MultiHeadAttention } from "wasm-attention";
import { multiHeadAttention } from "wasm-attention/reference";
import { expectAccurate, plainTolerance } from "../support/accuracy.ts";
import { forEachBackend } from "../support/backends.ts";
import { plainLayer } from "../support/plain-layer.ts";
import { normal } from "../support/random-tensors.ts";

const [B, L, S, E, H] = [2, 70, 90, 24, 3];
const query = normal([B, L, E], 1);
const key = normal([B, S, E], 2);
const table = normal([8, H], 3, 2);

const cases: [string, LayerScoreOptions][] = [
  ["scale", { scale: 1 }],
  ["scale below zero", { scale: -0.3 }],
  ["relative bias, both ways", { relativeBias: { table, maxDistance: 40 }, scale: 1 }],
  ["relative bias, one way", { relativeBias: { table, bidirectional: false } }],
  ["window", { window: 5 }],
  ["window of the query alone", { window: 1 }],
  ["all of them", { scale: 0.5, relativeBias: { table, bidirectional: false, maxDistance: 20 }, window: 33 }],
];

describe("a layer's scores", () => {
  forEachBackend((backend) => {
    for (const [name, settings] of cases)
      for (const causal of [false, true])
        it(`${name}${causal ? ", causal" : ""}`, async () => {
          const options = { causal, needWeights: true, averageWeights: false };
          const sizes = { embedDim: E, numHeads: H, seed: 5, engine: backend.engine };
          using layer = new MultiHeadAttention({ ...sizes, ...settings });
          const config = { numHeads: H, ...settings };
          const state = layer.toStateDict();
          for (const tokens of [[query, query, query] as const, [query, key, key] as const]) {
            const exact = multiHeadAttention(state, config, ...tokens, options);
            const plain = plainLayer(state, config, tokens, options);
            const { output, weights } =
              backend.call === "sync"
                ? layer.forwardSync(...tokens, options)
                : await layer.forward(...tokens, options);
            expectAccurate(output, exact.output, plainTolerance(exact.output.data, plain.output), "output");
            const allowed = plainTolerance(exact.weights!.data, plain.weights);
            expectAccurate(weights!, exact.weights!, allowed, "weights");
          }
        });

    it("hold beside a cache", async () => {
      const settings = cases.at(-1)![1];
      const { engine } = backend;
      using layer = MultiHeadAttention.fromStateDict(
        new MultiHeadAttention({ embedDim: E, numHeads: H, seed: 5 }).toStateDict(),
        { numHeads: H, engine, ...settings },
      );
      const whole = layer.forwardSync(query, { causal: true }).output;
      const part = (from: number, to: number) => ({
        data: Float32Array.from({ length: B * (to - from) * E }, (_, n) => {
          const b = Math.floor(n / ((to - from) * E));
          return query.data[b * L * E + from * E + (n % ((to - from) * E))]!;
        }),
        shape: [B, to - from, E],
      });
      // The cache's own window is the wider one here, then the narrower.
      for (const window of [undefined, 60]) {
        using cache = new KVCache({ batch: B, kvHeads: H, headDim: E / H, maxLength: L, window, engine });
        layer.forwardSync(part(0, L - 1), { cache, causal: true });
        const { output } = layer.forwardSync(part(L - 1, L), { cache });
        for (let b = 0; b < B; b++)
          for (let e = 0; e < E; e++)
            expect(output.data[b * E + e]).toBeCloseTo(whole.data[(b + 1) * L * E - E + e]!, 6);
      }
      using narrow = new KVCache({ batch: B, kvHeads: H, headDim: E / H, maxLength: L, window: 3, engine });
      layer.forwardSync(part(0, L - 1), { cache: narrow, causal: true });
      const { weights } = layer.forwardSync(part(L - 1, L), { cache: narrow, needWeights: true });
      expect([...weights!.data.subarray(0, L)].filter((weight) => weight > 0)).toHaveLength(3);
    });
  });

  it("are the layer's own: the table is copied", () => {
    const own = { data: table.data.slice(), shape: table.shape };
    using layer = new MultiHeadAttention({ embedDim: E, numHeads: H, relativeBias: { table: own } });
    const before = layer.forwardSync(query).output.data;
    own.data.fill(9);
    expect(layer.forwardSync(query).output.data).toEqual(before);
  });

  it.each<[object, string]>([
    [{ scale: Number.NaN }, '"scale" expected a finite number, got NaN'],
    [{ window: 0 }, '"window" expected a whole number of at least 1, got 0'],
    [
      { relativeBias: { table: normal([8, 2], 1) } },
      '"relativeBias.table" expected shape [buckets, H=3], got [8, 2]',
    ],
    [{ window: 4, addZeroAttn: true }, '"window" cannot be combined with addBiasKv or addZeroAttn'],
    [
      { relativeBias: { table }, addBiasKv: true },
      '"relativeBias" cannot be combined with addBiasKv or addZeroAttn',
    ],
  ])("are checked: %j", (options, message) => {
    expect(() => new MultiHeadAttention({ embedDim: E, numHeads: H, ...options })).toThrow(message);
  });
});
