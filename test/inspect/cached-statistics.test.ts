/**
 * Statistics of attention over a cache: those of attention over the tokens as it stores them, and beside them the output that
 * attention over the cache gives.
 */
import { describe, expect, it } from "vitest";
import { type CacheType, createEngine, KVCache, type KVCacheOptions } from "wasm-attention";
import {
  type AttentionStatistics,
  attentionStatistics,
  attentionStatisticsSync,
  type StatisticsOptions,
} from "wasm-attention/inspect";
import * as reference from "wasm-attention/reference";
import { append, attend, cacheOf } from "../kv-cache/problem.ts";
import { rounded, roundedQueries } from "../kv-cache/rounding.ts";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { type AttentionWhat, attentionInputs, type Sizes } from "../support/attention-problem.ts";
import { forEachBackend, type What } from "../support/backends.ts";
import type { Where } from "../support/every-engine.ts";
import { plainAttention } from "../support/plain-float32.ts";
import { bytes, type FloatTensor, normal } from "../support/random-tensors.ts";
import { keysMatchWeights, plainStatistics, statisticNames } from "./plain-statistics.ts";

const names = ["output", "logSumExp", ...statisticNames] as const;
const types: readonly CacheType[] = ["float32", "bfloat16", "int8"];

/** A cache of all keys, and what attends to it. `offset` is the position of query 0. */
interface Problem {
  readonly name: string;
  readonly sizes: Sizes;
  readonly options?: What<StatisticsOptions>;
  readonly cache?: Partial<KVCacheOptions>;
  readonly offset?: number;
}

const problems: readonly Problem[] = [
  { name: "a token", sizes: { H: 6, L: 1, S: 130, E: 16, V: 8 } },
  { name: "a token of a group", sizes: { B: 2, H: 8, K: 2, L: 1, S: 200, E: 24 }, options: { topK: 3 } },
  { name: "a token, head sizes that nothing divides", sizes: { H: 4, K: 2, L: 1, S: 75, E: 13, V: 7 } },
  { name: "a draft", sizes: { H: 2, L: 4, S: 121, E: 40, V: 24 }, options: { causal: true, topK: 16 } },
  { name: "keys in parts", sizes: { H: 2, K: 1, L: 2, S: 1300, E: 8 }, options: { causal: true } },
  { name: "a prompt", sizes: { B: 2, H: 4, K: 2, L: 37, S: 131, E: 12 }, options: { causal: true, topK: 4 } },
  { name: "tokens first", sizes: { H: 2, L: 7, S: 64, E: 8 }, options: { layout: "BLHE" } },
  {
    name: "fewer keys than there are",
    sizes: { B: 2, H: 2, L: 3, S: 90, E: 8 },
    options: { kvLengths: [0, 61], queryOffset: 20 },
    offset: 20,
  },
  {
    name: "masks, slopes, sinks",
    sizes: { H: 4, K: 1, L: 3, S: 77, E: 8 },
    options: { mask: bytes([3, 77], 4, 0.4), alibiSlopes: [0.5, 0.25, 0.1, 1], sinks: [1, -2, 0, 3] },
  },
  {
    name: "cosine",
    sizes: { H: 2, L: 2, S: 70, E: 16 },
    options: { similarity: "cosine", scale: 9, bias: normal([70], 5) },
  },
  {
    name: "a window that has dropped tokens",
    sizes: { H: 2, L: 2, S: 400, E: 16 },
    options: { causal: true },
    cache: { window: 100 },
  },
];

const forms = problems.flatMap((problem) => types.map((dtype) => ({ ...problem, dtype })));

const solved = forms.map(({ name, sizes, options = {}, cache = {}, offset, dtype }) => {
  const { query, key, value } = attentionInputs(sizes, 1, options.layout);
  const { L, S, E, V = E, H = 1, K = H } = sizes;
  const integers = dtype === "int8" && (H / K) * L <= 4 && E % 8 === 0 && V % 8 === 0 && !options.similarity;
  const rows = integers ? roundedQueries(query) : query;
  const queryOffset = offset ?? S - L;
  const window = cache.window === undefined ? undefined : ([cache.window - 1, -1] as const);
  const what = { window, ...options, queryOffset };
  const tokens = [rounded(dtype, key), rounded(dtype, value)] as const;
  return {
    name: `${name}, ${dtype}`,
    query,
    key,
    value,
    rows,
    tokens,
    what,
    options,
    cache: { ...sizesOf(sizes), ...cache, dtype },
    integers,
  };
});

function sizesOf({ B = 1, H = 1, K = H, S, E, V = E }: Sizes) {
  return { batch: B, kvHeads: K, headDim: E, valueDim: V, maxLength: S };
}

/** What the reference computes, and what plain float32 would err. */
function judge({ rows, tokens, what }: (typeof solved)[number]) {
  const { topK, ...scores } = what;
  const exact = reference.attentionStatistics(rows, ...tokens, what);
  const { weights } = reference.scaledDotProductAttention(rows, ...tokens, scores);
  const plain = plainAttention(rows, ...tokens, scores as AttentionWhat);
  const offsets = new Array<number>(weights.shape[0]!).fill(what.queryOffset);
  const ofPlain = plainStatistics(
    { data: plain.weights, shape: weights.shape },
    { topK, offsets, round: Math.fround },
  );
  return { exact, weights, plain: { ...ofPlain, logSumExp: plain.logSumExp, output: plain.output } };
}

async function statisticsOf(
  { call }: Pick<Where, "call">,
  query: FloatTensor,
  cache: KVCache,
  options?: StatisticsOptions,
): Promise<AttentionStatistics> {
  return (call === "sync" ? attentionStatisticsSync : attentionStatistics)(query, cache, options);
}

describe("attentionStatistics of a cache", () => {
  forEachBackend((backend) => {
    it.each(solved)("$name", async (made) => {
      const { query, key, value, rows, tokens, what, options } = made;
      using cache = new KVCache({ ...made.cache, engine: backend.engine });
      await append(cache, backend, key, value, { layout: options.layout });
      const actual = await statisticsOf(backend, query, cache, options);
      const { exact, weights, plain } = judge(made);
      for (const name of names)
        expectAccurate(actual[name]!, exact[name]!, plainTolerance(exact[name]!.data, plain[name]), name);
      const { absolute } = plainTolerance(exact.topWeights.data, plain.topWeights);
      expect(keysMatchWeights(actual, weights, absolute)).toBeUndefined();

      const { topK, ...scores } = options;
      const attention = await attend(backend, query, cache, { ...scores, returnLogSumExp: true });
      expectSameBits(actual.output!.data, attention.output.data, "output");
      expectSameBits(actual.logSumExp.data, attention.logSumExp!.data, "logSumExp");
      if (made.integers) return;
      const plainly = await attentionStatistics(rows, ...tokens, { ...what, engine: backend.engine });
      for (const name of [...names, "topKeys"] as const)
        expectSameBits(actual[name]!.data, plainly[name]!.data, `${name}, of tensors`);
    });

    it.each(types)("a token that is not finite and excluded, %s", async (dtype) => {
      const { query, key, value } = attentionInputs({ L: 2, S: 190, E: 16, V: 8 });
      const excluded = new Uint8Array(190).fill(1);
      excluded[70] = 0;
      const mask = { data: excluded, shape: [190] };
      using clean = cacheOf(backend.engine, key, value, { dtype });
      key.data[70 * 16 + 3] = Number.NaN;
      using dirty = cacheOf(backend.engine, key, value, { dtype });
      const expected = await statisticsOf(backend, query, clean, { mask });
      const actual = await statisticsOf(backend, query, dirty, { mask });
      // Its block is not taken as int8, which moves scores by a rounding of the queries.
      const tolerance = { absolute: dtype === "int8" ? 1e-3 : 0, relative: 0 };
      for (const name of names) expectAccurate(actual[name]!, expected[name]!, tolerance, name);
    });

    it("no tokens yet, or none in an entry", async () => {
      const sizes = { batch: 2, kvHeads: 1, headDim: 8, maxLength: 10, engine: backend.engine };
      using cache = new KVCache(sizes);
      const query = normal([2, 2, 1, 8], 1);
      const none = await statisticsOf(backend, query, cache);
      expect(none.keyMass.shape).toEqual([2, 2, 0]);
      expect([...none.topKeys.data]).toEqual([-1, -1, -1, -1]);
      await append(cache, backend, normal([2, 1, 3, 8], 2), normal([2, 1, 3, 8], 3), { lengths: [3, 0] });
      const some = await statisticsOf(backend, query, cache);
      expect(some.keyMass.shape).toEqual([2, 2, 3]);
      expect([...some.keyMass.data.subarray(6)]).toEqual(new Array(6).fill(0));
      expect([...some.topKeys.data.subarray(2)]).toEqual([-1, -1]);
    });
  });

  it("runs on the cache's engine, and refuses another", async () => {
    await using engine = createEngine({ threads: 0 });
    await using other = createEngine({ threads: 0 });
    const { query, key, value } = attentionInputs({ L: 1, S: 5, E: 8 });
    using cache = cacheOf(engine, key, value);
    const before = engine.info().memory.peak;
    attentionStatisticsSync(query, cache);
    expect(engine.info().memory.peak).toBeGreaterThan(before);
    const refuse = (args: readonly unknown[], code: string, message: string) => {
      const call = () => (attentionStatisticsSync as (...all: unknown[]) => unknown)(query, ...args);
      expect(call).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
    };
    refuse([cache, { engine: other }], "ERR_OPTION", "belongs to another engine");
    refuse([cache, value], "ERR_OPTION", "beside a cache options are the third argument");
    refuse([cache, {}, {}], "ERR_OPTION", "beside a cache options are the third argument");
    refuse([cache, { cuSeqlens: { query: [0], key: [0] } }], "ERR_OPTION", '"cuSeqlens" is no option here');
    refuse([cache, { topK: 0 }], "ERR_OPTION", '"topK"');
    refuse([cache, { kvLengths: [6] }], "ERR_OPTION", '"kvLengths"');
    cache.dispose();
    refuse([cache], "ERR_DISPOSED", "this cache is disposed");
  });
});
