/** What is forgotten without `dispose` is given back when it is collected. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a process with `--expose-gc` prints, parsed. */
function run(source: string): Promise<unknown> {
  const prelude = `
    import { createEngine, KVCache, MultiHeadAttention, tensor } from "wasm-attention";
    /** Collects until it is so, as callbacks come some time after; gives up after 10 seconds. */
    const until = async (isSo) => {
      for (let i = 0; i < 500 && !isSo(); i++) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return isSo();
    };
    const print = (result) => console.log(JSON.stringify(result));
  `;
  const child = spawn(process.execPath, ["--expose-gc", "--input-type=module", "-e", prelude + source], {
    cwd: root,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      output += chunk;
    });
  return new Promise((resolve) => {
    child.on("close", (code) => resolve(code === 0 ? JSON.parse(output) : `exit code ${code}: ${output}`));
  });
}

describe.each([0, 1])("threads: %i", (threads) => {
  it("tensors, caches and layers that are forgotten are given back", async () => {
    const result = await run(`
      const engine = createEngine({ threads: ${threads} });
      const used = () => engine.info().memory.used;
      const x = tensor(new Float32Array(8 * 64).fill(1), [1, 1, 8, 64]);
      const hold = async () => {
        const tensors = Array.from({ length: 100 }, () => engine.tensor([1000]));
        const cache = new KVCache({ batch: 1, kvHeads: 1, headDim: 64, maxLength: 100, engine });
        await cache.appendAsync(x, x);
        cache.fork().append(x, x);
        const layer = new MultiHeadAttention({ embedDim: 64, numHeads: 4, engine });
        await layer.forward(tensor(x.data, [8, 64]));
        return [tensors.length, used() > 400_000 + 3 * 30_000];
      };
      const held = await hold();
      print([held, await until(() => used() === 0)]);
      await engine.dispose();
    `);
    expect(result).toEqual([[100, true], true]);
  });

  it("tensors of calls that were made over and over, whose plans the engine remembers", async () => {
    const result = await run(`
      const engine = createEngine({ threads: ${threads} });
      const repeat = async () => {
        const [x, out] = [engine.tensor([1, 1, 8, 64]), engine.tensor([1, 1, 8, 64])];
        for (let i = 0; i < 100; i++) engine.scaledDotProductAttentionSync(x, x, x, { out });
      };
      await repeat();
      print(await until(() => engine.info().memory.used === 0));
      await engine.dispose();
    `);
    expect(result).toBe(true);
  });

  it("a tensor stays as long as anybody has a view of its data", async () => {
    const result = await run(`
      const engine = createEngine({ threads: ${threads} });
      let view = engine.tensor([1000]).data.fill(3);
      let other = engine.tensor([100]);
      other = undefined;
      await until(() => engine.info().memory.used < 4200);
      const used = engine.info().memory.used;
      engine.tensor([1000]).data.fill(9);
      const sum = view.reduce((sum, x) => sum + x, 0);
      view = undefined;
      print([used, sum, await until(() => engine.info().memory.used === 0)]);
      await engine.dispose();
    `);
    expect(result).toEqual([4032, 3000, true]);
  });

  it("a tensor that a call in flight uses is given back after it", async () => {
    const result = await run(`
      const engine = createEngine({ threads: ${threads} });
      const attend = () => {
        const x = engine.tensor([600, 64]);
        x.data.fill(0.5);
        return engine.scaledDotProductAttention(x, x, x);
      };
      const running = attend();
      for (let i = 0; i < 3; i++) gc();
      const { output } = await running;
      print([output.data.every((x) => x === 0.5), await until(() => engine.info().memory.used === 0)]);
      await engine.dispose();
    `);
    expect(result).toEqual([true, true]);
  });
});

describe("engines that are forgotten", () => {
  it("end their threads and give their memory back", async () => {
    const result = await run(`
      import { createRequire } from "node:module";
      const threads = createRequire(import.meta.url)("node:worker_threads");
      let alive = 0;
      threads.Worker = class extends threads.Worker {
        constructor(...args) {
          super(...args);
          alive++;
          this.once("exit", () => alive--);
        }
      };
      const x = tensor(new Float32Array(2 ** 22).fill(1), [2 ** 10, 2 ** 12]);
      const use = async () => {
        const engine = createEngine({ threads: 2 });
        await engine.softmax(x);
      };
      await use();
      await until(() => alive === 0);
      const before = process.memoryUsage.rss();
      let most = 0;
      for (let round = 0; round < 8; round++) {
        for (let i = 0; i < 5; i++) await use();
        most = Math.max(most, alive);
        if (!(await until(() => alive === 0))) break;
      }
      // Forty engines had 40 MiB each.
      const grown = () => process.memoryUsage.rss() - before;
      print([most > 0, alive, (await until(() => grown() < 400 * 2 ** 20)) || grown()]);
    `);
    expect(result).toEqual([true, 0, true]);
  });

  it("finish what is in flight first", async () => {
    const result = await run(`
      const x = tensor(new Float32Array(1024 * 64).fill(0.5), [1024, 64]);
      const calls = [0, 1, 2].flatMap((threads) => {
        const engine = createEngine({ threads });
        return Array.from({ length: 40 }, () => engine.scaledDotProductAttention(x, x, x));
      });
      const timer = setInterval(gc, 5);
      const results = await Promise.all(calls);
      clearInterval(timer);
      print(results.every(({ output }) => output.data.every((value) => value === 0.5)));
    `);
    expect(result).toBe(true);
  });
});
