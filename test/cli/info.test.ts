import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { createEngine } from "../../src/index.ts";
import { run } from "../support/command.ts";

test("says what an engine says", async () => {
  const { code, stdout, stderr } = await run(["info", "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const facts = JSON.parse(stdout);
  const engine = createEngine();
  const { kernels, kernelsReason, threads, memory, v8 } = engine.info();
  expect(facts).toMatchObject({
    command: "info",
    node: process.version,
    v8,
    kernels: { chosen: kernels, reason: kernelsReason, strict: { runs: true }, [kernels]: { runs: true } },
    threads: { count: threads, processors: availableParallelism(), withoutWorkers: null },
    memory: { limit: memory.limit, shared: true },
    environment: { WASM_ATTENTION_KERNELS: process.env.WASM_ATTENTION_KERNELS ?? null },
  });
  await engine.dispose();
});

test("says it to people, in 80 columns", async () => {
  const { stdout } = await run(["info", "--threads", "0"]);
  expect(stdout).toMatch(/^wasm-attention \d+\.\d+\.\d+ on Node v/);
  expect(stdout).toMatch(/\nthreads +0 +of \d+ processors?; no workers: "threads" is 0\n/);
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

test("tries the wide kernels where it is asked to, and says how that went", async () => {
  const facts = JSON.parse((await run(["info", "--kernels", "wide", "--json"])).stdout);
  expect(facts.kernels.reason).toContain(facts.kernels.wide.reason);
  expect(facts.kernels.chosen === "wide").toBe(facts.kernels.wide.runs);
});

test("what the environment asks for in vain is an error", async () => {
  const env = { WASM_ATTENTION_KERNELS: "fast" };
  expect(await run(["info"], "", { env })).toEqual({
    code: 2,
    stdout: "",
    stderr:
      'wasm-attention: WASM_ATTENTION_KERNELS expected one of auto, strict, relaxed, wide, got "fast"\n',
  });
});
