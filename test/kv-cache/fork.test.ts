/** Forks share pages, a page is copied when one of several writes to it, and every byte counts to exactly one cache. */
import { describe, expect, it } from "vitest";
import { type CacheType, type Engine, KVCache } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import { forEachEngine } from "../support/backends.ts";
import { type FloatTensor, normal } from "../support/random-tensors.ts";
import { entryOf, expectAllBytes, pageBytes, tokensOf } from "./problem.ts";

const [B, K, E, V] = [3, 2, 5, 9];
const total = 200;
const [key, value] = [normal([B, K, total, E], 1), normal([B, K, total, V], 2)];
const query = normal([1, 4, 1, E], 3);

function cacheOfTokens(engine: Engine, length: number, dtype?: CacheType): KVCache {
  const sizes = { batch: B, kvHeads: K, headDim: E, valueDim: V, maxLength: total, dtype };
  const cache = new KVCache({ ...sizes, engine });
  cache.append(tokensOf(key, 0, length), tokensOf(value, 0, length));
  return cache;
}

/** Of each entry what one query gets. */
function outputs(cache: KVCache): Float32Array[] {
  const data = Float32Array.from(
    { length: cache.batch * query.data.length },
    (_, n) => query.data[n % query.data.length]!,
  );
  const { output } = cache.engine.scaledDotProductAttentionSync(
    { data, shape: [cache.batch, 4, 1, E] },
    cache,
  );
  return Array.from({ length: cache.batch }, (_, b) => entryOf(output as FloatTensor, b).data);
}

function expectOutputs(cache: KVCache, expected: readonly Float32Array[], label: string): void {
  outputs(cache).forEach((output, b) => {
    expectSameBits(output, expected[b]!, `${label}, entry ${b}`);
  });
}

/** The tokens of one entry of the drawn ones, for a cache of any batch. */
const one = (x: FloatTensor, b: number, from: number, batch: number): FloatTensor => {
  const token = tokensOf(entryOf(x, b), from, from + 1);
  const data = Float32Array.from(
    { length: batch * token.data.length },
    (_, n) => token.data[n % token.data.length]!,
  );
  return { data, shape: [batch, ...token.shape.slice(1)] };
};

/** What a cache says of itself must add up at every step. */
describe.each<CacheType>(["float32", "bfloat16", "int8"])("%s", (dtype) => {
  forEachEngine((_, engine) => {
    it("a fork takes nothing until it appends, and then its last page alone", () => {
      using cache = cacheOfTokens(engine(), 130, dtype);
      const page = pageBytes(cache);
      const before = outputs(cache);
      expect(cache.byteLength).toBe(B * 3 * page);
      using fork = cache.fork();
      expect([fork.byteLength, cache.byteLength]).toEqual([0, B * 3 * page]);
      expectAllBytes(engine(), [cache, fork]);
      expect([fork.lengths, fork.dtype, fork.maxLength, fork.engine]).toEqual([
        cache.lengths,
        dtype,
        total,
        engine(),
      ]);
      expectOutputs(fork, before, "the fork");
      fork.append(one(key, 0, 150, B), one(value, 0, 150, B));
      expect([fork.byteLength, cache.byteLength]).toEqual([B * page, B * 3 * page]);
      expectAllBytes(engine(), [cache, fork]);
      expectOutputs(cache, before, "the cache it was made from");
      // The cache is alone with its last pages again, and writes to them in place.
      cache.append(one(key, 0, 150, B), one(value, 0, 150, B));
      expect([fork.byteLength, cache.byteLength]).toEqual([B * page, B * 3 * page]);
      expectOutputs(fork, outputs(cache), "the same tokens in both");
    });

    it("where the last page is full nothing is copied at all", () => {
      using cache = cacheOfTokens(engine(), 120, dtype);
      using fork = cache.fork();
      fork.append(one(key, 0, 150, B), one(value, 0, 150, B));
      expect(fork.byteLength).toBe(B * pageBytes(cache));
      expectAllBytes(engine(), [cache, fork]);
    });

    it("beams: entries in another order, as often as wanted", () => {
      using prompt = cacheOfTokens(engine(), 70, dtype);
      const of = outputs(prompt);
      using beams = prompt.fork([2, 0, 0]);
      expect(beams.lengths).toEqual([70, 70, 70]);
      expectOutputs(beams, [of[2]!, of[0]!, of[0]!], "beams");
      // Two beams of one entry part ways: each writes a token of its own.
      const next = (x: FloatTensor) => tokensOf(x, 70, 71);
      beams.append(next(key), next(value));
      expect(beams.byteLength).toBe(3 * pageBytes(prompt));
      using straight = new KVCache({
        batch: 3,
        kvHeads: K,
        headDim: E,
        valueDim: V,
        maxLength: 71,
        dtype,
        engine: engine(),
      });
      const picked = (x: FloatTensor): FloatTensor => {
        const parts = [2, 0, 0].map((b) => tokensOf(entryOf(x, b), 0, 70).data);
        return {
          data: Float32Array.from(parts.flatMap((part) => [...part])),
          shape: [3, K, 70, x.shape[3]!],
        };
      };
      straight.append(picked(key), picked(value));
      straight.append(next(key), next(value));
      expectOutputs(beams, outputs(straight), "after a token");
      using wider = beams.fork(Int32Array.of(0, 1, 2, 2, 1));
      expect([wider.batch, wider.byteLength]).toEqual([5, 0]);
      expectAllBytes(engine(), [prompt, beams, straight, wider]);
    });

    it("of beams without their prompt one writes in place, the others copy", () => {
      const prompt = cacheOfTokens(engine(), 70, dtype);
      using beams = prompt.fork([1, 1, 1]);
      prompt.dispose();
      const page = pageBytes(beams);
      expect(beams.byteLength).toBe(2 * page);
      beams.append(tokensOf(key, 70, 71), tokensOf(value, 70, 71), { lengths: [1, 1, 0] });
      expect(beams.byteLength).toBe(4 * page);
      beams.append(tokensOf(key, 70, 71), tokensOf(value, 70, 71), { lengths: [0, 0, 1] });
      expect(beams.byteLength).toBe(4 * page);
      expectAllBytes(engine(), [beams]);
    });

    it("pages outlive their maker, and count to the next who holds them", () => {
      const first = cacheOfTokens(engine(), 130, dtype);
      const page = pageBytes(first);
      const expected = outputs(first);
      const second = first.fork();
      const third = second.fork([0]);
      const fourth = first.fork([2, 1]);
      const all = [first, second, third, fourth];
      const bytes = () => all.map(({ byteLength }) => byteLength / page);
      expect(bytes()).toEqual([9, 0, 0, 0]);
      first.dispose();
      expect(bytes()).toEqual([0, 9, 0, 0]);
      expectAllBytes(engine(), all);
      second.truncate([130, 60, 0]);
      // Entry 1 keeps its first page; its others and all of entry 2's are the fourth's alone.
      expect(bytes()).toEqual([0, 4, 0, 5]);
      expectAllBytes(engine(), all);
      second.dispose();
      expect(bytes()).toEqual([0, 0, 3, 6]);
      expectOutputs(third, expected.slice(0, 1), "third");
      expectOutputs(fourth, [expected[2]!, expected[1]!], "fourth");
      fourth.dispose();
      third.dispose();
      third.dispose();
      expect(bytes()).toEqual([0, 0, 0, 0]);
      expectAllBytes(engine(), all);
    });

    it("a fork that is cut and goes another way leaves the tokens of the others alone", () => {
      using cache = cacheOfTokens(engine(), 100, dtype);
      using fork = cache.fork();
      const before = outputs(cache);
      fork.truncate([61, 60, 59]);
      fork.append(tokensOf(key, 100, 150), tokensOf(value, 100, 150));
      expect(fork.lengths).toEqual([111, 110, 109]);
      expectOutputs(cache, before, "cache");
      using straight = new KVCache({
        batch: B,
        kvHeads: K,
        headDim: E,
        valueDim: V,
        maxLength: total,
        dtype,
        engine: engine(),
      });
      straight.append(tokensOf(key, 0, 61), tokensOf(value, 0, 61), { lengths: [61, 60, 59] });
      straight.append(tokensOf(key, 100, 150), tokensOf(value, 100, 150));
      expectOutputs(fork, outputs(straight), "fork");
      expectAllBytes(engine(), [cache, fork, straight]);
    });

    it("of a cache that is appended to: what it held before, and nobody's tokens are written over", async () => {
      const cache = cacheOfTokens(engine(), 70, dtype);
      const before = outputs(cache);
      const appended = cache.appendAsync(tokensOf(key, 70, 190), tokensOf(value, 70, 190));
      using fork = cache.fork();
      expect(fork.lengths).toEqual([70, 70, 70]);
      cache.dispose();
      expectOutputs(fork, before, "the fork");
      // Nobody else holds the page now that the tokens in flight are written to.
      fork.append(tokensOf(key, 190, 191), tokensOf(value, 190, 191));
      await appended;
      using straight = cacheOfTokens(engine(), 70, dtype);
      straight.append(tokensOf(key, 190, 191), tokensOf(value, 190, 191));
      expectOutputs(fork, outputs(straight), "after the append");
      expectAllBytes(engine(), [fork, straight]);
    });
  });
});
