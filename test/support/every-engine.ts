/** Runs something on all engines, which within a kernel set must give the same bits. */
import { createEngine } from "wasm-attention";
import { expectSameBits } from "./accuracy.ts";
import { type Backend, engineChoices, kernelSets } from "./backends.ts";

/** Where to run, and how to call. */
export type Where = Pick<Backend, "engine" | "call">;

/** Runs on every engine, called both ways: within a kernel set all results must have the same bits. */
export async function expectSameOnAllEngines(
  run: (backend: Where) => Promise<{ readonly data: Float32Array }>,
): Promise<void> {
  for (const set of kernelSets) {
    const outputs: Float32Array[] = [];
    for (const { kernels, threads } of engineChoices.filter((choice) => choice.kernels === set)) {
      const engine = createEngine({ kernels, threads });
      for (const call of ["sync", "async"] as const) outputs.push((await run({ engine, call })).data);
      await engine.dispose();
    }
    for (const output of outputs) expectSameBits(output, outputs[0]!, set);
  }
}
