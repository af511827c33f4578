/** Limits of memory, of the queue and of an engine's life: the cache is what it was. */
import { describe, expect, it } from "vitest";
import { createEngine, KVCache, tensor } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import { engineChoices } from "../support/backends.ts";
import { refusal, tokensOf, zeros } from "./problem.ts";
import {
  B,
  E,
  expectRefused,
  expectUnchanged,
  filled,
  good,
  K,
  k,
  key,
  looksOf,
  query,
  V,
  v,
  value,
} from "./refused.ts";

describe.each(engineChoices)("$name", ({ kernels, threads }) => {
  it("ERR_MEMORY leaves the cache as it was", async () => {
    // Room for the cache, an attention and some pages more.
    await using engine = createEngine({ kernels, threads, maxMemory: 300_000 });
    const cache = new KVCache({ ...good, maxLength: 10_000, engine });
    cache.append(key, value);
    const before = looksOf(cache);
    const [many, most] = [zeros(B, K, 4000, E), zeros(B, K, 4000, V)];
    const page = "a page of a key/value cache needs 6720 bytes; ";
    for (const call of [() => cache.append(many, most), () => cache.fork([0, 1]).append(many, most)]) {
      const [code, message] = refusal(call);
      expect([code, message.slice(0, page.length)]).toEqual(["ERR_MEMORY", page]);
    }
    await expect(cache.appendAsync(many, most)).rejects.toMatchObject({ code: "ERR_MEMORY" });
    // Pages fit, but not the tokens beside them.
    const [some, more] = [zeros(B, K, 1000, E), zeros(B, K, 1000, V)];
    await expectRefused(
      () => cache.append(some, more),
      () => cache.appendAsync(some, more),
      "ERR_MEMORY",
      expect.stringContaining("KVCache.append needs") as never,
    );
    expectSameBits(looksOf(cache).data, before.data, "results");
    expect(cache.byteLength).toBe(before.byteLength);
    cache.append(k, v);
    expect(cache.lengths).toEqual([73, 73]);
    cache.dispose();
  });

  it("an engine that is disposed", async () => {
    const engine = createEngine({ kernels, threads });
    const cache = filled(engine);
    await engine.dispose();
    const gone = ["ERR_DISPOSED", "this engine is disposed"] as const;
    await expectRefused(
      () => cache.append(k, v),
      () => cache.appendAsync(k, v),
      ...gone,
    );
    await expectRefused(
      () => engine.scaledDotProductAttentionSync(query, cache),
      () => engine.scaledDotProductAttention(query, cache),
      ...gone,
    );
    expect(cache.lengths).toEqual([70, 61]);
    cache.dispose();
  });

  it("a full queue leaves the cache as it was", async () => {
    await using engine = createEngine({ kernels, threads, queueLimit: 0 });
    using cache = filled(engine);
    const before = looksOf(cache);
    const busy = Array.from({ length: 32 }, () => engine.softmax(tensor(new Float32Array(4), [4])));
    await expect(cache.appendAsync(k, v)).rejects.toMatchObject({ code: "ERR_QUEUE_FULL" });
    await Promise.all(busy);
    expectUnchanged(cache, before);
    cache.append(tokensOf(key, 0, 1), tokensOf(value, 0, 1));
  });
});
