/** A layer that decodes through a cache: bit for bit one causal pass over all tokens, whatever the layer and the masks. */
import { describe, expect, it } from "vitest";
import {
  type CacheType,
  type ForwardOptions,
  type ForwardResult,
  KVCache,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
} from "wasm-attention";
import { multiHeadAttention } from "wasm-attention/reference";
import { rounded } from "../kv-cache/rounding.ts";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { type Backend, forEachBackend } from "../support/backends.ts";
import { plainLayer } from "../support/plain-layer.ts";
import { bytes, type FloatTensor, normal } from "../support/random-tensors.ts";

const sizes = { embedDim: 24, numHeads: 4, numKvHeads: 2, headDim: 10 };
const [B, T, E, H] = [2, 131, 24, 4];
const x = normal([B, T, E], 1);
/** How the tokens come: across the borders of pages. */
const chunks = [50, 1, 9, 1, 2, 65, 3];

/** Tokens `from` to `to` of `[B, T, E]`, of the entries that are chosen. */
function tokensOf(
  { data, shape }: FloatTensor,
  from: number,
  to: number,
  entries = range(shape[0]!),
): FloatTensor {
  const [, length, size] = shape as [number, number, number];
  const parts = entries.map((b) => data.slice((b * length + from) * size, (b * length + to) * size));
  return {
    data: Float32Array.from(parts.flatMap((part) => [...part])),
    shape: [entries.length, to - from, size],
  };
}

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

/** Rows `from` to `to` and columns up to `width` of `[..., L, S]`. */
function part({ data, shape }: FloatTensor, from: number, to: number, width: number): FloatTensor {
  const [L, S] = shape.slice(-2) as [number, number];
  const kept = data.filter((_, n) => {
    const row = Math.floor(n / S) % L;
    return row >= from && row < to && n % S < width;
  });
  return { data: kept, shape: [...shape.slice(0, -2), to - from, width] };
}

function cacheFor(
  { engine }: Pick<Backend, "engine">,
  options: Partial<ConstructorParameters<typeof KVCache>[0]> = {},
) {
  return new KVCache({ batch: B, kvHeads: 2, headDim: 10, maxLength: T, engine, ...options });
}

async function pass(
  { call }: Pick<Backend, "call">,
  layer: MultiHeadAttention,
  tokens: FloatTensor,
  options: ForwardOptions,
): Promise<ForwardResult> {
  return call === "sync" ? layer.forwardSync(tokens, options) : layer.forward(tokens, options);
}

/** What is in memory is what the caches say, besides the layer's weights. */
function expectBytes({ engine }: Pick<Backend, "engine">, weights: number, caches: readonly KVCache[]): void {
  const bytes = caches.reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(engine.info().memory.used).toBe(weights + bytes);
}

const llama3 = {
  rope_type: "llama3",
  factor: 8,
  original_max_position_embeddings: 64,
  low_freq_factor: 1,
  high_freq_factor: 4,
};
const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32 };
const layers: [name: string, options: Partial<MultiHeadAttentionOptions>][] = [
  ["grouped heads", {}],
  ["no bias", { bias: false }],
  ["rotary by halves", { rotary: true }],
  ["rotary by pairs, partial", { rotary: { interleaved: true, dim: 6, base: 500 } }],
  ["rotary, linear", { rotary: { scaling: { rope_type: "linear", factor: 3 } } }],
  ["rotary, llama3", { rotary: { scaling: llama3 } }],
  ["rotary, yarn", { rotary: { scaling: yarn, interleaved: true } }],
  ["normalised heads, then rotary", { rotary: true, qkNorm: true }],
  ["normalised heads alone", { qkNorm: true }],
  ["one key/value head", { numKvHeads: 1, rotary: true }],
  ["as many key/value heads as query heads", { numKvHeads: 4, headDim: 6 }],
];

describe("prefill, then decoding: bit for bit one causal pass", () => {
  forEachBackend((backend) => {
    it.each(layers)("%s", async (_, options) => {
      using layer = new MultiHeadAttention({ ...sizes, ...options, seed: 3, engine: backend.engine });
      const whole = layer.forwardSync(x, x, x, { causal: true, needWeights: true, averageWeights: false });
      const average = layer.forwardSync(x, x, x, { causal: true, needWeights: true });
      const weights = backend.engine.info().memory.used;
      using cache = cacheFor(backend, { kvHeads: layer.numKvHeads, headDim: layer.headDim });
      let from = 0;
      for (const n of chunks) {
        const to = from + n;
        const perHead = { cache, causal: true, needWeights: true, averageWeights: false };
        // Some passes with weights of each head, some with their mean, some without.
        const asked = [perHead, { cache, causal: true, needWeights: true }, { cache, causal: true }][n % 3]!;
        const result = await pass(backend, layer, tokensOf(x, from, to), asked);
        expect(result.output.shape).toEqual([B, n, E]);
        expectSameBits(
          result.output.data,
          tokensOf(whole.output as FloatTensor, from, to).data,
          `from ${from} on`,
        );
        const expected = [whole.weights, average.weights, undefined][n % 3] as FloatTensor | undefined;
        expect(result.weights?.shape).toEqual([[B, H, n, to], [B, n, to], undefined][n % 3]);
        if (expected)
          expectSameBits(result.weights!.data, part(expected, from, to, to).data, `weights from ${from} on`);
        expect(cache.lengths).toEqual([to, to]);
        expectBytes(backend, weights, [cache]);
        from = to;
      }
      expect(from).toBe(T);
    });

    it("unbatched", async () => {
      using layer = new MultiHeadAttention({ ...sizes, rotary: true, engine: backend.engine });
      const tokens = { data: x.data.slice(0, 70 * E), shape: [70, E] };
      const whole = layer.forwardSync(tokens, { causal: true, needWeights: true });
      using cache = cacheFor(backend, { batch: 1 });
      const rows = (from: number, to: number) => ({
        data: x.data.slice(from * E, to * E),
        shape: [to - from, E],
      });
      await pass(backend, layer, rows(0, 66), { cache, causal: true });
      const { output, weights } = await pass(backend, layer, rows(66, 70), {
        cache,
        causal: true,
        needWeights: true,
      });
      expect([output.shape, weights!.shape]).toEqual([
        [4, E],
        [4, 70],
      ]);
      expectSameBits(output.data, whole.output.data.slice(66 * E), "output");
      expectSameBits(weights!.data, whole.weights!.data.slice(66 * 70), "weights");
    });

    it("options come second or fourth, and tokens once or three times", async () => {
      using layer = new MultiHeadAttention({ ...sizes, rotary: true, engine: backend.engine });
      const forms = [
        (cache: KVCache) => layer.forward(x, { cache, causal: true }),
        (cache: KVCache) => layer.forward(x, undefined, undefined, { cache, causal: true }),
        (cache: KVCache) => layer.forward(x, x, x, { cache, causal: true }),
        async (cache: KVCache) => layer.forwardSync(x, { cache, causal: true }),
        async (cache: KVCache) => layer.forwardSync(x, undefined, undefined, { cache, causal: true }),
      ];
      const expected = layer.forwardSync(x, { causal: true }).output.data;
      for (const form of forms) {
        using cache = cacheFor(backend);
        expectSameBits((await form(cache)).output.data, expected, "output");
        expect(cache.lengths).toEqual([T, T]);
      }
    });
  });
});

describe("entries of different lengths", () => {
  const turns = [
    [40, 21],
    [0, 39],
    [3, 2],
    [61, 60],
    [1, 0],
  ] as const;

  forEachBackend((backend) => {
    it("each decodes as if it were alone", async () => {
      using layer = new MultiHeadAttention({ ...sizes, rotary: true, qkNorm: true, engine: backend.engine });
      const whole = layer.forwardSync(x, { causal: true }).output as FloatTensor;
      using cache = cacheFor(backend);
      const held = [0, 0];
      for (const lengths of turns) {
        const n = Math.max(...lengths);
        // Past an entry's own tokens there is NaN, which must not reach its cache.
        const entries = lengths.map((count, b) => {
          const data = new Float32Array(n * E).fill(Number.NaN);
          data.set(tokensOf(x, held[b]!, held[b]! + count, [b]).data);
          return data;
        });
        const tokens = { data: Float32Array.from(entries.flatMap((data) => [...data])), shape: [B, n, E] };
        const { output } = await pass(backend, layer, tokens, { cache, causal: true, lengths });
        for (const [b, count] of lengths.entries()) {
          const own = tokensOf(output as FloatTensor, 0, count, [b]);
          expectSameBits(own.data, tokensOf(whole, held[b]!, held[b]! + count, [b]).data, `entry ${b}`);
          held[b]! += count;
        }
        expect(cache.lengths).toEqual(held);
      }
    });
  });
});

describe("masks cover all tokens, those of the cache included", () => {
  const attnMask = bytes([H, T, T], 2, 0.8);
  const keyPaddingMask = bytes([B, T], 3, 0.8);
  const additive = normal([T, T], 4);
  const masks: [name: string, at: (from: number, to: number) => ForwardOptions][] = [
    ["attnMask", (from, to) => ({ attnMask: cut(attnMask, from, to) })],
    ["an additive attnMask", (from, to) => ({ attnMask: part(additive, from, to, to) })],
    ["keyPaddingMask", (_, to) => ({ keyPaddingMask: cut(keyPaddingMask, 0, B, to) })],
    [
      "both",
      (from, to) => ({ attnMask: cut(attnMask, from, to), keyPaddingMask: cut(keyPaddingMask, 0, B, to) }),
    ],
  ];
  const cut = (
    { data, shape }: { data: Uint8Array; shape: readonly number[] },
    from: number,
    to: number,
    width = to,
  ) => {
    const kept = part({ data: Float32Array.from(data), shape }, from, to, width);
    return { data: Uint8Array.from(kept.data), shape: kept.shape };
  };

  forEachBackend((backend) => {
    it.each(masks)("%s", async (_, at) => {
      using layer = new MultiHeadAttention({ ...sizes, rotary: true, engine: backend.engine });
      const whole = layer.forwardSync(x, { causal: true, ...at(0, T) }).output as FloatTensor;
      using cache = cacheFor(backend);
      let from = 0;
      for (const n of chunks) {
        const options = { cache, causal: true, ...at(from, from + n) };
        const { output } = await pass(backend, layer, tokensOf(x, from, from + n), options);
        expectSameBits(output.data, tokensOf(whole, from, from + n).data, `from ${from} on`);
        from += n;
      }
    });
  });
});

describe("a cache with a window", () => {
  const W = 37;
  const plain = { embedDim: E, numHeads: H, seed: 5 };
  const inBand = (i: number, j: number) => (j <= i && j > i - W ? 1 : 0);
  // What a query sees, as a mask of the whole: itself and the W - 1 tokens before it.
  const band = {
    data: Uint8Array.from({ length: T * T }, (_, n) => inBand(Math.floor(n / T), n % T)),
    shape: [T, T],
  };
  const state = new MultiHeadAttention(plain).toStateDict();
  const config = { numHeads: H, addZeroAttn: false };
  const exact = multiHeadAttention(state, config, x, x, x, { attnMask: band });
  const careful = plainLayer(state, config, [x, x, x], { attnMask: band });
  const tolerance = plainTolerance(exact.output.data, careful.output);

  forEachBackend((backend) => {
    it("is a band of all scores, and its memory stays flat", async () => {
      using layer = new MultiHeadAttention({ ...plain, engine: backend.engine });
      layer.forwardSync(tokensOf(x, 0, 1));
      const weights = backend.engine.info().memory.used;
      using cache = cacheFor(backend, { kvHeads: H, headDim: 6, window: W });
      const output = new Float32Array(B * T * E);
      for (let from = 0; from < T; from++) {
        const result = await pass(backend, layer, tokensOf(x, from, from + 1), { cache, needWeights: true });
        for (let b = 0; b < B; b++)
          output.set(result.output.data.subarray(b * E, (b + 1) * E), (b * T + from) * E);
        expect(result.weights!.shape).toEqual([B, 1, from + 1]);
        const seen = result.weights!.data.map((weight) => (weight > 0 ? 1 : 0));
        expect(seen).toEqual(Float32Array.from(seen, (_, n) => inBand(from, n % (from + 1))));
        expect(cache.byteLength).toBeLessThanOrEqual(2 * B * 60 * H * 6 * 2 * 4);
        expectBytes(backend, weights, [cache]);
      }
      expectAccurate({ data: output, shape: [B, T, E] }, exact.output, tolerance, "output");
    });

    it("a long prompt in two parts", async () => {
      using layer = new MultiHeadAttention({ ...plain, engine: backend.engine });
      using cache = cacheFor(backend, { kvHeads: H, headDim: 6, window: W });
      const first = await pass(backend, layer, tokensOf(x, 0, 110), { cache, causal: true });
      const second = await pass(backend, layer, tokensOf(x, 110, T), { cache, causal: true });
      const rows = (from: number, to: number) => {
        const { data, shape } = exact.output;
        return { data: tokensOf({ data: data as never, shape }, from, to).data, shape: [B, to - from, E] };
      };
      // The reference rounded to float32, which is half a unit of the last place: far below the tolerance.
      expectAccurate(first.output, rows(0, 110), tolerance, "first");
      expectAccurate(second.output, rows(110, T), tolerance, "second");
    });
  });
});

describe.each<CacheType>(["float32", "bfloat16", "int8"])("what goes into a cache of %s", (dtype) => {
  const identity = {
    data: Float32Array.from({ length: E * E }, (_, n) => (n % (E + 1) === 0 ? 1 : 0)),
    shape: [E, E],
  };
  const state = {
    in_proj_weight: {
      data: Float32Array.from([0, 1, 2].flatMap(() => [...identity.data])),
      shape: [3 * E, E],
    },
    "out_proj.weight": identity,
  };

  forEachBackend((backend) => {
    it("is the projected tokens: a layer of identities attends to the rounded tokens themselves", async () => {
      using layer = MultiHeadAttention.fromStateDict(state, { numHeads: H, engine: backend.engine });
      using cache = cacheFor(backend, { kvHeads: H, headDim: 6, dtype });
      const heads = { data: x.data, shape: [B, T, H, 6] };
      const stored = rounded(dtype, heads);
      const options = { layout: "BLHE", causal: true } as const;
      const expected = await backend.scaledDotProductAttention(heads, stored, stored, options);
      let from = 0;
      for (const n of chunks) {
        const { output } = await pass(backend, layer, tokensOf(x, from, from + n), { cache, causal: true });
        const rows = tokensOf(
          { data: expected.output.data as Float32Array, shape: [B, T, E] },
          from,
          from + n,
        );
        expectSameBits(output.data, rows.data, `from ${from} on`);
        from += n;
      }
    });
  });
});
