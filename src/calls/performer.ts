// The Performer's attention from arguments to program.

import type { PerformerScoreOptions } from "../efficient-options.ts";
import type { KernelSizes } from "../engine/generated/kernels.ts";
import type { Call } from "../engine/program.ts";
import { planPerformer } from "../plan/performer.ts";
import type { TensorLike } from "../tensor-like.ts";
import { float32 } from "../validate/floats.ts";
import { readOptions } from "../validate/options.ts";
import { readPerformer } from "../validate/performer.ts";
import type { CallOptions } from "./call-options.ts";
import { type EfficientAttentionResult, outputOf } from "./efficient-attention.ts";

/** Options of `performerAttention`. */
export interface PerformerOptions extends PerformerScoreOptions<TensorLike>, CallOptions {
  /** Write the output into this tensor, of the output's shape, instead of making one. */
  readonly out?: TensorLike<Float32Array> | undefined;
}

const names: ReadonlySet<string> = new Set([
  "features",
  "causal",
  "epsilon",
  "scale",
  "kvLengths",
  "layout",
  "out",
  "signal",
  "engine",
]);

/** @internal Checks the arguments and plans the call; nothing is written yet. */
export function performerCall(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  given: PerformerOptions,
  sizes: KernelSizes,
): Call<EfficientAttentionResult> {
  const options = readOptions(given, names);
  const problem = readPerformer(query, key, value, options, float32);
  const target = outputOf(problem, options, [problem.features]);
  const program = planPerformer(problem, target.data, target.layout, sizes);
  return { program, result: { output: target.tensor }, signal: options.signal, engine: options.engine };
}
