import {
  type AttentionStatistics,
  type StatisticsArguments,
  type StatisticsOptions,
  statisticsCall,
} from "../calls/attention-statistics.ts";
import { engineForKeys } from "../default-engine.ts";
import type { KVCache } from "../kv-cache.ts";
import type { TensorLike } from "../tensor-like.ts";
import { measureDistances } from "./distances.ts";

export type { AttentionStatistics, StatisticsOptions } from "../calls/attention-statistics.ts";

/**
 * What an attention looks at, in numbers, off the event loop: with its weights w[i][j] = softmax(scores)[i][j], for each row
 * the entropy -sum_j w ln w in nats (Shannon 1948; from 0, one key, to ln S, all keys alike) and the largest weights
 * with their keys; for each head the mass that every key and every distance receives. The matrix of weights is never
 * made: beside inputs and results this takes at most 16 times L + 2 S floats a head, and a third more time than attention
 * over the same heads.
 *
 * The mass of a sink is no key's, so a row's weights may sum to less than 1. A row with no key to attend to has entropy 0 and
 * no top keys. A row whose weights are NaN has a NaN entropy, no top keys, and NaN for their weights; it makes the
 * mass of the keys and diagonals that it attends NaN.
 *
 * @param query `[B, H, L, E]`, `[H, L, E]` or `[L, E]`; with `layout: "BLHE"` `[B, L, H, E]`, `[L, H, E]`
 * @param key `[B, K, S, E]`, of query's rank; K divides H. Or a `KVCache` in place of key and value: the queries are then
 *   its last tokens, its engine computes, and there is an `output`
 * @param value `[B, K, S, V]`, or `undefined`: no weight depends on it. With it there is an `output` too
 * @param options those of `scaledDotProductAttention` but `cuSeqlens`, `out` and what it returns; and `topK`
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for arguments that do not fit, `ERR_MEMORY`; nothing
 *   is written then. An abort rejects with the signal's reason.
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { attentionStatistics } from "wasm-attention/inspect";
 * const x = tensor([20, 0, 0, 0, 20, 0, 20, 0, 0], [3, 3]); // the first and the last are alike
 * const { entropy, topKeys, keyMass } = await attentionStatistics(x, x, undefined, { topK: 2 });
 * console.log(topKeys.data); // Int32Array(6) [ 0, 2, 1, -1, 0, 2 ]
 * console.log(entropy.data[0]?.toFixed(4), keyMass.data); // 0.6931 Float32Array(3) [ 1, 1, 1 ]
 * ```
 */
export function attentionStatistics(
  query: TensorLike,
  key: TensorLike,
  value?: TensorLike,
  options?: StatisticsOptions,
): Promise<AttentionStatistics>;
export function attentionStatistics(
  query: TensorLike,
  cache: KVCache,
  options?: StatisticsOptions,
): Promise<AttentionStatistics>;
export async function attentionStatistics(
  query: TensorLike,
  key: TensorLike | KVCache,
  value?: TensorLike | StatisticsOptions,
  options?: StatisticsOptions,
): Promise<AttentionStatistics> {
  const { runtime } = engineForKeys(key, value, options);
  const call = statisticsCall(query, [key, value, options] as StatisticsArguments, runtime);
  const { statistics, offsets } = await runtime.run(call, call.signal);
  return { ...statistics, ...measureDistances(statistics, offsets) };
}

/**
 * The same here and now: `attentionStatistics` on the calling thread, which the pool helps where that pays.
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { attentionStatisticsSync } from "wasm-attention/inspect";
 * const x = tensor(new Float32Array(4 * 100 * 64), [4, 100, 64]);
 * const { meanDistance } = attentionStatisticsSync(x, x, undefined, { causal: true, window: [3, 0] });
 * console.log(meanDistance.data[0]?.toFixed(4)); // 1.4700
 * ```
 */
export function attentionStatisticsSync(
  query: TensorLike,
  key: TensorLike,
  value?: TensorLike,
  options?: StatisticsOptions,
): AttentionStatistics;
export function attentionStatisticsSync(
  query: TensorLike,
  cache: KVCache,
  options?: StatisticsOptions,
): AttentionStatistics;
export function attentionStatisticsSync(
  query: TensorLike,
  key: TensorLike | KVCache,
  value?: TensorLike | StatisticsOptions,
  options?: StatisticsOptions,
): AttentionStatistics {
  const { runtime } = engineForKeys(key, value, options);
  const call = statisticsCall(query, [key, value, options] as StatisticsArguments, runtime);
  const { statistics, offsets } = runtime.runSync(call);
  return { ...statistics, ...measureDistances(statistics, offsets) };
}
