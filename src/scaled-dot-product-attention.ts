import type { AttentionOptions, AttentionResult } from "./calls/attention.ts";
import { engineForKeys } from "./default-engine.ts";
import type { KVCache } from "./kv-cache.ts";
import type { TensorLike } from "./tensor-like.ts";

export type { AttentionOptions, AttentionResult } from "./calls/attention.ts";

/**
 * softmax(scale Q K^T + mask) V, off the event loop: "Attention Is All You Need" (Vaswani et al., 2017), computed by
 * blocks with the online softmax, so that no L x S matrix exists unless `returnWeights` asks for it.
 *
 * Query heads share key/value heads in groups: head h uses head floor(h / (H/K)). A query with no key to attend to
 * gives output 0, weights 0 and logSumExp -infinity. Inputs up to 4 MiB are copied before the call returns; larger
 * ones must not be changed until it settles; tensors of the engine are not copied at all.
 *
 * @param query `[B, H, L, E]`, `[H, L, E]` or `[L, E]`; with `layout: "BLHE"` `[B, L, H, E]`, `[L, H, E]`
 * @param key `[B, K, S, E]`, of query's rank; K divides H. Or a `KVCache` in place of key and value: the queries are then
 *   its last tokens (`queryOffset` is each entry's length - L), and its engine computes
 * @param value `[B, K, S, V]`
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for arguments that do not fit, `ERR_MEMORY`; nothing
 *   is written then. An abort rejects with the signal's reason.
 *
 * @example
 * ```ts
 * import { scaledDotProductAttention, tensor } from "wasm-attention";
 * const query = tensor([1, 0, 0, 1], [2, 2]);
 * const value = tensor([10, 20], [2, 1]);
 * const { output } = await scaledDotProductAttention(query, query, value, { causal: true });
 * console.log(output.data); // Float32Array(2) [ 10, 16.697614669799805 ]
 * ```
 */
export function scaledDotProductAttention(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  options?: AttentionOptions,
): Promise<AttentionResult>;
export function scaledDotProductAttention(
  query: TensorLike,
  cache: KVCache,
  options?: AttentionOptions,
): Promise<AttentionResult>;
export async function scaledDotProductAttention(
  query: TensorLike,
  key: TensorLike | KVCache,
  value?: TensorLike | AttentionOptions,
  options?: AttentionOptions,
): Promise<AttentionResult> {
  const engine = engineForKeys(key, value, options);
  return engine.scaledDotProductAttention(query, key as TensorLike, value as TensorLike, options);
}

/**
 * The same here and now: `scaledDotProductAttention` on the calling thread, which the pool helps where that pays.
 *
 * @example
 * ```ts
 * import { scaledDotProductAttentionSync, tensor } from "wasm-attention";
 * const x = tensor(new Float32Array(12 * 64), [12, 64]);
 * const { output, weights } = scaledDotProductAttentionSync(x, x, x, { returnWeights: true });
 * console.log(output.shape, weights?.shape); // [ 12, 64 ] [ 12, 12 ]
 * ```
 */
export function scaledDotProductAttentionSync(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  options?: AttentionOptions,
): AttentionResult;
export function scaledDotProductAttentionSync(
  query: TensorLike,
  cache: KVCache,
  options?: AttentionOptions,
): AttentionResult;
export function scaledDotProductAttentionSync(
  query: TensorLike,
  key: TensorLike | KVCache,
  value?: TensorLike | AttentionOptions,
  options?: AttentionOptions,
): AttentionResult {
  const engine = engineForKeys(key, value, options);
  return engine.scaledDotProductAttentionSync(query, key as TensorLike, value as TensorLike, options);
}
