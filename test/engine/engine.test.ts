/** An engine's life: what it says of itself, its memory to the byte, its tensors while memory grows, its end. */
import { afterEach, describe, expect, it } from "vitest";
import { createEngine, type Engine, MultiHeadAttention, type Tensor, tensor } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import { attentionInputs } from "../support/attention-problem.ts";
import { engineChoices, forEachEngine, kernelSets } from "../support/backends.ts";
import { type FloatTensor, normal, sizeOf } from "../support/random-tensors.ts";

const code = (expected: string) => expect.objectContaining({ name: "AttentionError", code: expected });

describe("info", () => {
  it.each(engineChoices)("$name", async ({ kernels, threads }) => {
    await using engine = createEngine({ kernels, threads });
    const info = engine.info();
    expect(info).toMatchObject({
      kernels,
      kernelsReason: expect.stringMatching(/^"kernels" asks for it/),
      threads: Math.max(1, threads),
      withoutWorkers: threads === 0 ? '"threads" is 0' : undefined,
      sharedMemory: threads > 0,
      running: 0,
      queued: 0,
      v8: process.versions.v8,
    });
    expect(info.memory).toMatchObject({ used: 0, peak: 0, limit: 2 ** 32 - 2 * 65536 });
    expect(info.memory.reserved).toBeGreaterThan(0);
  });

  it('"auto" takes the fastest kernels that run here', async () => {
    await using engine = createEngine();
    expect(engine.info().kernels).toBe(kernelSets.includes("relaxed") ? "relaxed" : "strict");
    expect(engine.info().threads).toBeGreaterThan(0);
  });

  it("maxMemory is the limit", async () => {
    await using engine = createEngine({ threads: 0, maxMemory: 12345 });
    expect(engine.info().memory.limit).toBe(12345);
  });
});

describe("environment variables", () => {
  afterEach(() => {
    delete process.env.WASM_ATTENTION_KERNELS;
    delete process.env.WASM_ATTENTION_THREADS;
  });

  it("WASM_ATTENTION_KERNELS chooses where no option does", async () => {
    process.env.WASM_ATTENTION_KERNELS = "strict";
    await using engine = createEngine({ threads: 0 });
    expect(engine.info()).toMatchObject({
      kernels: "strict",
      kernelsReason: "WASM_ATTENTION_KERNELS asks for it",
    });
    process.env.WASM_ATTENTION_KERNELS = "fast";
    await using chosen = createEngine({ threads: 0, kernels: "strict" });
    expect(chosen.info().kernelsReason).toBe('"kernels" asks for it');
    expect(() => createEngine()).toThrow(
      'WASM_ATTENTION_KERNELS expected one of auto, strict, relaxed, wide, got "fast"',
    );
  });

  it("WASM_ATTENTION_THREADS counts where no option does", async () => {
    process.env.WASM_ATTENTION_THREADS = "3";
    await using engine = createEngine();
    expect(engine.info().threads).toBe(3);
    await using chosen = createEngine({ threads: 1 });
    expect(chosen.info().threads).toBe(1);
    process.env.WASM_ATTENTION_THREADS = "many";
    expect(() => createEngine()).toThrow(
      'WASM_ATTENTION_THREADS expected a whole number from 0 to 64, got "many"',
    );
  });
});

const problem = attentionInputs({ B: 2, H: 4, L: 33, S: 65, E: 16 });
const { query, key, value } = problem;

describe("memory in use", () => {
  forEachEngine((_, engine) => {
    const used = () => engine().info().memory.used;

    it("is 0 after every call, and the peak is not", async () => {
      engine().scaledDotProductAttentionSync(query, key, value, { returnWeights: true });
      expect(used()).toBe(0);
      await engine().scaledDotProductAttention(query, key, value, { returnLogSumExp: true });
      expect(used()).toBe(0);
      engine().matmulSync(query, key, { transposeB: true });
      await engine().matmul(query, key, { transposeB: true });
      engine().softmaxSync(query);
      await engine().softmax(query, { axis: 1 });
      expect(used()).toBe(0);
      expect(engine().info().memory.peak).toBeGreaterThan(query.data.byteLength + 2 * key.data.byteLength);
    });

    it("counts what a call in flight holds", async () => {
      const call = engine().scaledDotProductAttention(query, key, value);
      expect(engine().info().running).toBe(1);
      expect(used()).toBeGreaterThan(query.data.byteLength + 2 * key.data.byteLength);
      await call;
      expect(engine().info().running).toBe(0);
      expect(used()).toBe(0);
    });

    it("counts tensors, in whole cache lines", () => {
      const first = engine().tensor([3, 5]);
      expect(used()).toBe(64);
      const second = engine().tensor([1000]);
      expect(used()).toBe(64 + 4032);
      const scalar = engine().tensor([]);
      const empty = engine().tensor([0, 7]);
      expect([scalar.data.length, empty.data.length]).toEqual([1, 0]);
      first.dispose();
      first.dispose();
      scalar.dispose();
      empty.dispose();
      expect(used()).toBe(4032);
      {
        using scoped = engine().tensor([16]);
        expect(used()).toBe(4032 + 64);
        expect(scoped.data.every((x) => x === 0)).toBe(true);
      }
      second.dispose();
      expect(used()).toBe(0);
    });

    it("a new tensor is zero, also where another has been", () => {
      const dirty = engine().tensor([1000]);
      dirty.data.fill(9);
      dirty.dispose();
      using clean = engine().tensor([1000]);
      expect(clean.data.every((x) => x === 0)).toBe(true);
    });

    it("a disposed tensor gives no data, and no call takes it", async () => {
      const gone = engine().tensor([2, 2]);
      gone.dispose();
      expect(() => gone.data).toThrow(code("ERR_DISPOSED"));
      expect(() => engine().softmaxSync(gone)).toThrow("this tensor is disposed");
      await expect(engine().softmax(gone)).rejects.toThrow("this tensor is disposed");
      expect(used()).toBe(0);
    });
  });
});

describe("tensors while memory grows", () => {
  const expectedOf = (engine: Engine) => engine.scaledDotProductAttentionSync(query, key, value).output.data;
  const inEngine = (engine: Engine, { data, shape }: FloatTensor): Tensor => {
    const made = engine.tensor(shape);
    made.data.set(data);
    return made;
  };
  const allInEngine = (engine: Engine) =>
    [inEngine(engine, query), inEngine(engine, key), inEngine(engine, value)] as const;

  // Each in an engine of its own, as memory that has grown stays.
  describe.each(engineChoices)("$name", ({ kernels, threads }) => {
    it("keep their data", async () => {
      await using engine = createEngine({ kernels, threads });
      const [q, k, v] = allInEngine(engine);
      const before = engine.info().memory.reserved;
      using big = engine.tensor([4, 1024, 1024]);
      expect(engine.info().memory.reserved).toBeGreaterThan(before);
      expect(big.data.every((x) => x === 0)).toBe(true);
      expectSameBits(q.data, query.data, "query");
      expectSameBits(k.data, key.data, "key");
      expectSameBits(v.data, value.data, "value");
      expectSameBits(engine.scaledDotProductAttentionSync(q, k, v).output.data, expectedOf(engine), "output");
    });

    it("are read and written where they are by the call that makes memory grow", async () => {
      await using engine = createEngine({ kernels, threads });
      const x = normal([700, 64], 1);
      const wide = normal([700, 1000], 2);
      const product = createEngine({ kernels, threads: 0 }).matmulSync(x, wide, { transposeA: true });
      const resident = inEngine(engine, x);
      const out = engine.tensor([64, 1000]);
      const before = engine.info().memory.reserved;
      engine.matmulSync(resident, wide, { transposeA: true, out });
      expect(engine.info().memory.reserved).toBeGreaterThan(before);
      expectSameBits(out.data, product.data, "sync");
      out.data.fill(0);
      const larger = normal([700, 3000], 3);
      const call = engine.matmul(resident, larger, { transposeA: true });
      expect(engine.info().memory.reserved).toBeGreaterThan(before);
      const expected = createEngine({ kernels, threads: 0 }).matmulSync(x, larger, { transposeA: true });
      expectSameBits((await call).data, expected.data, "async");
      expectSameBits(resident.data, x.data, "the input");
    });

    it("are right for a call in flight", async () => {
      await using engine = createEngine({ kernels, threads });
      const expected = expectedOf(engine);
      const [q, k, v] = allInEngine(engine);
      const out = engine.tensor(query.shape);
      const calls = [
        engine.scaledDotProductAttention(q, k, v, { out }),
        engine.scaledDotProductAttention(query, k, value),
      ];
      const before = engine.info().memory.reserved;
      using _big = engine.tensor([4, 1024, 1024]);
      expect(engine.info().memory.reserved).toBeGreaterThan(before);
      const [, second] = await Promise.all(calls);
      expectSameBits(out.data, expected, "in the engine");
      expectSameBits(second!.output.data, expected, "plain");
    });

    it("are right for the layer whose packing makes memory grow", async () => {
      await using engine = createEngine({ kernels, threads });
      const x = normal([2, 5, 512], 4);
      const make = () => new MultiHeadAttention({ embedDim: 512, numHeads: 8, engine });
      using plain = make();
      const expected = plain.forwardSync(x).output.data;
      await using fresh = createEngine({ kernels, threads });
      using layer = new MultiHeadAttention({ embedDim: 512, numHeads: 8, engine: fresh });
      const resident = inEngine(fresh, x);
      const before = fresh.info().memory.reserved;
      expectSameBits(layer.forwardSync(resident).output.data, expected, "output");
      expect(fresh.info().memory.reserved).toBeGreaterThan(before);
    });
  });
});

describe("maxMemory", () => {
  it.each(engineChoices)("$name", async ({ kernels, threads }) => {
    await using engine = createEngine({ kernels, threads, maxMemory: 300_000 });
    const expected = engine.softmaxSync(query).data;
    using held = engine.tensor([1000]);
    const message =
      "a tensor of shape [100, 1000] needs 400000 bytes; 4032 of at most 300000 bytes are in use";
    expect(() => engine.tensor([100, 1000])).toThrow(message);
    const large = normal([300, 300], 1);
    expect(() => engine.matmulSync(large, large)).toThrow(code("ERR_MEMORY"));
    await expect(engine.matmul(large, large)).rejects.toThrow(code("ERR_MEMORY"));
    await expect(engine.matmul(large, large)).rejects.toThrow(
      /^matmul needs \d+ bytes; 4032 of at most 300000/,
    );
    expect(engine.info()).toMatchObject({ running: 0, memory: { used: 4032 } });
    expectSameBits(engine.softmaxSync(query).data, expected, "afterwards");
    expect(held.data).toHaveLength(1000);
  });

  it("is 4 GiB at most, whatever is asked for", async () => {
    await using engine = createEngine({ threads: 0 });
    const shape = [2 ** 15, 2 ** 15];
    expect(sizeOf(shape) * 4).toBe(2 ** 32);
    expect(() => engine.tensor(shape)).toThrow(code("ERR_MEMORY"));
    expect(() => engine.tensor([2 ** 40])).toThrow(code("ERR_MEMORY"));
    expect(engine.info().memory.used).toBe(0);
  });
});

describe("dispose", () => {
  describe.each(engineChoices)("$name", ({ kernels, threads }) => {
    it("waits for what is in flight, and twice is fine", async () => {
      const engine = createEngine({ kernels, threads });
      const expected = engine.scaledDotProductAttentionSync(query, key, value).output.data;
      const calls = Array.from({ length: 40 }, () => engine.scaledDotProductAttention(query, key, value));
      const disposed = engine.dispose();
      await engine.dispose();
      await disposed;
      for (const { output } of await Promise.all(calls)) expectSameBits(output.data, expected, "output");
      expect(engine.info()).toMatchObject({ running: 0, memory: { used: 0 } });
    });

    it("refuses every later call", async () => {
      const engine = createEngine({ kernels, threads });
      const early = tensor(new Float32Array(4), [2, 2]);
      await engine.dispose();
      const message = "this engine is disposed";
      expect(() => engine.softmaxSync(early)).toThrow(message);
      expect(() => engine.matmulSync(early, early)).toThrow(message);
      expect(() => engine.scaledDotProductAttentionSync(early, early, early)).toThrow(code("ERR_DISPOSED"));
      await expect(engine.softmax(early)).rejects.toThrow(message);
      await expect(engine.matmul(early, early)).rejects.toThrow(message);
      await expect(engine.scaledDotProductAttention(early, early, early)).rejects.toThrow(
        code("ERR_DISPOSED"),
      );
      await expect(engine.warmUp()).rejects.toThrow(message);
    });

    it("refuses new tensors", async () => {
      const engine = createEngine({ kernels, threads });
      await engine.dispose();
      expect(() => engine.tensor([1])).toThrow(code("ERR_DISPOSED"));
    });
  });
});

describe("warmUp", () => {
  forEachEngine((_, engine) => {
    it("leaves nothing behind", async () => {
      await engine().warmUp();
      expect(engine().info()).toMatchObject({ running: 0, queued: 0, memory: { used: 0 } });
    });
  });
});
