/** Asynchronous calls: many at once, stopped by a signal, refused by a full queue, beside the event loop. */
import { getEventListeners, setMaxListeners } from "node:events";
import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createEngine, type Tensor } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import { attentionInputs } from "../support/attention-problem.ts";
import { engineChoices, forEachEngine } from "../support/backends.ts";
import { bytes, changed, type FloatTensor, normal } from "../support/random-tensors.ts";

const small = attentionInputs({ B: 2, H: 4, L: 33, S: 65, E: 16 });

/** Some seconds of work in a few megabytes: enough that it is still going on whenever a test looks. */
const long = attentionInputs({ L: 8192, S: 16384, E: 256 });

describe("many calls at once", () => {
  forEachEngine((_, engine) => {
    it("each gets its own result, whatever the others are", async () => {
      const sizes = Array.from({ length: 100 }, (_, i) => ({
        H: 1 + (i % 3),
        L: 1 + ((i * 7) % 50),
        S: 1 + ((i * 13) % 150),
        E: 1 + ((i * 5) % 40),
      }));
      const inputs = sizes.map((size, i) => attentionInputs(size, i));
      const calls = inputs.map(({ query, key, value }, i) => {
        if (i % 5 === 1) return engine().matmul(query, key, { transposeB: true });
        if (i % 5 === 2) return engine().softmax(query, { axis: i % 4 });
        return engine()
          .scaledDotProductAttention(query, key, value)
          .then(({ output }) => output);
      });
      expect(engine().info().running).toBe(100);
      const results = await Promise.all(calls);
      inputs.forEach(({ query, key, value }, i) => {
        const expected =
          i % 5 === 1
            ? engine().matmulSync(query, key, { transposeB: true })
            : i % 5 === 2
              ? engine().softmaxSync(query, { axis: i % 4 })
              : engine().scaledDotProductAttentionSync(query, key, value).output;
        expectSameBits(results[i]!.data, expected.data, `call ${i}`);
      });
    });

    it("synchronous ones in between are right, too", async () => {
      const { query, key, value } = attentionInputs({ H: 8, L: 200, S: 300, E: 32 });
      const expected = engine().scaledDotProductAttentionSync(query, key, value).output.data;
      const calls = Array.from({ length: 10 }, () => engine().scaledDotProductAttention(query, key, value));
      for (let i = 0; i < 5; i++) {
        expectSameBits(
          engine().scaledDotProductAttentionSync(query, key, value).output.data,
          expected,
          "sync",
        );
        await immediate();
      }
      for (const { output } of await Promise.all(calls)) expectSameBits(output.data, expected, "async");
    });

    it("one after the other, started by one another", async () => {
      const { query, key, value } = small;
      const expected = engine().scaledDotProductAttentionSync(query, key, value).output.data;
      const chain = async (count: number): Promise<void> => {
        const { output } = await engine().scaledDotProductAttention(query, key, value);
        expectSameBits(output.data, expected, `${count} to go`);
        if (count > 0) await Promise.all([chain(count - 1), chain(count - 2)]);
      };
      await chain(6);
    });
  });
});

describe("inputs", () => {
  const x = normal([700, 2000], 1);
  const y = normal([2000, 30], 2);

  forEachEngine((_, engine) => {
    it("up to 4 MiB may be changed as soon as the call is made", async () => {
      const fresh = () => ({
        ...attentionInputs({ B: 2, H: 8, L: 100, S: 200, E: 64 }, 3),
        mask: bytes([100, 200], 1),
        bias: normal([8, 1, 200], 2),
        kvLengths: Int32Array.of(200, 77),
        queryOffset: Int32Array.of(50, 60),
      });
      const { query, key, value, ...options } = fresh();
      const expected = engine().scaledDotProductAttentionSync(query, key, value, {
        causal: true,
        ...options,
      });
      const call = engine().scaledDotProductAttention(query, key, value, { causal: true, ...options });
      for (const x of [query, key, value, options.bias]) x.data.fill(Number.NaN);
      options.mask.data.fill(0);
      options.kvLengths.fill(0);
      options.queryOffset.fill(-1000);
      expectSameBits((await call).output.data, expected.output.data, "output");
    });

    it("beyond 4 MiB are copied in slices", async () => {
      expect(x.data.byteLength).toBeGreaterThan(4 * 2 ** 20);
      const expected = engine().matmulSync(x, y);
      expectSameBits((await engine().matmul(x, y)).data, expected.data, "product");
      const [tall, wide] = [normal([1500, 4], 1), normal([4, 1500], 2)];
      const large = engine().matmulSync(tall, wide);
      expect(large.data.byteLength).toBeGreaterThan(4 * 2 ** 20);
      expectSameBits((await engine().matmul(tall, wide)).data, large.data, "a large result");
    });
  });
});

describe("signal", () => {
  forEachEngine((_, engine) => {
    it("aborted before: its reason, and nothing is done", async () => {
      const reason = new Error("never mind");
      const signal = AbortSignal.abort(reason);
      const { query, key, value } = small;
      await expect(engine().scaledDotProductAttention(query, key, value, { signal })).rejects.toBe(reason);
      await expect(engine().matmul(query, key, { signal, transposeB: true })).rejects.toBe(reason);
      await expect(engine().softmax(query, { signal })).rejects.toBe(reason);
      // The signal comes first: these arguments do not fit.
      await expect(engine().matmul(query, key, { signal })).rejects.toBe(reason);
      expect(engine().info()).toMatchObject({ running: 0, memory: { used: 0 } });
    });

    it("aborted meanwhile: its reason, most rows are not computed, and the engine is well", async () => {
      const { query, key, value } = long;
      using out = engine().tensor(query.shape);
      out.data.fill(7);
      const controller = new AbortController();
      const call = engine().scaledDotProductAttention(query, key, value, { signal: controller.signal, out });
      const rejected = expect(call).rejects.toBe("enough");
      await sleep(50);
      expect(engine().info().running).toBe(1);
      controller.abort("enough");
      await rejected;
      expect(untouched(out)).toBeGreaterThan(out.data.length / 2);
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
      expect(engine().info()).toMatchObject({ running: 0, memory: { used: out.data.byteLength } });
      const { output } = await engine().scaledDotProductAttention(small.query, small.key, small.value);
      const expected = engine().scaledDotProductAttentionSync(small.query, small.key, small.value).output;
      expectSameBits(output.data, expected.data, "the next call");
    });

    it("aborted while large inputs are copied", async () => {
      const x = { data: new Float32Array(3000 * 3000), shape: [3000, 3000] };
      const controller = new AbortController();
      const call = engine().softmax(x, { signal: controller.signal });
      const rejected = expect(call).rejects.toMatchObject({ name: "AbortError" });
      await immediate();
      controller.abort();
      await rejected;
      expect(engine().info()).toMatchObject({ running: 0, memory: { used: 0 } });
    });

    it("aborted afterwards, or never: no matter, and nothing listens to it any more", async () => {
      const controller = new AbortController();
      const { signal } = controller;
      const { data } = await engine().softmax(small.query, { signal });
      expect(getEventListeners(signal, "abort")).toEqual([]);
      controller.abort();
      expectSameBits(data, engine().softmaxSync(small.query).data, "softmax");
    });

    it("a timeout's reason is its own", async () => {
      const { query, key, value } = long;
      const call = engine().scaledDotProductAttention(query, key, value, { signal: AbortSignal.timeout(20) });
      await expect(call).rejects.toMatchObject({ name: "TimeoutError" });
    });
  });

  const untouched = ({ data }: Tensor) => data.reduce((count, x) => count + (x === 7 ? 1 : 0), 0);
});

/** Calls that keep all 32 places of an engine, and what stops them. */
async function fillPlaces(engine: ReturnType<typeof createEngine>) {
  const controller = new AbortController();
  setMaxListeners(100, controller.signal);
  const { query, key, value } = attentionInputs({ L: 1024, S: 16384, E: 64 });
  const inEngine = ({ data, shape }: FloatTensor) => {
    const made = engine.tensor(shape);
    made.data.set(data);
    return made;
  };
  const [q, k, v] = [inEngine(query), inEngine(key), inEngine(value)];
  const calls = Array.from({ length: 32 }, () =>
    engine.scaledDotProductAttention(q, k, v, { signal: controller.signal }),
  );
  const settled = Promise.allSettled(calls);
  await immediate();
  expect(engine.info()).toMatchObject({ running: 32, queued: 0 });
  const stop = async () => {
    controller.abort("stop");
    for (const result of await settled) expect(result).toEqual({ status: "rejected", reason: "stop" });
    for (const x of [q, k, v]) x.dispose();
  };
  return stop;
}

describe("the queue", () => {
  const { query, key, value } = small;

  // Each in an engine of its own, which a failure leaves in disorder.
  describe.each(engineChoices)("$name", ({ kernels, threads }) => {
    it("calls beyond the 32nd wait, and are counted", async () => {
      await using engine = createEngine({ kernels, threads });
      const expected = engine.scaledDotProductAttentionSync(query, key, value).output.data;
      const stop = await fillPlaces(engine);
      const waiting = Array.from({ length: 5 }, () => engine.scaledDotProductAttention(query, key, value));
      await immediate();
      expect(engine.info()).toMatchObject({ running: 37, queued: 5 });
      await stop();
      for (const { output } of await Promise.all(waiting)) expectSameBits(output.data, expected, "output");
      expect(engine.info()).toMatchObject({ running: 0, queued: 0, memory: { used: 0 } });
    });

    it("queueLimit refuses what would wait beyond it, and takes calls again later", async () => {
      await using engine = createEngine({ kernels, threads, queueLimit: 2 });
      const stop = await fillPlaces(engine);
      const waiting = [];
      for (let i = 0; i < 2; i++) {
        waiting.push(engine.softmax(query));
        await immediate();
      }
      await expect(engine.softmax(query)).rejects.toMatchObject({
        name: "AttentionError",
        code: "ERR_QUEUE_FULL",
        message: '2 calls wait for a place or for memory already, as many as "queueLimit" allows',
      });
      expect(engine.info()).toMatchObject({ running: 34, queued: 2 });
      await stop();
      await Promise.all(waiting);
      await engine.softmax(query);
    });

    // None of them has looked for a place when the last one is made.
    it("queueLimit holds for calls made in one turn", async () => {
      await using engine = createEngine({ kernels, threads, queueLimit: 2 });
      const calls = await Promise.allSettled(Array.from({ length: 40 }, () => engine.softmax(query)));
      expect(calls.filter(({ status }) => status === "rejected")).toHaveLength(6);
    });

    it("a call that waits is stopped by its signal", async () => {
      await using engine = createEngine({ kernels, threads });
      const stop = await fillPlaces(engine);
      const controller = new AbortController();
      const call = engine.softmax(query, { signal: controller.signal });
      const rejected = expect(call).rejects.toBe("no more");
      await immediate();
      controller.abort("no more");
      await rejected;
      expect(engine.info().running).toBe(32);
      await stop();
    });

    it("a call that waited and was stopped takes no other call's turn", async () => {
      await using engine = createEngine({ kernels, threads });
      const stop = await fillPlaces(engine);
      const controller = new AbortController();
      setMaxListeners(100, controller.signal);
      const { signal } = controller;
      const stopped = Promise.allSettled(Array.from({ length: 40 }, () => engine.softmax(query, { signal })));
      await immediate();
      const last = engine.softmax(query);
      await immediate();
      expect(engine.info().queued).toBe(41);
      controller.abort();
      await stopped;
      await stop();
      expectSameBits((await last).data, engine.softmaxSync(query).data, "the call after them");
    });
  });
});

describe("calls that need more memory together than there is", () => {
  const problem = attentionInputs({ L: 512, S: 2048, E: 64 });

  /** An engine with room for one such call and a small one, not for two such calls. */
  const narrow = async (
    { kernels, threads }: (typeof engineChoices)[number],
    { query, key, value } = problem,
    queueLimit?: number,
  ) => {
    await using wide = createEngine({ kernels, threads });
    await wide.scaledDotProductAttention(query, key, value);
    const { peak } = wide.info().memory;
    return createEngine({ kernels, threads, maxMemory: Math.round(1.7 * peak), queueLimit });
  };

  describe.each(engineChoices)("$name", (choice) => {
    const expected = async (engine: ReturnType<typeof createEngine>) =>
      engine.scaledDotProductAttentionSync(problem.query, problem.key, problem.value).output.data;

    it("wait for one another", async () => {
      await using engine = await narrow(choice);
      const right = await expected(engine);
      const calls = Array.from({ length: 5 }, () =>
        engine.scaledDotProductAttention(problem.query, problem.key, problem.value),
      );
      expect(engine.info()).toMatchObject({ running: 5, queued: 4 });
      for (const { output } of await Promise.all(calls)) expectSameBits(output.data, right, "output");
      const { memory, queued } = engine.info();
      expect({ queued, used: memory.used }).toEqual({ queued: 0, used: 0 });
      expect(memory.peak).toBeLessThanOrEqual(memory.limit);
    });

    it("have read their inputs by then, and know their tensors' places though memory grows", async () => {
      await using engine = await narrow(choice);
      const right = await expected(engine);
      const before = engine.scaledDotProductAttention(problem.query, problem.key, problem.value);
      const query = changed(problem.query, (x) => x);
      const key = engine.tensor([8, 64]);
      key.data.set(problem.key.data.subarray(0, 8 * 64));
      const large = engine.scaledDotProductAttention(query, problem.key, problem.value);
      const small = engine.matmul(query, key, { transposeB: true });
      expect(engine.info().queued).toBe(2);
      query.data.fill(Number.NaN);
      using grown = engine.tensor([64 * 1024]);
      expect(grown.data.length).toBe(64 * 1024);
      key.dispose();
      for (const { output } of await Promise.all([before, large]))
        expectSameBits(output.data, right, "output");
      const eight = { data: problem.key.data.subarray(0, 8 * 64), shape: [8, 64] };
      expectSameBits(
        (await small).data,
        engine.matmulSync(problem.query, eight, { transposeB: true }).data,
        "product",
      );
    });

    it("are refused at once where they would never fit, and in queueLimit's number", async () => {
      await using engine = await narrow(choice, problem, 1);
      const first = engine.scaledDotProductAttention(problem.query, problem.key, problem.value);
      const tall = normal([2048, 2048], 5);
      await expect(engine.softmax(tall)).rejects.toMatchObject({ code: "ERR_MEMORY" });
      const second = engine.scaledDotProductAttention(problem.query, problem.key, problem.value);
      await expect(
        engine.scaledDotProductAttention(problem.query, problem.key, problem.value),
      ).rejects.toMatchObject({ code: "ERR_QUEUE_FULL" });
      await Promise.all([first, second]);
    });

    it("let those behind them go when they are aborted", async () => {
      await using engine = await narrow(choice, { ...problem, query: normal([1, 1, 8192, 64], 9) });
      const query = normal([1, 1, 8192, 64], 9);
      const controller = new AbortController();
      const { signal } = controller;
      const order: string[] = [];
      const attend = (name: string, options = {}) =>
        engine
          .scaledDotProductAttention(query, problem.key, problem.value, options)
          .then(() => order.push(name));
      const first = attend("first");
      const rejected = expect(attend("second", { signal })).rejects.toBe("not this one");
      const third = engine.softmax(small.query).then(() => order.push("third"));
      expect(engine.info().queued).toBe(2);
      controller.abort("not this one");
      await Promise.all([rejected, third, first]);
      expect(order).toEqual(["third", "first"]);
    });
  });
});

describe("the event loop", () => {
  forEachEngine((_, engine) => {
    it("has its turns while a call computes", async () => {
      const { query, key, value } = attentionInputs({ L: 2048, S: 16384, E: 64 });
      let turns = 0;
      let settled = false;
      const call = engine()
        .scaledDotProductAttention(query, key, value)
        .then(() => {
          settled = true;
        });
      while (!settled) {
        await immediate();
        turns++;
      }
      await call;
      // 9 GFLOP are twenty slices of 4 ms even at 100 GFLOP/s.
      expect(turns).toBeGreaterThan(5);
    });

    it("timers run while a call computes", async () => {
      const controller = new AbortController();
      const { query, key, value } = long;
      const call = engine().scaledDotProductAttention(query, key, value, { signal: controller.signal });
      const rejected = expect(call).rejects.toBe("seen");
      for (let i = 0; i < 5; i++) await sleep(1);
      expect(engine().info().running).toBe(1);
      controller.abort("seen");
      await rejected;
    });
  });
});
