// Linformer's attention from arguments to program.

import type { LinformerScoreOptions } from "../efficient-options.ts";
import type { KernelSizes } from "../engine/generated/kernels.ts";
import type { Call } from "../engine/program.ts";
import { planLinformer } from "../plan/linformer.ts";
import type { TensorLike } from "../tensor-like.ts";
import { float32 } from "../validate/floats.ts";
import { readLinformer } from "../validate/linformer.ts";
import { readOptions } from "../validate/options.ts";
import type { CallOptions } from "./call-options.ts";
import { type EfficientAttentionResult, outputOf } from "./efficient-attention.ts";

/** Options of `linformerAttention`. */
export interface LinformerOptions extends LinformerScoreOptions<TensorLike>, CallOptions {
  /** Write the output into this tensor, of the output's shape, instead of making one. */
  readonly out?: TensorLike<Float32Array> | undefined;
}

const names: ReadonlySet<string> = new Set([
  "keyProjection",
  "valueProjection",
  "scale",
  "layout",
  "out",
  "signal",
  "engine",
]);

/** @internal Checks the arguments and plans the call; nothing is written yet. */
export function linformerCall(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  given: LinformerOptions,
  sizes: KernelSizes,
): Call<EfficientAttentionResult> {
  const options = readOptions(given, names);
  const problem = readLinformer(query, key, value, options, float32);
  const { keyProjection, valueProjection } = problem;
  const target = outputOf(problem, options, [keyProjection.data, valueProjection.data]);
  const program = planLinformer(problem, target.data, target.layout, sizes);
  return { program, result: { output: target.tensor }, signal: options.signal, engine: options.engine };
}
