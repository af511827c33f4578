/** Calls in flight and the memory behind them: aborted, overtaken by changes, forgotten, fed from the engine's own memory. */
import { getEventListeners } from "node:events";
import { setImmediate as immediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { type CacheType, createEngine, type Engine, KVCache } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import { engineChoices, forEachEngine } from "../support/backends.ts";
import { type FloatTensor, normal } from "../support/random-tensors.ts";
import { cacheOf, expectAllBytes, pageBytes, tokensOf } from "./problem.ts";

const [B, K, E] = [2, 2, 8];
const [key, value] = [normal([B, K, 130, E], 1), normal([B, K, 130, E], 2)];
const query = normal([B, 4, 2, E], 3);

const outputOf = (cache: KVCache): Float32Array =>
  cache.engine.scaledDotProductAttentionSync(query, cache, { causal: true }).output.data;

function inEngine(engine: Engine, { data, shape }: FloatTensor) {
  const made = engine.tensor(shape);
  made.data.set(data);
  return made;
}

describe("an aborted append", () => {
  forEachEngine((_, engine) => {
    it("before it began: the signal's reason, and nothing is done", async () => {
      using cache = cacheOf(engine(), key, value, { maxLength: 1000 });
      const before = outputOf(cache);
      const reason = new Error("never mind");
      const aborted = cache.appendAsync(key, value, { signal: AbortSignal.abort(reason) });
      await expect(aborted).rejects.toBe(reason);
      // The signal comes first: this is no tensor.
      const signal = AbortSignal.abort(reason);
      await expect(cache.appendAsync(7 as never, value, { signal })).rejects.toBe(reason);
      expect(cache.lengths).toEqual([130, 130]);
      expectSameBits(outputOf(cache), before, "results");
      expectAllBytes(engine(), [cache]);
    });

    it.each(["float32", "int8"] as const)(
      "half-way, %s: the cache is as it was, its fork too",
      async (dtype) => {
        // 40 MB each: copied in many slices.
        const size = { batch: 1, kvHeads: 8, headDim: 64 };
        const many = { data: new Float32Array(20_000 * 512).fill(0.5), shape: [1, 8, 20_000, 64] };
        const few = normal([1, 8, 70, 64], 5);
        using cache = new KVCache({ ...size, maxLength: 100_000, dtype, engine: engine() });
        cache.append(few, few);
        using fork = cache.fork();
        const token = normal([1, 8, 1, 64], 6);
        const attend = (c: KVCache) => engine().scaledDotProductAttentionSync(token, c).output.data;
        const before = attend(cache);
        const bytes = cache.byteLength;
        const controller = new AbortController();
        const call = cache.appendAsync(many, many, { signal: controller.signal });
        const rejected = expect(call).rejects.toBe("enough");
        for (let i = 0; i < 3; i++) await immediate();
        expect(cache.byteLength).toBeGreaterThan(300 * pageBytes(cache));
        controller.abort("enough");
        await rejected;
        expect(getEventListeners(controller.signal, "abort")).toEqual([]);
        expect([cache.lengths, cache.byteLength]).toEqual([[70], bytes]);
        expectAllBytes(engine(), [cache, fork]);
        expectSameBits(attend(cache), before, "the cache");
        expectSameBits(attend(fork), before, "the fork");
        cache.append(token, token);
        using straight = cacheOf(engine(), few, few, { maxLength: 71, dtype });
        straight.append(token, token);
        expectSameBits(attend(cache), attend(straight), "the next token");
      },
    );

    it("while its tiles run", async () => {
      using source = engine().tensor([1, 8, 20_000, 64]);
      using cache = new KVCache({
        batch: 1,
        kvHeads: 8,
        headDim: 64,
        maxLength: 20_000,
        dtype: "int8",
        engine: engine(),
      });
      const controller = new AbortController();
      const call = cache.appendAsync(source, source, { signal: controller.signal });
      const rejected = expect(call).rejects.toBe("enough");
      for (let i = 0; i < 5; i++) await Promise.resolve();
      expect(engine().info().running).toBe(1);
      controller.abort("enough");
      await rejected;
      expect([cache.lengths, cache.byteLength]).toEqual([[0], 0]);
      expect(engine().info().memory.used).toBe(source.data.byteLength);
    });
  });
});

describe.each<CacheType>(["float32", "bfloat16"])("a long attention in flight, %s", (dtype) => {
  const long = {
    key: normal([1, 2, 3000, 32], 1),
    value: normal([1, 2, 3000, 32], 2),
    query: normal([1, 4, 300, 32], 3),
  };

  forEachEngine((_, engine) => {
    const start = () => {
      const cache = cacheOf(engine(), long.key, long.value, { maxLength: 4000, dtype });
      const expected = engine().scaledDotProductAttentionSync(long.query, cache, { causal: true }).output
        .data;
      return {
        cache,
        expected,
        call: engine().scaledDotProductAttention(long.query, cache, { causal: true }),
      };
    };

    it("sees what there was when it began: truncated and written over meanwhile", async () => {
      const { cache, expected, call } = start();
      cache.truncate(2990);
      cache.append(tokensOf(long.value, 0, 20), tokensOf(long.key, 0, 20));
      cache.truncate(7);
      cache.append(tokensOf(long.value, 0, 3000), tokensOf(long.key, 0, 3000));
      expectSameBits((await call).output.data, expected, "output");
      expectAllBytes(engine(), [cache]);
      cache.dispose();
    });

    it("disposed meanwhile, and the memory is given to another cache as soon as it may be", async () => {
      const { cache, expected, call } = start();
      cache.dispose();
      expect(cache.byteLength).toBe(0);
      using other = cacheOf(engine(), long.value, long.key, { dtype });
      expectSameBits((await call).output.data, expected, "output");
      expectAllBytes(engine(), [other]);
    });

    it("and aborted: nothing is left of it", async () => {
      const controller = new AbortController();
      using cache = cacheOf(engine(), long.key, long.value, { dtype });
      const call = engine().scaledDotProductAttention(long.query, cache, { signal: controller.signal });
      const rejected = expect(call).rejects.toBe("enough");
      await Promise.resolve();
      controller.abort("enough");
      await rejected;
      expectAllBytes(engine(), [cache]);
    });
  });
});

describe("an append in flight", () => {
  forEachEngine((_, engine) => {
    it("of a cache that is disposed meanwhile ends well, and leaves nothing", async () => {
      const cache = cacheOf(engine(), key, value, { maxLength: 500 });
      const call = cache.appendAsync(key, value);
      cache.dispose();
      await call;
      expect(cache.byteLength).toBe(0);
      expectAllBytes(engine(), []);
    });

    it("has read inputs of up to 4 MiB by the time it returns", async () => {
      using cache = new KVCache({ batch: B, kvHeads: K, headDim: E, maxLength: 130, engine: engine() });
      using expected = cacheOf(engine(), key, value);
      const [k, v] = [key, value].map(({ data, shape }) => ({ data: data.slice(), shape }));
      const lengths = [130, 130];
      const call = cache.appendAsync(k!, v!, { lengths });
      for (const x of [k!, v!]) x.data.fill(Number.NaN);
      lengths.fill(0);
      await call;
      expectSameBits(outputOf(cache), outputOf(expected), "output");
    });

    it("keeps the engine's tensors it reads, though they are disposed", async () => {
      using cache = new KVCache({ batch: B, kvHeads: K, headDim: E, maxLength: 130, engine: engine() });
      using expected = cacheOf(engine(), key, value);
      const [k, v] = [inEngine(engine(), key), inEngine(engine(), value)];
      const call = cache.appendAsync(k, v);
      for (const x of [k, v]) x.dispose();
      using other = inEngine(engine(), normal(key.shape, 9));
      await call;
      expectSameBits(outputOf(cache), outputOf(expected), "output");
      expect(other.data).toHaveLength(key.data.length);
    });

    it("many caches at once", async () => {
      const caches = Array.from(
        { length: 50 },
        () => new KVCache({ batch: B, kvHeads: K, headDim: E, maxLength: 130, engine: engine() }),
      );
      const parts = (b: number) => [0, b + 1, 130] as const;
      await Promise.all(
        caches.map(async (cache, i) => {
          const [zero, middle, end] = parts(i);
          await cache.appendAsync(tokensOf(key, zero, middle), tokensOf(value, zero, middle));
          await cache.appendAsync(tokensOf(key, middle, end), tokensOf(value, middle, end));
        }),
      );
      expectAllBytes(engine(), caches);
      const expected = outputOf(caches[0]!);
      for (const cache of caches) {
        expectSameBits(outputOf(cache), expected, "output");
        cache.dispose();
      }
    });
  });

  it.each(engineChoices)("$name: the engine's end waits for it", async ({ kernels, threads }) => {
    const engine = createEngine({ kernels, threads });
    using cache = new KVCache({ batch: B, kvHeads: K, headDim: E, maxLength: 130, engine });
    const call = cache.appendAsync(key, value);
    await engine.dispose();
    await call;
    expect(cache.lengths).toEqual([130, 130]);
  });
});

// Memory begins with 2 MiB: each of these makes it grow, and where it is not shared every view of it is detached.
describe.each(engineChoices)("$name: tensors of the engine, in memory that grows", ({ kernels, threads }) => {
  const large = { batch: 1, kvHeads: 2, headDim: 64, maxLength: 10_000 };
  const tokens = normal([1, 2, 2000, 64], 1);
  const asked = normal([1, 4, 3, 64], 2);

  it.each(["sync", "async"] as const)("%s", async (call) => {
    await using engine = createEngine({ kernels, threads });
    using expected = new KVCache({ ...large, engine: createEngine({ kernels, threads: 0 }) });
    for (let i = 0; i < 3; i++) expected.append(tokens, tokens);
    const plain = expected.engine.scaledDotProductAttentionSync(asked, expected, { causal: true }).output
      .data;

    using cache = new KVCache({ ...large, engine });
    const source = inEngine(engine, tokens);
    const query = inEngine(engine, asked);
    const out = engine.tensor(asked.shape);
    const append = async (x: FloatTensor) => (call === "sync" ? cache.append(x, x) : cache.appendAsync(x, x));
    await append(source);
    await append(source);
    // A view of it, in a plain object.
    const { memory } = engine.info();
    await append({ data: source.data, shape: source.shape });
    expect(engine.info().memory.used).toBeGreaterThan(memory.used);
    expect(cache.lengths).toEqual([6000]);
    const all = { causal: true, out };
    if (call === "sync") engine.scaledDotProductAttentionSync(query, cache, all);
    else await engine.scaledDotProductAttention(query, cache, all);
    expectSameBits(out.data, plain, "output");
    for (const x of [source, query, out]) x.dispose();
    expectAllBytes(engine, [cache]);
  });
});

describe("a forgotten cache", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;

  /** Collections until the engine holds no more than that: finalizers run in turns of their own. */
  async function collectDownTo(engine: Engine, bytes: number): Promise<void> {
    for (let i = 0; i < 100 && engine.info().memory.used > bytes; i++) {
      collect();
      await immediate();
    }
    expect(engine.info().memory.used).toBe(bytes);
  }

  forEachEngine((_, engine) => {
    it("gives its pages back, but for those that a fork holds", async () => {
      const forget = () => {
        const cache = cacheOf(engine(), key, value);
        cacheOf(engine(), key, value).fork();
        return cache.fork([0]);
      };
      using fork = forget();
      await collectDownTo(engine(), 3 * pageBytes(fork));
      expect(fork.byteLength).toBe(3 * pageBytes(fork));
    });

    it("after its calls in flight have ended well", async () => {
      const expected = (() => {
        using cache = cacheOf(engine(), key, value);
        return outputOf(cache);
      })();
      const forget = () => {
        const cache = cacheOf(engine(), key, value, { maxLength: 300 });
        const attended = engine().scaledDotProductAttention(query, cache, { causal: true });
        return [attended, cache.appendAsync(key, value)] as const;
      };
      const [attended, appended] = forget();
      collect();
      await immediate();
      expectSameBits((await attended).output.data, expected, "output");
      await appended;
      await collectDownTo(engine(), 0);
    });

    it("that was disposed is not disposed again", async () => {
      const forget = () => cacheOf(engine(), key, value).dispose();
      forget();
      using cache = cacheOf(engine(), key, value);
      for (let i = 0; i < 5; i++) {
        collect();
        await immediate();
      }
      expectAllBytes(engine(), [cache]);
    });
  });
});
