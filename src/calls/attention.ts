// Scaled dot-product attention from arguments to program.

import type { ScoreOptions } from "../attention-options.ts";
import { checkSameMemory, stateOf } from "../cache/handle.ts";
import type { Call } from "../engine/program.ts";
import type { Runtime } from "../engine/runtime.ts";
import { AttentionError } from "../errors.ts";
import type { KVCache } from "../kv-cache.ts";
import { planAttention } from "../plan/attention.ts";
import { Tensor } from "../tensor.ts";
import { sizeOf, type TensorLike } from "../tensor-like.ts";
import { readAttention } from "../validate/attention.ts";
import { readCachedAttention } from "../validate/cached-attention.ts";
import { float32 } from "../validate/floats.ts";
import { headLayout, headShape } from "../validate/heads.ts";
import { checkFlag, checkNames } from "../validate/options.ts";
import { checkTarget } from "../validate/target.ts";
import type { CallOptions } from "./call-options.ts";

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

const names: ReadonlySet<string> = new Set([
  "mask",
  "bias",
  "causal",
  "queryOffset",
  "window",
  "kvLengths",
  "cuSeqlens",
  "softcap",
  "alibiSlopes",
  "relativeBias",
  "sinks",
  "blockMask",
  "returnScores",
  "scale",
  "similarity",
  "layout",
  "returnWeights",
  "returnLogSumExp",
  "out",
  "signal",
  "engine",
]);

/** @internal Key, value and options; or a cache and options. */
export type AttentionArguments =
  | readonly [key: TensorLike, value: TensorLike, options?: AttentionOptions]
  | readonly [cache: KVCache, options?: AttentionOptions];

/** @internal The options, whichever form the arguments have. */
export function optionsOf(args: AttentionArguments): AttentionOptions | undefined {
  return (stateOf(args[0]) === undefined ? args[2] : args[1]) as AttentionOptions | undefined;
}

/** @internal Checks the arguments and plans the call on that engine; nothing is written yet. */
export function attentionCall(
  query: TensorLike,
  args: AttentionArguments,
  { memory, sizes }: Runtime,
): Call<AttentionResult> {
  const given = optionsOf(args);
  // Only what is absent may be absent: null is refused.
  const options = given === undefined ? {} : given;
  const cache = stateOf(args[0]);
  const [key, value] = args as readonly TensorLike[];
  if (cache !== undefined) {
    checkSameMemory(cache, memory);
    if (args[2] !== undefined || (options !== null && "data" in options))
      throw new AttentionError(
        "ERR_OPTION",
        "beside a cache options are the third argument, and there is no fourth",
      );
  }
  checkNames(options, names);
  if (options.returnWeights !== undefined) checkFlag("returnWeights", options.returnWeights);
  if (options.returnLogSumExp !== undefined) checkFlag("returnLogSumExp", options.returnLogSumExp);
  const problem =
    cache === undefined
      ? readAttention(query, key!, value!, options, float32)
      : readCachedAttention(query, cache, options);
  const { B, H, L, S, V, rank, packed, query: heads } = problem;
  const layout = options.layout ?? "BHLE";
  const shape = packed ? [heads.length, H, V] : headShape(layout, [B, H, L, V], rank);
  const inputs = cache === undefined ? [key!, value!] : [];
  const output = checkTarget("out", options.out, shape, [query, ...inputs, options.mask, options.bias]);
  const rows = packed ? [H, heads.length] : [B, H, L].slice(4 - rank);
  const logSumExp = options.returnLogSumExp ? zeros(rows) : undefined;
  const weights = options.returnWeights ? zeros([...rows, S]) : undefined;
  const scores = options.returnScores ? zeros([...rows, S]) : undefined;
  const program = planAttention(
    problem,
    {
      output: output.data,
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
  return { program, result };
}

function zeros(shape: readonly number[]): Tensor {
  return new Tensor(new Float32Array(sizeOf(shape)), shape);
}
