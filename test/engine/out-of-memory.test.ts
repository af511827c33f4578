/** A worker whose heap is full is ended by Node in the midst of a tile: its work is done all the same, by others. */
import { describe, expect, it } from "vitest";
import { run } from "./child-process.ts";

/**
 * Workers started from now on, as many as `dying`, fill their small heaps at a call of a kernel, which they never come back from.
 * They wait in between, so that Node has the time to end them, and not the process.
 */
const fillHeaps = (dying: number) => `
  import threads from "node:worker_threads";
  import { syncBuiltinESMExports } from "node:module";
  const full = \`
    const { Instance } = WebAssembly;
    const word = new Int32Array(new SharedArrayBuffer(4));
    let calls = 0;
    const fill = () => {
      for (const all = []; ; Atomics.wait(word, 0, 0, 1)) all.push(Array.from({ length: 20_000 }, (_, i) => ({ i })));
    };
    WebAssembly.Instance = function (...args) {
      const kernels = Object.entries(new Instance(...args).exports);
      const filling = (kernel) => (...numbers) => (++calls === 3 ? fill() : kernel(...numbers));
      return { exports: Object.fromEntries(kernels.map(([name, kernel]) => [name, filling(kernel)])) };
    };
  \`;
  const limited = {
    resourceLimits: { maxOldGenerationSizeMb: 32 },
    execArgv: ["--import", "data:text/javascript," + encodeURIComponent(full)],
  };
  let started = 0;
  const deaths = [];
  threads.Worker = class extends threads.Worker {
    constructor(file, options) {
      super(file, started++ < ${dying} ? { ...options, ...limited } : options);
      this.on("error", ({ code }) => deaths.push(code));
    }
  };
  syncBuiltinESMExports();
`;

/** Says how many workers died and how, whether results are those of one thread, and what the engine says of itself. */
const compute = (call: string) => `
  const x = tensor(Float32Array.from({ length: 512 * 64 }, (_, i) => ((i * 7919) % 1000) / 500 - 1), [512, 64]);
  const alone = createEngine({ threads: 0, kernels: "strict" });
  const engine = createEngine({ threads: 2, kernels: "strict" });
  const attend = () => engine.scaledDotProductAttention(x, x, x);
  const attendSync = () => engine.scaledDotProductAttentionSync(x, x, x);
  const expected = alone.scaledDotProductAttentionSync(x, x, x).output.data.join();
  for (let round = 0; round < 4; round++) {
    const { output } = ${call};
    console.log(output.data.join() === expected);
  }
  const { running, memory, withoutWorkers } = engine.info();
  await engine.dispose();
  console.log(running, memory.used, withoutWorkers);
  console.log([...new Set(deaths)].join());
`;

const right = "true\n".repeat(4);

describe("a worker that dies for want of memory", () => {
  it.each([1, 4])("is replaced, %i times, and its work is done all the same", async (dying) => {
    const ended = await run(fillHeaps(dying) + compute("await attend()"));
    expect(ended).toEqual({ code: 0, output: `${right}0 0 undefined\nERR_WORKER_OUT_OF_MEMORY\n` });
  });

  it("does not harm a synchronous call", async () => {
    const started = "await attend();";
    const { code, output } = await run(
      fillHeaps(3) + compute("attendSync()").replace("for (", `${started}\nfor (`),
    );
    expect({ code, output }).toEqual({
      code: 0,
      output: `${right}0 0 undefined\nERR_WORKER_OUT_OF_MEMORY\n`,
    });
  });
});
