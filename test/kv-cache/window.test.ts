/** A cache with a window keeps no more than the window needs, and a token's position stays what it is. */
import { setImmediate as immediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { applyRotary, createEngine, KVCache } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import { type AttentionWhat, attentionInputs } from "../support/attention-problem.ts";
import { forEachBackend, forEachEngine } from "../support/backends.ts";
import { type FloatTensor, normal } from "../support/random-tensors.ts";
import { append, attend, cacheOf, expectAllBytes, pageBytes, refusal, tokensOf, zeros } from "./problem.ts";

const WINDOW = 100;
const [B, H, K, E] = [2, 4, 2, 8];
const sizes = { batch: B, kvHeads: K, headDim: E, window: WINDOW };

describe("thousands of tokens", () => {
  const total = 3000;
  const key = normal([B, K, total, E], 1);
  const value = normal([B, K, total, E], 2);
  const query = normal([B, H, total, E], 3);

  forEachEngine(({ kernels }, engine) => {
    it("take the memory of a window, and a page at either end of it", async () => {
      // Elsewhere, so that its copies of keys do not count.
      await using beside = createEngine({ kernels, threads: 0 });
      using cache = new KVCache({ ...sizes, maxLength: total, engine: engine() });
      // The keys that 1 query sees, a page that holds its first one, and one for its last.
      const most = B * (Math.ceil(WINDOW / 60) + 1) * pageBytes(cache);
      for (let from = 0; from < total; from++) {
        cache.append(tokensOf(key, from, from + 1), tokensOf(value, from, from + 1));
        expect(cache.byteLength).toBeLessThanOrEqual(most);
        expectAllBytes(engine(), [cache]);
        expect(cache.lengths).toEqual([from + 1, from + 1]);
        if (from % 97 !== 0 && from < total - 3) continue;
        const one = tokensOf(query, from, from + 1);
        const { output } = engine().scaledDotProductAttentionSync(one, cache);
        // Keys before the window that a plain call may leave out: whole parts of 540, which are counted from key 0.
        const first = Math.max(0, from + 1 - WINDOW);
        const start = first - (first % 540);
        const plain = beside.scaledDotProductAttentionSync(
          one,
          tokensOf(key, start, from + 1),
          tokensOf(value, start, from + 1),
          { window: [WINDOW - 1, 0], queryOffset: from - start },
        );
        expectSameBits(output.data, plain.output.data, `token ${from}`);
      }
      expect(engine().info().memory.peak).toBeLessThan(2 * most + 100_000);
      const more = tokensOf(key, 0, 1);
      expect(refusal(() => cache.append(more, more))).toEqual([
        "ERR_OPTION",
        '"maxLength" is 3000: entry 0 holds 3000 tokens, and 1 more were appended',
      ]);
    });
  });
});

const total = 400;
const problem = attentionInputs({ B, H, K, L: total, S: total, E }, 4);

/** Positions that count: in all of them the whole past is the expected answer, cut by `window`. */
const positional: [name: string, options: AttentionWhat, rotate: boolean][] = [
  ["causal", { causal: true }, false],
  ["ALiBi", { alibiSlopes: [0.3, 0.1, 0.03, 0.01], causal: true }, false],
  [
    "relativeBias",
    { relativeBias: { table: normal([32, H], 5), bidirectional: false }, causal: true },
    false,
  ],
  ["a narrower window", { window: [40, 0] }, false],
  ["sinks and softcap", { sinks: [1, 2, 3, 4], softcap: 2, causal: true }, false],
  ["rotary", { causal: true }, true],
];

describe("positions are true, whatever was dropped", () => {
  forEachBackend((backend) => {
    it.each(positional)("%s", async (_, options, rotate) => {
      const turned = (x: FloatTensor) => (rotate ? applyRotary(x, {}) : x);
      const [query, key] = [turned(problem.query), turned(problem.key)];
      const { value } = problem;
      using cache = new KVCache({ ...sizes, maxLength: total, engine: backend.engine });
      const whole = {
        window: [WINDOW - 1, 0] as const,
        ...options,
        returnLogSumExp: true,
        returnWeights: true,
      };
      const expected = await backend.scaledDotProductAttention(query, key, value, whole);
      let from = 0;
      for (const n of [150, 1, 59, 3, 1, 1, 61, 120, 4]) {
        const part = (x: FloatTensor) => tokensOf(x, from, from + n);
        const rotated = rotate
          ? applyRotary(part(problem.key), { positions: positions(from, n) })
          : part(key);
        await append(cache, backend, rotated, part(value));
        const all = { ...options, returnLogSumExp: true, returnWeights: true };
        const { output, weights } = await attend(backend, part(query), cache, all);
        const rows = tokensOf(expected.output as FloatTensor, from, from + n);
        expectSameBits(output.data, rows.data, `tokens from ${from} on`);
        const { data } = tokensOf(expected.weights as FloatTensor, from, from + n);
        const cut = data.filter((_, j) => j % total < from + n);
        expect(weights!.shape).toEqual([B, H, n, from + n]);
        expectSameBits(weights!.data, cut, `weights from ${from} on`);
        from += n;
      }
      expect(from).toBe(total);
    });
  });

  const positions = (from: number, n: number) => Array.from({ length: n }, (_, i) => from + i);
});

describe("what is dropped is gone", () => {
  const [key, value] = [normal([1, 1, 300, 4], 1), normal([1, 1, 300, 4], 2)];
  const part = (x: FloatTensor, from: number, to: number) => tokensOf(x, from, to);

  /** Holds tokens 120 to 250: token 249 was appended alone, and its window reaches back to 150. */
  function cacheWithPast(engine: Parameters<typeof cacheOf>[0]): KVCache {
    const cache = cacheOf(engine, part(key, 0, 249), part(value, 0, 249), { maxLength: 300, window: WINDOW });
    cache.append(part(key, 249, 250), part(value, 249, 250));
    return cache;
  }

  forEachEngine((_, engine) => {
    it("a query that looks back to it is refused, the one after it is not", () => {
      using cache = cacheWithPast(engine());
      expect(cache.byteLength).toBe(3 * pageBytes(cache));
      const attendAt = (queryOffset: number, window?: [number, number]) =>
        engine().scaledDotProductAttentionSync(zeros(1, 1, 1, 4), cache, {
          queryOffset,
          window,
          causal: true,
        });
      expect(refusal(() => attendAt(218))).toEqual([
        "ERR_OPTION",
        '"queryOffset" 218 of entry 0 looks back to tokens that its window has dropped, those before 120',
      ]);
      const { output } = attendAt(219);
      const plain = engine().scaledDotProductAttentionSync(zeros(1, 1, 1, 4), key, value, {
        queryOffset: 219,
        window: [99, 0],
      });
      expectSameBits(output.data, plain.output.data, "219");
      // A narrower window looks back less far.
      attendAt(130, [10, 0]);
      expect(refusal(() => attendAt(129, [10, 0]))[0]).toBe("ERR_OPTION");
      // So many queries as reach back too far.
      const many = (L: number) => engine().scaledDotProductAttentionSync(zeros(1, 1, L, 4), cache);
      many(31);
      expect(refusal(() => many(32))).toEqual([
        "ERR_OPTION",
        '"queryOffset" 218 of entry 0 looks back to tokens that its window has dropped, those before 120',
      ]);
    });

    it("a window wider than the cache's is refused, before anything is dropped, too", () => {
      using cache = cacheOf(engine(), part(key, 0, 5), part(value, 0, 5), { window: WINDOW });
      const wide = (left: number) =>
        engine().scaledDotProductAttentionSync(zeros(1, 1, 1, 4), cache, { window: [left, 0] });
      wide(99);
      for (const left of [100, -1])
        expect(refusal(() => wide(left))).toEqual([
          "ERR_OPTION",
          `"window" expected at most 99 keys to the left, as the cache keeps a window of 100, got ${left}`,
        ]);
    });

    it("returnScores would need it", () => {
      using cache = cacheWithPast(engine());
      const scores = () =>
        engine().scaledDotProductAttentionSync(zeros(1, 1, 1, 4), cache, { returnScores: "scaled" });
      expect(refusal(scores)).toEqual([
        "ERR_OPTION",
        '"returnScores" needs keys that the window of the cache has dropped',
      ]);
    });

    it("kvLengths among it leave nothing to attend", () => {
      using cache = cacheWithPast(engine());
      const { output, logSumExp } = engine().scaledDotProductAttentionSync(zeros(1, 1, 1, 4), cache, {
        kvLengths: [100],
        returnLogSumExp: true,
      });
      expect([...output.data, ...logSumExp!.data]).toEqual([0, 0, 0, 0, -Infinity]);
    });

    it("truncate stops where the next token's window would reach it, and empties all the same", () => {
      using cache = cacheWithPast(engine());
      expect(refusal(() => cache.truncate(218))).toEqual([
        "ERR_OPTION",
        "entry 0 cannot be cut to 218 tokens: its window has dropped those before 120",
      ]);
      expect(cache.lengths).toEqual([250]);
      cache.truncate(219);
      expect([cache.lengths, cache.byteLength]).toEqual([[219], 2 * pageBytes(cache)]);
      cache.append(part(key, 219, 220), part(value, 219, 220));
      const query = normal([1, 2, 1, 4], 7);
      const { output } = engine().scaledDotProductAttentionSync(query, cache);
      const plain = engine().scaledDotProductAttentionSync(query, key, value, {
        queryOffset: 219,
        window: [99, 0],
      });
      expectSameBits(output.data, plain.output.data, "after the cut");
      cache.truncate(0);
      expect([cache.lengths, cache.byteLength]).toEqual([[0], 0]);
      cache.append(part(key, 0, 70), part(value, 0, 70));
      const again = engine().scaledDotProductAttentionSync(query, cache);
      const fresh = engine().scaledDotProductAttentionSync(query, part(key, 0, 70), part(value, 0, 70));
      expectSameBits(again.output.data, fresh.output.data, "from the start");
    });

    it("a call in flight still has it", async () => {
      using cache = cacheWithPast(engine());
      const query = normal([1, 2, 1, 4], 7);
      const expected = engine().scaledDotProductAttentionSync(query, cache).output.data;
      const call = engine().scaledDotProductAttention(query, cache);
      cache.append(part(key, 250, 300), part(value, 250, 300));
      cache.truncate(0);
      cache.append(part(value, 0, 300), part(key, 0, 300));
      expectSameBits((await call).output.data, expected, "in flight");
      await immediate();
      expectAllBytes(engine(), [cache]);
    });

    it("a window of 1: a token sees itself alone", () => {
      using cache = new KVCache({
        batch: 1,
        kvHeads: 1,
        headDim: 4,
        maxLength: 300,
        window: 1,
        engine: engine(),
      });
      for (let from = 0; from < 130; from++) {
        cache.append(part(key, from, from + 1), part(value, from, from + 1));
        const { output } = engine().scaledDotProductAttentionSync(zeros(1, 1, 1, 4), cache);
        expectSameBits(output.data, part(value, from, from + 1).data, `token ${from}`);
        expect(cache.byteLength).toBe(pageBytes(cache));
      }
    });
  });
});
