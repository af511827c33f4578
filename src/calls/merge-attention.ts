// Merging attention over disjoint sets of keys, from arguments to program.

import type { Layout } from "../attention-options.ts";
import type { Call } from "../engine/program.ts";
import { planMerge } from "../plan/merge.ts";
import { type Tensor, zeros } from "../tensor.ts";
import type { TensorLike } from "../tensor-like.ts";
import { float32 } from "../validate/floats.ts";
import { readParts } from "../validate/merge.ts";
import { readOptions } from "../validate/options.ts";
import { checkOptions } from "../validate/score-options.ts";
import { checkTarget } from "../validate/target.ts";
import type { CallOptions } from "./call-options.ts";

/** Attention over some of the keys, as `scaledDotProductAttention` returns it with `returnLogSumExp`. */
export interface AttentionPart {
  /** `[B, H, L, V]`, `[H, L, V]` or `[L, V]`; with `layout: "BLHE"` `[B, L, H, V]`, `[L, H, V]`. */
  readonly output: TensorLike;
  /** `[B, H, L]`, `[H, L]` or `[L]`, in both layouts. It must be there. */
  readonly logSumExp?: TensorLike | undefined;
}

/** Options of `mergeAttention`. */
export interface MergeOptions extends CallOptions {
  /** Order of the outputs' dimensions; `"BLHE"` for packed sequences as well. Default `"BHLE"`. */
  readonly layout?: Layout | undefined;
  /** Write the output into this tensor, of the parts' shape, instead of making one. */
  readonly out?: TensorLike<Float32Array> | undefined;
}

/** Attention over the keys of all parts; it can be a part again. */
export interface MergedAttention {
  /** Of the shape that the parts' outputs have. */
  readonly output: Tensor;
  /** Of the shape that the parts' logSumExp have. */
  readonly logSumExp: Tensor;
}

const names: ReadonlySet<string> = new Set(["layout", "out", "signal", "engine"]);

/** @internal Checks the arguments and plans the call; nothing is written yet. */
export function mergeCall(parts: readonly AttentionPart[], given: MergeOptions = {}): Call<MergedAttention> {
  const options = readOptions(given, names);
  checkOptions({ layout: options.layout });
  const problem = readParts(parts, options.layout ?? "BHLE", float32);
  const inputs = problem.parts.flatMap(({ output, logSumExp }) => [output, logSumExp]);
  const { tensor: output, data } = checkTarget("out", options.out, problem.shape, inputs);
  const logSumExp = zeros(problem.rows);
  const program = planMerge(problem, { output: data, logSumExp: logSumExp.data });
  return { program, result: { output, logSumExp }, signal: options.signal, engine: options.engine };
}
