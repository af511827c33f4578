/**
 * Attention over a cache is attention over the tokens that were appended to it: bit for bit what the same engine gives for
 * plain arrays, however the tokens came, whatever the options, and within the house's tolerance of the float64 reference.
 */
import { describe, expect, it } from "vitest";
import { type AttentionResult, createBlockMask, createEngine, KVCache } from "wasm-attention";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { type AttentionWhat, attentionInputs, solve } from "../support/attention-problem.ts";
import { type Backend, forEachBackend } from "../support/backends.ts";
import { bytes, type FloatTensor, normal } from "../support/random-tensors.ts";
import {
  append,
  attend,
  cacheOf,
  entryOf,
  expectAllBytes,
  padded,
  pageBytes,
  tokensOf,
  withRank,
} from "./problem.ts";

const results = ["output", "logSumExp", "weights", "scores"] as const;

/** Every result that one of the two has: the same shape, the same bits. */
function expectSame(actual: AttentionResult, expected: AttentionResult, label: string): void {
  for (const name of results) {
    expect(actual[name]?.shape, `${label}: ${name}`).toEqual(expected[name]?.shape);
    if (expected[name]) expectSameBits(actual[name]!.data, expected[name].data, `${label}: ${name}`);
  }
}

interface Decoding {
  readonly name: string;
  readonly sizes: { B: number; H: number; K: number; E: number; V?: number };
  /** Tokens of one append each. */
  readonly chunks: readonly number[];
  readonly layout?: "BHLE" | "BLHE";
  readonly rank?: number;
  readonly options?: AttentionWhat;
}

const crossing = [59, 1, 1, 58, 2, 61, 7];
const decodings: Decoding[] = [
  { name: "one head", sizes: { B: 1, H: 1, K: 1, E: 16 }, chunks: [70, 1, 1, 1] },
  { name: "chunks across pages", sizes: { B: 2, H: 2, K: 2, E: 8 }, chunks: crossing },
  { name: "grouped heads, BLHE", sizes: { B: 2, H: 6, K: 2, E: 8 }, chunks: crossing, layout: "BLHE" },
  { name: "one token after the other", sizes: { B: 1, H: 2, K: 1, E: 4 }, chunks: new Array(62).fill(1) },
  { name: "whole pages", sizes: { B: 1, H: 2, K: 2, E: 8 }, chunks: [60, 120, 60, 1] },
  { name: "E = 1, V = 3", sizes: { B: 1, H: 2, K: 1, E: 1, V: 3 }, chunks: [61, 1, 2] },
  { name: "E = 3, V = 33", sizes: { B: 2, H: 2, K: 1, E: 3, V: 33 }, chunks: [61, 1, 2] },
  { name: "E = 33, V = 1", sizes: { B: 1, H: 2, K: 2, E: 33, V: 1 }, chunks: [58, 3, 2] },
  { name: "E = 40, V = 111", sizes: { B: 1, H: 2, K: 2, E: 40, V: 111 }, chunks: [58, 3, 2] },
  { name: "E = 111, V = 40", sizes: { B: 1, H: 3, K: 1, E: 111, V: 40 }, chunks: [58, 3, 2], layout: "BLHE" },
  { name: "rank 3", sizes: { B: 1, H: 4, K: 2, E: 8 }, chunks: [61, 1, 5], rank: 3 },
  { name: "rank 3, BLHE", sizes: { B: 1, H: 4, K: 2, E: 8 }, chunks: [61, 1, 5], rank: 3, layout: "BLHE" },
  { name: "rank 2", sizes: { B: 1, H: 1, K: 1, E: 8 }, chunks: [61, 1, 5], rank: 2 },
  {
    name: "a window",
    sizes: { B: 2, H: 2, K: 2, E: 8 },
    chunks: crossing,
    options: { window: [20, 0], sinks: [1, -1] },
  },
];

const inputs = decodings.map(({ sizes, chunks, layout, options }, i) => {
  const total = chunks.reduce((sum, n) => sum + n, 0);
  const drawn = attentionInputs({ ...sizes, L: total, S: total }, i, layout);
  return { ...drawn, options: { causal: true, layout, ...options } };
});

describe("prefill, then decoding", () => {
  forEachBackend((backend) => {
    it.each(decodings.map((decoding, i) => ({ ...decoding, problem: inputs[i]! })))(
      "$name: bit for bit one causal pass",
      async ({ sizes, chunks, layout = "BHLE", rank = 4, problem }) => {
        const { query, key, value, options } = problem;
        const whole = await backend.scaledDotProductAttention(query, key, value, {
          ...options,
          returnLogSumExp: true,
        });
        const { exact, plain } = solve(problem);
        expectAccurate(
          whole.output,
          exact.output,
          plainTolerance(exact.output.data, plain.output),
          "all at once",
        );

        const { B, K, E, V = E } = sizes;
        const made = { batch: B, kvHeads: K, headDim: E, valueDim: V, maxLength: query.data.length };
        using cache = new KVCache({ ...made, engine: backend.engine });
        let held = 0;
        for (const n of chunks) {
          const part = (x: FloatTensor) => withRank(tokensOf(x, held, held + n, layout), rank, layout);
          await append(cache, backend, part(key), part(value), { layout });
          const all = { ...options, returnLogSumExp: true };
          const { output, logSumExp } = await attend(backend, part(query), cache, all);
          const rows = tokensOf(whole.output as FloatTensor, held, held + n, layout);
          expect(output.shape).toEqual(withRank(rows, rank, layout).shape);
          expectSameBits(output.data, rows.data, `tokens ${held} to ${held + n}`);
          const { data, shape } = whole.logSumExp as FloatTensor;
          const sums = tokensOf({ data, shape: [...shape, 1] }, held, held + n).data;
          expectSameBits(logSumExp!.data, sums, `logSumExp of tokens ${held} to ${held + n}`);
          held += n;
          expect(cache.lengths).toEqual(new Array(B).fill(held));
          expect(cache.byteLength).toBe(B * Math.ceil(held / 60) * pageBytes(made));
          expectAllBytes(backend.engine, [cache]);
        }
      },
    );
  });
});

/** Lengths of the entries: none, within a page, at its end, beyond. */
const held = [0, 37, 60, 133];
const [B, H, K, L, S, E, V] = [held.length, 4, 2, 3, 133, 12, 7];
const ragged = attentionInputs({ B, H, K, L, S, E, V }, 5);
/** What is there of the keys and values; the rest is NaN. */
const there = (x: FloatTensor) => padded(held.map((n, b) => tokensOf(entryOf(x, b), 0, n)));
const [key, value] = [there(ragged.key), there(ragged.value)];

type Case = [name: string, options: AttentionWhat];
const table = normal([32, H], 8);
const cases: Case[] = [
  ["nothing", {}],
  ["causal", { causal: true }],
  ["a boolean mask", { mask: bytes([B, 1, L, S], 1) }],
  ["an additive mask", { mask: normal([H, L, S], 2), causal: true }],
  ["a mask and a bias", { mask: bytes([L, S], 1), bias: normal([B, 1, 1, S], 3) }],
  ["two additive ones", { mask: normal([S], 1), bias: normal([H, 1, S], 3) }],
  ["ALiBi", { alibiSlopes: [0.5, 0.25, 0.1, 0.01], causal: true }],
  ["relativeBias", { relativeBias: { table, bidirectional: false }, causal: true }],
  ["relativeBias both ways", { relativeBias: { table, maxDistance: 40 } }],
  ["sinks", { sinks: [0, 1, -2, 3] }],
  ["softcap", { softcap: 2, causal: true }],
  ["cosine", { similarity: "cosine", scale: 8 }],
  ["root-norm", { similarity: "root-norm", causal: true }],
  ["a window", { window: [10, 0] }],
  ["a window both ways", { window: [70, 1] }],
  ["bottom-right", { causal: "bottom-right" }],
  ["a scale below 0", { scale: -0.3 }],
  [
    "a blockMask",
    { blockMask: createBlockMask((_b, _h, i, j) => (i + j) % 3 !== 0 && j < 125, { L, S, blockSize: 16 }) },
  ],
  ["kvLengths", { kvLengths: [0, 5, 60, 100], causal: true }],
  ["kvLengths that are alike", { kvLengths: [0, 0, 0, 0] }],
  ["queryOffset", { queryOffset: 20, causal: true }],
  ["queryOffset of each", { queryOffset: [-1, 0, 7, 200], causal: true, window: [80, 0] }],
  ["queryOffset bottom-right", { queryOffset: "bottom-right", causal: true, kvLengths: [0, 5, 60, 100] }],
  [
    "most of it at once",
    {
      mask: bytes([B, H, L, S], 4),
      bias: normal([H, 1, S], 3),
      alibiSlopes: [1, 0.5, 0.2, 0.1],
      relativeBias: { table },
      sinks: [0, 1, 2, 3],
      softcap: 5,
      window: [90, 2],
      causal: true,
    },
  ],
];

/** The same of plain arrays: lengths and positions, which a cache knows, are told. */
function told(options: AttentionWhat): AttentionWhat {
  return { kvLengths: held, queryOffset: held.map((length) => length - L), ...options };
}

async function raggedCache(backend: Backend): Promise<KVCache> {
  const sizes = { batch: B, kvHeads: K, headDim: E, valueDim: V };
  const cache = new KVCache({ ...sizes, maxLength: S, engine: backend.engine });
  // In turns of 50 tokens, of which every entry takes what it still has.
  for (let from = 0; from < S; from += 50) {
    const part = (x: FloatTensor) => tokensOf(x, from, Math.min(S, from + 50));
    const lengths = held.map((n) => Math.max(0, Math.min(n, Math.min(S, from + 50)) - from));
    await append(cache, backend, part(ragged.key), part(ragged.value), { lengths });
  }
  return cache;
}

const problems = cases.map(([, options]) => ({
  query: ragged.query,
  key,
  value,
  options: told({ ...options, blockMask: undefined }),
}));

describe("every option, with entries of different lengths", () => {
  forEachBackend((backend) => {
    const all = { returnLogSumExp: true, returnWeights: true } as const;

    it.each(cases.map(([name, options], i) => ({ name, options, problem: problems[i]! })))(
      "$name",
      async ({ options, problem }) => {
        using cache = await raggedCache(backend);
        expect(cache.lengths).toEqual(held);
        const actual = await attend(backend, ragged.query, cache, { ...options, ...all });
        const plain = await backend.scaledDotProductAttention(ragged.query, key, value, {
          ...told(options),
          ...all,
        });
        expectSame(actual, plain as AttentionResult, "cache");
        if (options.blockMask) return;
        const { exact, plain: careful } = solve(problem);
        for (const name of ["output", "logSumExp", "weights"] as const)
          expectAccurate(actual[name]!, exact[name], plainTolerance(exact[name].data, careful[name]), name);
      },
    );

    it.each(["scaled", "capped", "biased"] as const)(
      "returnScores %s: no score past the end",
      async (stage) => {
        using cache = await raggedCache(backend);
        const options = { softcap: 3, bias: normal([H, L, S], 3), causal: true, returnScores: stage, ...all };
        const actual = await attend(backend, ragged.query, cache, options);
        const plain = await backend.scaledDotProductAttention(ragged.query, key, value, told(options));
        const { shape, data } = (plain as AttentionResult).scores!;
        const expected = data.map((x, n) => (n % S < held[Math.floor(n / (H * L * S))]! ? x : -Infinity));
        expectSame(
          actual,
          { ...(plain as AttentionResult), scores: { data: expected, shape } as never },
          "cache",
        );
      },
    );

    it("returnScores: of keys that kvLengths leaves out, as of plain arrays, but of none that is not there", async () => {
      using cache = await raggedCache(backend);
      const options = { kvLengths: [0, 5, 60, 100], returnScores: "scaled" } as const;
      const { scores } = await attend(backend, ragged.query, cache, options);
      const plain = await backend.scaledDotProductAttention(
        ragged.query,
        ragged.key,
        ragged.value,
        told(options),
      );
      const { data, shape } = (plain as AttentionResult).scores!;
      const expected = data.map((x, n) => (n % S < held[Math.floor(n / (H * L * S))]! ? x : -Infinity));
      expect(scores!.shape).toEqual(shape);
      expectSameBits(scores!.data, expected, "scores");
    });

    it("out: plain, and of the engine", async () => {
      using cache = await raggedCache(backend);
      const expected = await attend(backend, ragged.query, cache, { causal: true });
      const plain = { data: new Float32Array(B * H * L * V).fill(7), shape: [B, H, L, V] };
      using inEngine = backend.engine.tensor([B, H, L, V]);
      for (const out of [plain, inEngine]) {
        const { output } = await attend(backend, ragged.query, cache, { causal: true, out });
        expectSameBits(out.data, expected.output.data, "out");
        expect(output.data).toBe(out.data);
      }
    });

    it("entries do not see one another: each is what it is alone", async () => {
      using cache = await raggedCache(backend);
      const { output } = await attend(backend, ragged.query, cache, { causal: true });
      for (const [b, n] of held.entries()) {
        if (n === 0) continue;
        const part = (x: FloatTensor) => tokensOf(entryOf(x, b), 0, n);
        using alone = cacheOf(backend.engine, part(ragged.key), part(ragged.value));
        const one = await attend(backend, entryOf(ragged.query, b), alone, { causal: true });
        expectSameBits(one.output.data, entryOf(output as FloatTensor, b).data, `entry ${b}`);
      }
    });
  });
});

describe("nothing at all", () => {
  forEachBackend((backend) => {
    it("a cache without tokens gives 0", async () => {
      using cache = new KVCache({ batch: 2, kvHeads: 1, headDim: 4, maxLength: 10, engine: backend.engine });
      await append(cache, backend, normal([2, 1, 0, 4], 1), normal([2, 1, 0, 4], 2));
      expect([cache.length, cache.lengths, cache.byteLength]).toEqual([0, [0, 0], 0]);
      const all = { returnLogSumExp: true, returnWeights: true, returnScores: "scaled" } as const;
      const { output, logSumExp, weights, scores } = await attend(
        backend,
        normal([2, 3, 2, 4], 1),
        cache,
        all,
      );
      expect(output.data).toEqual(new Float32Array(2 * 3 * 2 * 4));
      expect(logSumExp!.data).toEqual(new Float32Array(2 * 3 * 2).fill(-Infinity));
      expect([weights!.shape, scores!.shape]).toEqual([
        [2, 3, 2, 0],
        [2, 3, 2, 0],
      ]);
    });

    it("no queries", async () => {
      using cache = cacheOf(backend.engine, normal([1, 1, 5, 4], 1), normal([1, 1, 5, 4], 2));
      const { output } = await attend(backend, normal([1, 2, 0, 4], 1), cache);
      expect(output.shape).toEqual([1, 2, 0, 4]);
    });

    it("appending nothing to any entry changes nothing", async () => {
      using cache = cacheOf(backend.engine, normal([2, 1, 61, 4], 1), normal([2, 1, 61, 4], 2));
      const before = await attend(backend, normal([2, 1, 1, 4], 3), cache);
      await append(cache, backend, normal([2, 1, 3, 4], 1), normal([2, 1, 3, 4], 2), { lengths: [0, 0] });
      const after = await attend(backend, normal([2, 1, 1, 4], 3), cache);
      expect(cache.lengths).toEqual([61, 61]);
      expectSame(after, before, "after");
    });
  });
});

describe("a batch of more entries than a stack holds", () => {
  it("is like any other", async () => {
    const batch = 130_000;
    await using engine = createEngine({ threads: 0 });
    const [key, value] = [normal([batch, 1, 1, 1], 1), normal([batch, 1, 1, 1], 2)];
    using cache = new KVCache({ batch, kvHeads: 1, headDim: 1, maxLength: 1, engine });
    cache.append(key, value);
    expect([cache.length, cache.byteLength]).toEqual([1, batch * pageBytes(cache)]);
    const { output } = engine.scaledDotProductAttentionSync(key, cache);
    expectSameBits(output.data, value.data, "each sees its one token");
  });
});

describe("the operator's other doors", () => {
  it("functions of the package find the cache's engine; the reference sees the same tokens", async () => {
    const { scaledDotProductAttention, scaledDotProductAttentionSync } = await import("wasm-attention");
    const { query, key, value } = attentionInputs({ B: 1, H: 2, L: 4, S: 70, E: 8 });
    using cache = new KVCache({ batch: 1, kvHeads: 2, headDim: 8, maxLength: 70 });
    cache.append(key, value);
    const one = await scaledDotProductAttention(query, cache, { causal: true });
    const other = scaledDotProductAttentionSync(query, cache, { causal: true, engine: cache.engine });
    const plain = scaledDotProductAttentionSync(query, key, value, { causal: "bottom-right" });
    expectSame(one, other, "sync");
    expectSame(one, plain, "plain");
    const { exact, plain: careful } = solve({ query, key, value, options: { causal: "bottom-right" } });
    expectAccurate(one.output, exact.output, plainTolerance(exact.output.data, careful.output), "reference");
  });
});
