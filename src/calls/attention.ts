// Scaled dot-product attention from arguments to program.

import type { ScoreOptions } from "../attention-options.ts";
import type { Call } from "../engine/program.ts";
import type { Runtime } from "../engine/runtime.ts";
import { planAttention } from "../plan/attention.ts";
import { type Tensor, zeros } from "../tensor.ts";
import type { TensorData, TensorLike } from "../tensor-like.ts";
import { type AttentionProblem, readAttention } from "../validate/attention.ts";
import { readCachedAttention } from "../validate/cached-attention.ts";
import { float32 } from "../validate/floats.ts";
import { headLayout, headShape } from "../validate/heads.ts";
import { checkFlag, checkNames, readOptions } from "../validate/options.ts";
import { checkTarget } from "../validate/target.ts";
import type { CallOptions } from "./call-options.ts";
import { cacheOf, type KeyArguments, optionsOf } from "./keys.ts";

/** Options of `scaledDotProductAttention`: what is computed, what is returned, and where it runs. */
export interface AttentionOptions extends ScoreOptions, CallOptions {
  /** Also return the weights, `[B, H, L, S]`. Default false. */
  readonly returnWeights?: boolean | undefined;
  /** Also return the natural logarithm of each row's sum of exponentials, `[B, H, L]`. Default false. */
  readonly returnLogSumExp?: boolean | undefined;
  /** Write the output into this tensor, of the output's shape, instead of making one. */
  readonly out?: TensorLike<Float32Array> | undefined;
}

/** What an attention returns. Dimensions that the query does not have are dropped. */
export interface AttentionResult {
  /** `[B, H, L, V]`, or `[B, L, H, V]` with `layout: "BLHE"`. */
  readonly output: Tensor;
  /** `[B, H, L]`, with `returnLogSumExp`. */
  readonly logSumExp?: Tensor;
  /** `[B, H, L, S]`, with `returnWeights`. */
  readonly weights?: Tensor;
  /** `[B, H, L, S]`, with `returnScores`. */
  readonly scores?: Tensor;
}

/** @internal Names of the options that say which weights an attention has. */
export const scoreNames: readonly string[] = [
  "mask",
  "bias",
  "causal",
  "queryOffset",
  "window",
  "kvLengths",
  "softcap",
  "alibiSlopes",
  "relativeBias",
  "sinks",
  "blockMask",
  "scale",
  "similarity",
  "layout",
];

const names: ReadonlySet<string> = new Set([
  ...scoreNames,
  "cuSeqlens",
  "returnScores",
  "returnWeights",
  "returnLogSumExp",
  "out",
  "signal",
  "engine",
]);

/** @internal Refuses an option that attention does not have. */
export function checkAttentionNames(options: AttentionOptions): void {
  checkNames(options, names);
}

/** @internal The options, each of them read once. */
export function readAttentionOptions(options: AttentionOptions): AttentionOptions {
  return readOptions(options, names);
}

/** @internal What comes after the query. */
export type AttentionArguments = KeyArguments<TensorLike, AttentionOptions>;

/** @internal Checks the arguments and plans the call on that engine; nothing is written yet. */
export function attentionCall(
  query: TensorLike,
  args: AttentionArguments,
  { memory, sizes }: Runtime,
): Call<AttentionResult> {
  const given = optionsOf(args);
  const cache = cacheOf(args, memory);
  // Only what is absent may be absent: null is refused.
  const options = readAttentionOptions(given === undefined ? {} : given);
  if (options.returnWeights !== undefined) checkFlag("returnWeights", options.returnWeights);
  if (options.returnLogSumExp !== undefined) checkFlag("returnLogSumExp", options.returnLogSumExp);
  const problem =
    cache === undefined
      ? readAttention(query, args[0] as TensorLike, args[1] as TensorLike, options, float32)
      : readCachedAttention(query, cache, options);
  const { B, H, L, S, V, rank, packed, query: heads } = problem;
  const layout = options.layout ?? "BHLE";
  const shape = packed ? [heads.length, H, V] : headShape(layout, [B, H, L, V], rank);
  const { tensor: output, data } = checkTarget(
    "out",
    options.out,
    shape,
    options.out === undefined ? [] : inputsOf(problem),
  );
  const rows = packed ? [H, heads.length] : [B, H, L].slice(4 - rank);
  const logSumExp = options.returnLogSumExp ? zeros(rows) : undefined;
  const weights = options.returnWeights ? zeros([...rows, S]) : undefined;
  const scores = options.returnScores ? zeros([...rows, S]) : undefined;
  const program = planAttention(
    problem,
    {
      output: data,
      outputLayout: packed
        ? { ...headLayout("BLHE", [1, H, heads.length, V]), batchStride: 0 }
        : headLayout(layout, [B, H, L, V]),
      logSumExp: logSumExp?.data,
      weights: weights?.data,
      scores: scores?.data,
      scoreStage: options.returnScores,
    },
    sizes,
  );
  const result: { output: Tensor; logSumExp?: Tensor; weights?: Tensor; scores?: Tensor } = { output };
  if (logSumExp) result.logSumExp = logSumExp;
  if (weights) result.weights = weights;
  if (scores) result.scores = scores;
  return { program, result, signal: options.signal, engine: options.engine };
}

/** What is read while the output is written. */
function inputsOf({ query, key, value, mask, bias }: AttentionProblem): TensorData[] {
  return [query, key, value, mask, bias].flatMap((input) => (input ? [input.data] : []));
}
