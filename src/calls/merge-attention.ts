// Merging attention over disjoint sets of keys, from arguments to program.

import type { Layout } from "../attention-options.ts";
import type { Call } from "../engine/program.ts";
import { planMerge } from "../plan/merge.ts";
import { Tensor } from "../tensor.ts";
import { shapeOf, type TensorLike } from "../tensor-like.ts";
import { float32 } from "../validate/floats.ts";
import { readParts } from "../validate/merge.ts";
import { checkNames } from "../validate/options.ts";
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
export function mergeCall(
  parts: readonly AttentionPart[],
  options: MergeOptions = {},
): Call<MergedAttention> {
  checkNames(options, names);
  checkOptions({ layout: options.layout });
  const problem = readParts(parts, options.layout ?? "BHLE", float32);
  const { output: first, logSumExp: rows } = parts[0] as Required<AttentionPart>;
  const inputs = parts.flatMap(({ output, logSumExp }) => [output, logSumExp]);
  const output = checkTarget("out", options.out, [...shapeOf(first)], inputs);
  const logSumExp = new Tensor(new Float32Array(rows.data.length), [...shapeOf(rows)]);
  const program = planMerge(problem, { output: output.data, logSumExp: logSumExp.data });
  return { program, result: { output, logSumExp } };
}
