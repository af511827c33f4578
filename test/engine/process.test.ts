/** Engines and the life of processes and threads: who keeps a process alive, what a dead worker leaves behind. */

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createEngine, type Engine } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import { attentionInputs } from "../support/attention-problem.ts";
import { engineChoices } from "../support/backends.ts";
import { changed, type FloatTensor, normal } from "../support/random-tensors.ts";
import { run } from "./child-process.ts";

/** A call of some tens of milliseconds. */
const call = `
  const x = tensor(new Float32Array(1024 * 64).fill(0.5), [1024, 64]);
  const attend = () => engine.scaledDotProductAttention(x, x, x);
`;

describe("a process", () => {
  it.each(["0", "1", "2"])("with %s threads ends by itself when nothing is in flight", async (threads) => {
    const ended = await run(`
      const engine = createEngine({ threads: ${threads} });
      ${call}
      await attend();
      await engine.warmUp();
      engine.scaledDotProductAttentionSync(x, x, x);
      console.log("idle");
    `);
    expect(ended).toEqual({ code: 0, output: "idle\n" });
  });

  it.each(["0", "1", "2"])("with %s threads stays while a call is in flight", async (threads) => {
    const ended = await run(`
      const engine = createEngine({ threads: ${threads} });
      ${call}
      for (let i = 0; i < 40; i++) attend().then(({ output }) => i === 39 && console.log(output.data[0]));
    `);
    expect(ended).toEqual({ code: 0, output: "0.5\n" });
  });

  it.each(["0", "1", "2"])("with %s threads waits for a call at its top level", async (threads) => {
    const ended = await run(`
      const engine = createEngine({ threads: ${threads} });
      ${call}
      const { output } = await attend();
      console.log(output.data[0]);
      await engine.dispose();
      console.log("disposed");
    `);
    expect(ended).toEqual({ code: 0, output: "0.5\ndisposed\n" });
  });

  it("may use the default engine and never think of it", async () => {
    const ended = await run(`
      const x = tensor([1, 1, 1, 1], [2, 2]);
      console.log(softmaxSync(x).data[0]);
      scaledDotProductAttention(x, x, x).then(({ output }) => console.log(output.data[0]));
    `);
    expect(ended).toEqual({ code: 0, output: "0.5\n1\n" });
  });

  it("may exit while calls are in flight", async () => {
    const ended = await run(`
      const engine = createEngine({ threads: 2 });
      ${call}
      for (let i = 0; i < 100; i++) attend();
      setTimeout(() => process.exit(3), 20);
    `);
    expect(ended).toEqual({ code: 3, output: "" });
  });

  it("may use engines in workers of its own, which end by themselves", async () => {
    const ended = await run(`
      import { Worker } from "node:worker_threads";
      const source = \`
        import("wasm-attention").then(async ({ createEngine, tensor }) => {
          const engine = createEngine();
          const x = tensor([1, 1, 1, 1], [2, 2]);
          const { output } = await engine.scaledDotProductAttention(x, x, x);
          const sync = engine.scaledDotProductAttentionSync(x, x, x);
          console.log(engine.info().threads, output.data[0], sync.output.data[0]);
        });
      \`;
      new Worker(source, { eval: true }).on("exit", (code) => console.log("exit", code));
    `);
    expect(ended).toEqual({ code: 0, output: "1 1 1\nexit 0\n" });
  });
});

describe("a process that has no workers to offer", () => {
  /** Computes, and says with what; the result is that of one thread. */
  const source = `
    const engine = createEngine({ threads: 2, kernels: "strict" });
    ${call}
    const sync = () => engine.scaledDotProductAttentionSync(x, x, x).output.data[7];
    console.log((await Promise.all([attend(), attend()])).map(({ output }) => output.data[7]).join());
    console.log(sync(), (await attend()).output.data[7], engine.info().threads);
    console.log(engine.info().withoutWorkers);
    await engine.dispose();
  `;
  const computed = "0.5,0.5\n0.5 0.5 1\n";

  it("under the permission model", async () => {
    const flag =
      Number.parseInt(process.versions.node, 10) > 22 ? "--permission" : "--experimental-permission";
    const { code, output } = await run(source, [flag, "--allow-fs-read=*", "--no-warnings"]);
    expect({ code, output }).toEqual({
      code: 0,
      output: `${computed}a worker could not be started: ${output.split("started: ")[1]}`,
    });
    expect(output).toMatch(/permission|access/i);
  });

  it("without SharedArrayBuffer", async () => {
    const ended = await run(`delete globalThis.SharedArrayBuffer;\n${source}`);
    expect(ended).toEqual({ code: 0, output: `${computed}there is no SharedArrayBuffer\n` });
  });

  it("without worker_threads", async () => {
    const withhold = `
      const { getBuiltinModule } = process;
      process.getBuiltinModule = (name) => (name === "node:worker_threads" ? undefined : getBuiltinModule(name));
    `;
    const ended = await run(withhold + source);
    expect(ended).toEqual({
      code: 0,
      output: `${computed}there are neither node:worker_threads nor Web Workers\n`,
    });
  });

  it("whose Worker refuses only some", async () => {
    const refuse = `
      import threads from "node:worker_threads";
      import { syncBuiltinESMExports } from "node:module";
      let started = 0;
      threads.Worker = class extends threads.Worker {
        constructor(...args) {
          if (++started === 1) throw new Error("no more threads");
          super(...args);
        }
      };
    `;
    const { code, output } = await run(refuse + source);
    expect({ code, output }).toEqual({ code: 0, output: "0.5,0.5\n0.5 0.5 2\nundefined\n" });
  });
});

describe("a worker that dies", () => {
  /** Workers that compute. */
  const alive = new Set<Worker>();
  const collect = (worker: Worker) => {
    worker.once("online", () => alive.add(worker));
    worker.once("exit", () => alive.delete(worker));
  };
  beforeAll(() => void process.on("worker", collect));
  afterAll(() => void process.off("worker", collect));
  beforeEach(() => alive.clear());

  /** Makes a call, and kills a worker that computes it after that many milliseconds. */
  async function killDuring<T>(call: () => Promise<T>, milliseconds: number): Promise<T> {
    const result = call();
    await sleep(milliseconds);
    const [victim] = alive;
    expect(victim).toBeDefined();
    const died = once(victim!, "exit");
    void victim!.terminate();
    await died;
    return result;
  }

  async function untilAlive(engine: Engine, threads: number): Promise<void> {
    await engine.softmax(normal([64, 64], 1));
    while (alive.size < threads) await sleep(1);
  }

  const choices = engineChoices.filter(({ threads }) => threads > 0);
  const { query, key, value } = attentionInputs({ H: 2, L: 1024, S: 1024, E: 64 });
  /** Different results round by round, computed elsewhere: the memory of a call must not hold the answer already. */
  const rounds = Array.from({ length: 8 }, (_, i) => changed(value, (x) => x * (i + 1)));

  describe.each(choices)("$name", ({ kernels, threads }) => {
    it("is replaced, and its work is done all the same", async () => {
      await using alone = createEngine({ kernels, threads: 0 });
      await using engine = createEngine({ kernels, threads });
      const expected = rounds.map((v) => alone.scaledDotProductAttentionSync(query, key, v).output.data);
      const seen = new Set<Worker>();
      for (const [i, v] of rounds.entries()) {
        await untilAlive(engine, threads);
        for (const worker of alive) seen.add(worker);
        const { output } = await killDuring(() => engine.scaledDotProductAttention(query, key, v), 1 + i);
        expectSameBits(output.data, expected[i]!, `output of round ${i}`);
      }
      expect(seen.size).toBeGreaterThan(rounds.length / 2);
      expect(engine.info()).toMatchObject({ running: 0, memory: { used: 0 } });
    });

    it("does not harm a synchronous call", async () => {
      await using alone = createEngine({ kernels, threads: 0 });
      await using engine = createEngine({ kernels, threads });
      for (const v of rounds) {
        await untilAlive(engine, threads);
        for (const worker of alive) void worker.terminate();
        const { output } = engine.scaledDotProductAttentionSync(query, key, v);
        expectSameBits(output.data, alone.scaledDotProductAttentionSync(query, key, v).output.data, "output");
      }
    });

    it("while nothing is in flight, too", async () => {
      await using engine = createEngine({ kernels, threads });
      const first = await engine.scaledDotProductAttention(query, key, value);
      await untilAlive(engine, threads);
      await Promise.all([...alive].map((worker) => worker.terminate()));
      const second = await engine.scaledDotProductAttention(query, key, value);
      expectSameBits(second.output.data, first.output.data, "output");
    });
  });

  it("may hold a long tile and a short one", async () => {
    await using engine = createEngine({ threads: 1 });
    const inEngine = ({ data, shape }: FloatTensor) => {
      const made = engine.tensor(shape);
      made.data.set(data);
      return made;
    };
    // One tile of many steps, between which the worker takes tiles of the other calls.
    const long = attentionInputs({ L: 8, S: 200_000, E: 64 });
    const [q, k, v] = [inEngine(long.query), inEngine(long.key), inEngine(long.value)];
    const short = attentionInputs({ L: 256, S: 256, E: 64 });
    const expected = engine.scaledDotProductAttentionSync(q, k, v).output.data;
    for (let i = 0; i < 10; i++) {
      await untilAlive(engine, 1);
      const call = () =>
        Promise.all([
          engine.scaledDotProductAttention(q, k, v),
          ...Array.from({ length: 20 }, () =>
            engine.scaledDotProductAttention(short.query, short.key, short.value),
          ),
        ]);
      const [result] = await killDuring(call, 1 + i);
      expectSameBits(result!.output.data, expected, "output");
    }
  });
});
