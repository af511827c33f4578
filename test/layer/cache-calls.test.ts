/** A layer's calls with a cache that are refused, aborted or overtaken: the cache is what it was, or what it should be. */
import { setImmediate as immediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  type AttentionError,
  createEngine,
  type Engine,
  type ForwardOptions,
  KVCache,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
} from "wasm-attention";
import { refusal, zeros } from "../kv-cache/problem.ts";
import { expectSameBits } from "../support/accuracy.ts";
import { engineChoices, forEachEngine } from "../support/backends.ts";
import { type FloatTensor, normal } from "../support/random-tensors.ts";

const E = 24;
const sizes = { embedDim: E, numHeads: 4, numKvHeads: 2, headDim: 10, rotary: true };
const fitting = { batch: 2, kvHeads: 2, headDim: 10, maxLength: 70 };
const prompt = normal([2, 61, E], 1);
const token = normal([2, 1, E], 2);

interface Scene {
  readonly layer: MultiHeadAttention;
  readonly cache: KVCache;
}

function sceneOn(engine: Engine, options: Partial<MultiHeadAttentionOptions> = {}): Scene & Disposable {
  const layer = new MultiHeadAttention({ ...sizes, ...options, engine });
  const cache = new KVCache({ ...fitting, engine });
  layer.forwardSync(prompt, { cache, causal: true });
  const end = () => {
    layer.dispose();
    cache.dispose();
  };
  return { layer, cache, [Symbol.dispose]: end };
}

/** What the next token would get: of a fork, so that the cache keeps its tokens. */
function next({ layer, cache }: Scene): Float32Array {
  using fork = cache.fork();
  return layer.forwardSync(token, { cache: fork }).output.data;
}

const looksOf = (scene: Scene) => ({
  lengths: scene.cache.lengths,
  byteLength: scene.cache.byteLength,
  used: scene.cache.engine.info().memory.used,
  data: next(scene),
});

function expectUnchanged(scene: Scene, { data, ...looks }: ReturnType<typeof looksOf>): void {
  const { data: now, ...rest } = looksOf(scene);
  expect(rest).toEqual(looks);
  expectSameBits(now, data, "the next token");
}

type Wrong = [
  name: string,
  args: (cache: KVCache) => readonly unknown[],
  code: AttentionError["code"],
  message: string,
];
const names =
  "keyPaddingMask, attnMask, causal, headMask, needWeights, averageWeights, cache, lengths, signal";
const wrongCache = (options: Partial<typeof fitting & { valueDim: number }>) => (cache: KVCache) => [
  token,
  { cache: new KVCache({ ...fitting, ...options, engine: cache.engine }) },
];
const expectedSizes = '"cache" expected batch, kvHeads, headDim, valueDim of [B=2, K=2, D=10, D=10], got';

const wrongs: Wrong[] = [
  [
    "no cache at all",
    () => [token, { cache: {} }],
    "ERR_OPTION",
    '"cache" expected a KVCache, got an object',
  ],
  [
    "options: null",
    () => [token, token, token, null],
    "ERR_OPTION",
    '"options" expected an object, got null',
  ],
  ["null", () => [token, { cache: null }], "ERR_OPTION", '"cache" expected a KVCache, got null'],
  [
    "lengths without a cache",
    () => [token, { lengths: [1, 1] }],
    "ERR_OPTION",
    '"cache" expected a KVCache, got undefined',
  ],
  ["another batch", wrongCache({ batch: 1 }), "ERR_SHAPE", `${expectedSizes} [1, 2, 10, 10]`],
  ["other heads", wrongCache({ kvHeads: 4 }), "ERR_SHAPE", `${expectedSizes} [2, 4, 10, 10]`],
  ["another head size", wrongCache({ headDim: 12 }), "ERR_SHAPE", `${expectedSizes} [2, 2, 12, 12]`],
  ["another value size", wrongCache({ valueDim: 12 }), "ERR_SHAPE", `${expectedSizes} [2, 2, 10, 12]`],
  [
    "unbatched tokens",
    (cache) => [zeros(1, E), { cache }],
    "ERR_SHAPE",
    '"cache" expected batch, kvHeads, headDim, valueDim of [B=1, K=2, D=10, D=10], got [2, 2, 10, 10]',
  ],
  [
    "cross-attention",
    (cache) => [token, prompt, prompt, { cache }],
    "ERR_OPTION",
    '"cache" is for self-attention: key and value must be the query',
  ],
  [
    "another value",
    (cache) => [token, token, normal([2, 1, E], 9), { cache }],
    "ERR_OPTION",
    '"cache" is for self-attention: key and value must be the query',
  ],
  [
    "lengths: too few",
    (cache) => [token, { cache, lengths: [1] }],
    "ERR_SHAPE",
    '"lengths" expected 2 elements, got 1',
  ],
  [
    "lengths: too many",
    (cache) => [token, { cache, lengths: [2, 1] }],
    "ERR_OPTION",
    '"lengths" expected 0 to L=1, got 2',
  ],
  [
    "lengths: a fraction",
    (cache) => [token, { cache, lengths: [0.5, 1] }],
    "ERR_OPTION",
    '"lengths" expected whole numbers, got 0.5',
  ],
  [
    "beyond maxLength",
    (cache) => [zeros(2, 10, E), { cache }],
    "ERR_OPTION",
    '"maxLength" is 70: entry 0 holds 61 tokens, and 10 more were appended',
  ],
  [
    "an attnMask of the new tokens alone",
    (cache) => [token, { cache, attnMask: zeros(1, 2) }],
    "ERR_SHAPE",
    '"attnMask" expected a shape that broadcasts to [2, 4, 1, 62], got [1, 2]',
  ],
  [
    "a keyPaddingMask of the old tokens alone",
    (cache) => [token, { cache, keyPaddingMask: zeros(2, 61) }],
    "ERR_SHAPE",
    '"keyPaddingMask" expected shape [B=2, S=62], got [2, 61]',
  ],
  [
    "causal",
    (cache) => [token, { cache, causal: 1 }],
    "ERR_OPTION",
    '"causal" expected true or false, got 1',
  ],
  [
    "another size of tokens",
    (cache) => [zeros(2, 1, 20), { cache }],
    "ERR_SHAPE",
    '"query" expected shape [B, L, E=24], got [2, 1, 20]',
  ],
  [
    "a name that does not exist",
    (cache) => [token, { cache, length: [1, 1] }],
    "ERR_OPTION",
    `"length" is no option here (did you mean "lengths"?); expected ${names}`,
  ],
];

/** Untyped: these arguments would not compile. */
type Loose = Record<"forward" | "forwardSync", (...args: readonly unknown[]) => unknown>;

async function expectRefused(
  layer: MultiHeadAttention,
  args: readonly unknown[],
  code: AttentionError["code"],
  message: string,
): Promise<void> {
  const loose = layer as unknown as Loose;
  expect(refusal(() => loose.forwardSync(...args))).toEqual([code, message]);
  await expect(loose.forward(...args)).rejects.toMatchObject({ name: "AttentionError", code, message });
}

describe("a refused pass leaves the cache as it was", () => {
  forEachEngine((_, engine) => {
    it.each(wrongs)("%s", async (_name, args, code, message) => {
      using scene = sceneOn(engine());
      const before = looksOf(scene);
      await expectRefused(scene.layer, args(scene.cache), code, message);
      expectUnchanged(scene, before);
    });

    it.each([{ addBiasKv: true }, { addZeroAttn: true }])("%j", async (options) => {
      using layer = new MultiHeadAttention({
        ...sizes,
        numKvHeads: 4,
        headDim: 6,
        rotary: false,
        ...options,
        engine: engine(),
      });
      using cache = new KVCache({ ...fitting, kvHeads: 4, headDim: 6, engine: engine() });
      const message = '"cache" cannot be combined with addBiasKv or addZeroAttn';
      await expectRefused(layer, [token, { cache }], "ERR_OPTION", message);
      expect(cache.lengths).toEqual([0, 0]);
    });

    it("options second, and something behind them", async () => {
      using scene = sceneOn(engine());
      const message = "nothing may follow options that are the second argument";
      const args = [token, { cache: scene.cache }, undefined, { causal: true }] as never;
      await expectRefused(scene.layer, args, "ERR_OPTION", message);
      expect(scene.cache.lengths.length).toBeGreaterThan(0);
    });

    it("of another engine", async () => {
      using scene = sceneOn(engine());
      await using other = createEngine({ threads: 0 });
      using cache = new KVCache({ ...fitting, engine: other });
      const message = "the cache belongs to another engine than the call";
      await expectRefused(scene.layer, [token, { cache }], "ERR_OPTION", message);
      expect([cache.lengths, other.info().memory.used]).toEqual([[0, 0], 0]);
    });

    it("disposed: the cache, or the layer", async () => {
      using scene = sceneOn(engine());
      const fork = scene.cache.fork();
      fork.dispose();
      await expectRefused(scene.layer, [token, { cache: fork }], "ERR_DISPOSED", "this cache is disposed");
      using other = new MultiHeadAttention({ ...sizes, engine: engine() });
      other.dispose();
      await expectRefused(other, [token, { cache: scene.cache }], "ERR_DISPOSED", "this layer is disposed");
      expect(scene.cache.lengths).toEqual([61, 61]);
    });

    it("a second pass while the first is in flight, which ends well", async () => {
      using scene = sceneOn(engine());
      const { layer, cache } = scene;
      const expected = next(scene);
      const first = layer.forward(token, { cache });
      const message = "this cache is being appended to by a call in flight; wait for it to settle";
      await expectRefused(layer, [token, { cache }], "ERR_OPTION", message);
      expect(refusal(() => cache.append(zeros(2, 2, 1, 10), zeros(2, 2, 1, 10)))).toEqual([
        "ERR_OPTION",
        message,
      ]);
      expectSameBits((await first).output.data, expected, "the first");
      expect(cache.lengths).toEqual([62, 62]);
    });
  });
});

describe.each(engineChoices)("$name", ({ kernels, threads }) => {
  it("ERR_MEMORY leaves the cache as it was", async () => {
    await using engine = createEngine({ kernels, threads, maxMemory: 400_000 });
    using layer = new MultiHeadAttention({ ...sizes, engine });
    using cache = new KVCache({ ...fitting, maxLength: 10_000, engine });
    layer.forwardSync(prompt, { cache, causal: true });
    const before = looksOf({ layer, cache });
    // Pages that do not fit; a pass that does not fit beside its pages.
    for (const n of [5000, 400]) {
      const tokens = zeros(2, n, E);
      expect(refusal(() => layer.forwardSync(tokens, { cache }))[0]).toBe("ERR_MEMORY");
      await expect(layer.forward(tokens, { cache })).rejects.toMatchObject({ code: "ERR_MEMORY" });
      expectUnchanged({ layer, cache }, before);
    }
  });
});

describe("an aborted pass", () => {
  forEachEngine((_, engine) => {
    it("before it began", async () => {
      using scene = sceneOn(engine());
      const before = looksOf(scene);
      const options = { cache: scene.cache, signal: AbortSignal.abort("never mind") };
      await expect(scene.layer.forward(token, options)).rejects.toBe("never mind");
      expectUnchanged(scene, before);
    });

    it("half-way through a long prompt: no token is there, and no byte more", async () => {
      using layer = new MultiHeadAttention({ ...sizes, engine: engine() });
      using cache = new KVCache({ ...fitting, maxLength: 20_000, engine: engine() });
      layer.forwardSync(prompt, { cache, causal: true });
      const before = looksOf({ layer, cache });
      const controller = new AbortController();
      const long = normal([2, 6000, E], 3);
      const call = layer.forward(long, { cache, causal: true, signal: controller.signal });
      const rejected = expect(call).rejects.toBe("enough");
      for (let i = 0; i < 3; i++) await immediate();
      expect(engine().info().running).toBe(1);
      expect(cache.lengths).toEqual([61, 61]);
      controller.abort("enough");
      await rejected;
      expectUnchanged({ layer, cache }, before);
      layer.forwardSync(token, { cache });
      expect(cache.lengths).toEqual([62, 62]);
    });
  });
});

describe("a pass in flight", () => {
  forEachEngine((_, engine) => {
    const flying = (options: ForwardOptions = {}) => {
      const scene = sceneOn(engine());
      const expected = next(scene);
      return { scene, expected, call: scene.layer.forward(token, { cache: scene.cache, ...options }) };
    };

    it("ends well though its cache is disposed", async () => {
      const { scene, expected, call } = flying();
      scene.cache.dispose();
      expectSameBits((await call).output.data, expected, "output");
      scene.layer.dispose();
      expect(engine().info().memory.used).toBe(0);
    });

    it("ends well though its layer is disposed", async () => {
      const { scene, expected, call } = flying();
      scene.layer.dispose();
      expectSameBits((await call).output.data, expected, "output");
      expect(scene.cache.lengths).toEqual([62, 62]);
      scene.cache.dispose();
      expect(engine().info().memory.used).toBe(0);
    });

    it("a fork made meanwhile, and left alone, writes over nothing", async () => {
      const { scene, expected, call } = flying();
      using fork = scene.cache.fork();
      scene.cache.dispose();
      const other = normal([2, 1, E], 8);
      const { output } = scene.layer.forwardSync(other, { cache: fork });
      expectSameBits((await call).output.data, expected, "the pass in flight");
      using straight = sceneOn(engine());
      const alone = straight.layer.forwardSync(other, { cache: straight.cache });
      expectSameBits(output.data, alone.output.data, "the fork");
      expectSameBits(next({ layer: scene.layer, cache: fork }), next(straight), "and its next token");
      scene.layer.dispose();
    });

    it("several layers and caches at once, token by token", async () => {
      const scenes = Array.from({ length: 6 }, (_, i) => sceneOn(engine(), { seed: i }));
      const decode = async ({ layer, cache }: Scene, sync: boolean): Promise<Float32Array> => {
        const outputs: Float32Array[] = [];
        let x: FloatTensor = token;
        for (let i = 0; i < 8; i++) {
          const { output } = sync ? layer.forwardSync(x, { cache }) : await layer.forward(x, { cache });
          outputs.push(output.data);
          x = output as FloatTensor;
        }
        return Float32Array.from(outputs.flatMap((data) => [...data]));
      };
      const forks = scenes.map(({ layer, cache }) => ({ layer, cache: cache.fork() }));
      const together = await Promise.all(scenes.map((scene) => decode(scene, false)));
      for (const [i, fork] of forks.entries()) {
        expectSameBits(together[i]!, await decode(fork, true), `layer ${i}`);
        fork.cache.dispose();
      }
      for (const scene of scenes) scene[Symbol.dispose]();
    });
  });

  it("tokens of the engine, in memory that grows", async () => {
    await using engine = createEngine({ threads: 0 });
    using scene = sceneOn(engine);
    const { layer } = scene;
    using cache = new KVCache({ ...fitting, maxLength: 20_000, engine });
    using straight = new KVCache({ ...fitting, maxLength: 20_000, engine });
    const long = normal([2, 6000, E], 3);
    using tokens = engine.tensor(long.shape);
    tokens.data.set(long.data);
    for (const n of [1, 2]) {
      const mine = await layer.forward(tokens, { cache, lengths: [n, 6000] });
      const plain = await layer.forward(long, { cache: straight, lengths: [n, 6000] });
      expectSameBits(mine.output.data, plain.output.data, "output");
    }
  });
});
