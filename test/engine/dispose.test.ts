/** `dispose`, `using`, and what is asked of things afterwards. */
import { describe, expect, it } from "vitest";
import { createEngine, KVCache, MultiHeadAttention, tensor } from "wasm-attention";
import { normal } from "../support/random-tensors.ts";

const x = normal([1, 1, 4, 8], 1);
const cacheOf = (engine: ReturnType<typeof createEngine>) =>
  new KVCache({ batch: 1, kvHeads: 1, headDim: 8, maxLength: 100, engine });
const refused = { code: "ERR_DISPOSED" };

/** What a call rejects with, or throws. */
const expectRefused = (call: () => unknown) => expect((async () => call())()).rejects.toMatchObject(refused);

/** All methods and getters of a class, but for those that one may always ask. */
function membersOf(prototype: object, always: readonly string[]): string[] {
  return Object.getOwnPropertyNames(prototype).filter(
    (name) => name !== "constructor" && !always.includes(name),
  );
}

describe.each([0, 1, 2])("threads: %i", (threads) => {
  it("using gives back at the end of the block", async () => {
    let outside: ReturnType<typeof createEngine>;
    {
      using engine = createEngine({ threads });
      outside = engine;
      {
        using held = engine.tensor([100]);
        using cache = cacheOf(engine);
        using layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2, engine });
        cache.append(x, x);
        layer.forwardSync(normal([4, 8], 1));
        expect(held.data).toHaveLength(100);
        expect(engine.info().memory.used).toBeGreaterThan(4000);
      }
      expect(engine.info().memory.used).toBe(0);
      await engine.softmax(x);
    }
    await expectRefused(() => outside.softmaxSync(x));
    await outside.dispose();
  });

  it("twice is fine", async () => {
    const engine = createEngine({ threads });
    const [held, cache] = [engine.tensor([100]), cacheOf(engine)];
    cache.append(x, x);
    const fork = cache.fork();
    for (let i = 0; i < 2; i++) for (const one of [held, cache, fork, tensor([1], [1])]) one.dispose();
    expect(engine.info().memory.used).toBe(0);
    const other = engine.tensor([100]);
    for (const one of [held, cache]) one[Symbol.dispose]();
    expect(other.data).toHaveLength(100);
    await Promise.all([engine.dispose(), engine.dispose(), engine[Symbol.asyncDispose]()]);
    engine[Symbol.dispose]();
    for (const one of [other, other]) one.dispose();
  });

  it("an engine refuses every method afterwards", async () => {
    const engine = createEngine({ threads });
    const [cache, layer] = [cacheOf(engine), new MultiHeadAttention({ embedDim: 8, numHeads: 2, engine })];
    cache.append(x, x);
    await engine.dispose();
    const part = { output: x, logSumExp: normal([1, 1, 4], 1) };
    const calls: Record<string, () => unknown> = {
      scaledDotProductAttention: () => engine.scaledDotProductAttention(x, x, x),
      scaledDotProductAttentionSync: () => engine.scaledDotProductAttentionSync(x, x, x),
      mergeAttention: () => engine.mergeAttention([part]),
      mergeAttentionSync: () => engine.mergeAttentionSync([part]),
      matmul: () => engine.matmul(x, x, { transposeB: true }),
      matmulSync: () => engine.matmulSync(x, x, { transposeB: true }),
      softmax: () => engine.softmax(x),
      softmaxSync: () => engine.softmaxSync(x),
      applyRotary: () => engine.applyRotary(x),
      tensor: () => engine.tensor([1]),
      warmUp: () => engine.warmUp(),
    };
    const always = ["info", "dispose", "runtime"];
    expect(Object.keys(calls).sort()).toEqual(membersOf(Object.getPrototypeOf(engine), always).sort());
    for (const call of Object.values(calls)) await expectRefused(call);
    for (const call of [() => cache.append(x, x), () => cache.appendAsync(x, x), () => cacheOf(engine)])
      await expectRefused(call);
    for (const call of [() => layer.forward(normal([4, 8], 1)), () => layer.forwardSync(normal([4, 8], 1))])
      await expectRefused(call);
    expect(engine.info()).toMatchObject({ running: 0 });
    cache.dispose();
    layer.dispose();
    expect(engine.info().memory.used).toBe(0);
  });

  it("a cache refuses every method afterwards, and so does every call that is given it", async () => {
    await using engine = createEngine({ threads });
    const cache = cacheOf(engine);
    await cache.appendAsync(x, x);
    cache.dispose();
    const calls: Record<string, () => unknown> = {
      append: () => cache.append(x, x),
      appendAsync: () => cache.appendAsync(x, x),
      truncate: () => cache.truncate(0),
      fork: () => cache.fork(),
      length: () => cache.length,
      lengths: () => cache.lengths,
    };
    // It takes nothing any more, and says so; whose it was stays known.
    const always = ["dispose", "byteLength", "engine"];
    expect(Object.keys(calls).sort()).toEqual(membersOf(KVCache.prototype, always).sort());
    for (const call of Object.values(calls)) await expectRefused(call);
    expect(cache.byteLength).toBe(0);
    using layer = new MultiHeadAttention({ embedDim: 8, numHeads: 1, engine });
    const tokens = normal([1, 4, 8], 1);
    await expectRefused(() => engine.scaledDotProductAttention(x, cache));
    await expectRefused(() => engine.scaledDotProductAttentionSync(x, cache));
    await expectRefused(() => layer.forward(tokens, { cache }));
    await expectRefused(() => layer.forwardSync(tokens, { cache }));
  });

  it("a tensor of an engine refuses its data afterwards, wherever it is given", async () => {
    await using engine = createEngine({ threads });
    const gone = engine.tensor([4, 8]);
    gone.dispose();
    const here = normal([4, 8], 1);
    await expectRefused(() => gone.data);
    await expectRefused(() => engine.softmax(gone));
    await expectRefused(() => engine.softmaxSync(here, { out: gone }));
    await expectRefused(() => engine.matmulSync(here, gone, { transposeB: true }));
    await expectRefused(() => engine.scaledDotProductAttention(here, here, gone));
    await expectRefused(() => engine.scaledDotProductAttentionSync(gone, here, here));
    expect(gone.shape).toEqual([4, 8]);
  });

  it("a tensor of an engine that is disposed refuses its data, too", async () => {
    const engine = createEngine({ threads });
    const x = engine.tensor([4, 8]);
    await engine.dispose();
    await expectRefused(() => x.data);
    expect(engine.info().memory.reserved).toBe(0);
    x.dispose();
  });

  it("a layer refuses passes afterwards", async () => {
    await using engine = createEngine({ threads });
    const layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2, engine });
    layer.forwardSync(normal([4, 8], 1));
    for (let i = 0; i < 2; i++) layer.dispose();
    await expectRefused(() => layer.forward(normal([4, 8], 1)));
    await expectRefused(() => layer.forwardSync(normal([4, 8], 1)));
  });
});
