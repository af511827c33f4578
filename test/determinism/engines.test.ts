/** In one kernel set threads, shared memory, the way of calling and where inputs lie change no bit of any result. */
import { afterAll, describe, expect, it } from "vitest";
import { createEngine, type Engine, type KernelSet, type Tensor } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import { kernelSets } from "../support/backends.ts";
import type { FloatTensor } from "../support/random-tensors.ts";
import { cases, type DeterminismCase, type Where } from "./cases.ts";

/** 0: memory that is not shared, and asynchronous calls in slices. */
const threadCounts = [0, 1, 2, 3, 8] as const;

describe.each(kernelSets)("%s", (kernels) => {
  const engines = new Map<number, Engine>();
  const open = (threads: number) => {
    const engine = engines.get(threads) ?? createEngine({ kernels, threads });
    engines.set(threads, engine);
    return engine;
  };
  afterAll(async () => {
    for (const engine of engines.values()) {
      expect(engine.info().memory.used).toBe(0);
      await engine.dispose();
    }
  });

  it.each(cases)("$name", async (one) => {
    const expected = await one.run({ engine: open(1), call: "sync", place: (x) => x });
    for (const threads of threadCounts)
      for (const way of ways(open(threads))) {
        const label = `${threads} threads, ${way.name}`;
        expectSame(await compute(one, way), expected, label);
      }
  });

  it("is what the engines run", () => {
    const sets: KernelSet[] = kernels === "wide" ? ["wide", "relaxed"] : [kernels];
    for (const engine of engines.values()) expect(sets).toContain(engine.info().kernels);
  });
});

interface Way extends Pick<Where, "engine" | "call"> {
  readonly name: string;
  readonly resident: boolean;
}

function ways(engine: Engine): Way[] {
  return (["sync", "async"] as const).flatMap((call) =>
    [false, true].map((resident) => ({
      ...{ engine, call, resident },
      name: `${call}, ${resident ? "tensors of the engine" : "plain arrays"}`,
    })),
  );
}

async function compute(one: DeterminismCase, { engine, call, resident }: Way) {
  const placed: Tensor[] = [];
  const copy = ({ data, shape }: FloatTensor) => {
    const tensor = engine.tensor(shape);
    tensor.data.set(data);
    placed.push(tensor);
    return tensor;
  };
  try {
    return await one.run({ engine, call, place: resident ? copy : (x) => x });
  } finally {
    for (const tensor of placed) tensor.dispose();
  }
}

type Results = Awaited<ReturnType<DeterminismCase["run"]>>;

function expectSame(actual: Results, expected: Results, label: string): void {
  expect(actual.length, label).toBe(expected.length);
  expect(expected.length).toBeGreaterThan(0);
  for (const [i, data] of expected.entries()) expectSameBits(actual[i]!, data, `result ${i}, ${label}`);
}
