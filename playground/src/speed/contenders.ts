/** Who computes the attention: loops in JavaScript, and the kernels on one thread and on several. */
import { AttentionError, createEngine, type KernelSet, type Tensor } from "wasm-attention";
import { attention as naive } from "../../../build/baselines/naive.js";
import { attention as tuned } from "../../../build/baselines/tuned.js";
import type { AttentionInputs, AttentionSize } from "../../../src/cli/measure/baselines.ts";

export interface Contender {
  readonly name: string;
  readonly note: string;
  run(): void;
  /** What `run` wrote, `[H, L, E]`. */
  output(): Float32Array;
}

/** Everyone who runs in this browser, ready to be timed. */
export async function contenders(
  inputs: AttentionInputs,
  size: AttentionSize,
  threads: number,
): Promise<Contender[]> {
  const all: (Contender | undefined)[] = [
    javascript("naive JavaScript", "the textbook's loops", naive, inputs, size),
    javascript("tuned JavaScript", "the best we could write", tuned, inputs, size),
  ];
  for (const count of threads > 1 ? [1, threads] : [1])
    for (const set of ["strict", "relaxed"] as const) all.push(await kernels(set, count, inputs, size));
  return all.filter((one) => one !== undefined);
}

function javascript(
  name: string,
  note: string,
  attend: typeof naive,
  inputs: AttentionInputs,
  size: AttentionSize,
): Contender {
  const out = new Float32Array(inputs.query.length);
  return { name, note, run: () => attend(inputs, size, out), output: () => out };
}

/** On tensors of the engine, as who wants speed would have them. Undefined where the kernel set does not run. */
async function kernels(
  set: KernelSet,
  threads: number,
  inputs: AttentionInputs,
  size: AttentionSize,
): Promise<Contender | undefined> {
  const engine = engineWith(set, threads);
  if (engine === undefined) return undefined;
  await engine.warmUp();
  const { H, K, L, S, E, causal } = size;
  const filled = (data: Float32Array, shape: readonly number[]): Tensor => {
    const tensor = engine.tensor(shape);
    tensor.data.set(data);
    return tensor;
  };
  const query = filled(inputs.query, [H, L, E]);
  const key = filled(inputs.key, [K, S, E]);
  const value = filled(inputs.value, [K, S, E]);
  const out = engine.tensor([H, L, E]);
  const note = set === "strict" ? "same bits everywhere" : "fused multiply-add";
  return {
    name: `${set} kernels, ${threads === 1 ? "1 thread" : `${engine.info().threads} threads`}`,
    note,
    run: () => void engine.scaledDotProductAttentionSync(query, key, value, { causal, out }),
    output: () => out.data,
  };
}

function engineWith(set: KernelSet, threads: number): ReturnType<typeof createEngine> | undefined {
  try {
    return createEngine({ kernels: set, threads });
  } catch (error) {
    if (error instanceof AttentionError && error.code === "ERR_UNSUPPORTED") return undefined;
    throw error;
  }
}
