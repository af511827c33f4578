// Scaled dot-product attention from arguments to program.

import type { ScoreOptions } from "../attention-options.ts";
import type { Call } from "../engine/program.ts";
import { planAttention } from "../plan/attention.ts";
import { Tensor } from "../tensor.ts";
import { sizeOf, type TensorLike, type VectorLike } from "../tensor-like.ts";
import { readAttention } from "../validate/attention.ts";
import { float32 } from "../validate/floats.ts";
import { headLayout, headShape } from "../validate/heads.ts";
import { checkNames } from "../validate/options.ts";
import { checkTarget } from "../validate/target.ts";
import type { CallOptions } from "./call-options.ts";

/** Options of `scaledDotProductAttention`: what is computed, what is returned, and where it runs. */
export interface AttentionOptions extends ScoreOptions, CallOptions {
  /** `[left, right]`: key j is allowed for position p where p - left <= j <= p + right; -1 = unbounded. */
  readonly window?: readonly [left: number, right: number];
  /** How many of the S keys are valid, one number per batch entry. Keys past them are never read. */
  readonly kvLengths?: VectorLike;
  /** Also return the weights, `[B, H, L, S]`. Default false. */
  readonly returnWeights?: boolean;
  /** Also return the natural logarithm of each row's sum of exponentials, `[B, H, L]`. Default false. */
  readonly returnLogSumExp?: boolean;
  /** Write the output into this tensor, of the output's shape, instead of making one. */
  readonly out?: TensorLike<Float32Array>;
}

/** What an attention returns. Dimensions that the query does not have are dropped. */
export interface AttentionResult {
  /** `[B, H, L, V]`, or `[B, L, H, V]` with `layout: "BLHE"`. */
  readonly output: Tensor;
  /** `[B, H, L]`, with `returnLogSumExp`. */
  readonly logSumExp?: Tensor;
  /** `[B, H, L, S]`, with `returnWeights`. */
  readonly weights?: Tensor;
}

const names: ReadonlySet<string> = new Set([
  "mask",
  "bias",
  "causal",
  "queryOffset",
  "window",
  "kvLengths",
  "scale",
  "similarity",
  "layout",
  "returnWeights",
  "returnLogSumExp",
  "out",
  "signal",
  "engine",
]);

/** Checks the arguments and plans the call; nothing is written yet. */
export function attentionCall(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  options: AttentionOptions = {},
): Call<AttentionResult> {
  checkNames(options, names);
  const problem = readAttention(query, key, value, options, float32);
  const { B, H, L, S, V, rank } = problem;
  const layout = options.layout ?? "BHLE";
  const output = checkTarget("out", options.out, headShape(layout, [B, H, L, V], rank), [query, key, value]);
  const logSumExp = options.returnLogSumExp ? zeros([B, H, L].slice(4 - rank)) : undefined;
  const weights = options.returnWeights ? zeros([B, H, L, S].slice(4 - rank)) : undefined;
  const program = planAttention(problem, {
    output: output.data,
    outputLayout: headLayout(layout, [B, H, L, V]),
    logSumExp: logSumExp?.data,
    weights: weights?.data,
  });
  const result: { output: Tensor; logSumExp?: Tensor; weights?: Tensor } = { output };
  if (logSumExp) result.logSumExp = logSumExp;
  if (weights) result.weights = weights;
  return { program, result };
}

function zeros(shape: readonly number[]): Tensor {
  return new Tensor(new Float32Array(sizeOf(shape)), shape);
}
