import type { EfficientAttentionResult } from "../calls/efficient-attention.ts";
import { type LinformerOptions, linformerCall } from "../calls/linformer.ts";
import { engineFor } from "../default-engine.ts";
import type { TensorLike } from "../tensor-like.ts";

export type { LinformerOptions } from "../calls/linformer.ts";

/**
 * softmax(scale Q (E K)^T) (F V), off the event loop: "Linformer: Self-Attention with Linear Complexity" (Wang et al.
 * 2020). Projections E and F shorten keys and values from S rows to P, and attention over P rows follows, so time and
 * memory grow with L + S. Every projected key is a mixture of all keys, hence there is no causal form, and a key that is
 * padding must be a row of zeros, as must its value.
 *
 * E and F are trained with the model. Query heads share key/value heads in groups as in `scaledDotProductAttention`.
 *
 * @param query `[B, H, L, E]`, `[H, L, E]` or `[L, E]`; with `layout: "BLHE"` `[B, L, H, E]`, `[L, H, E]`
 * @param key `[B, K, S, E]`, of query's rank; K divides H
 * @param value `[B, K, S, V]`
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for arguments that do not fit, `ERR_MEMORY`; nothing
 *   is written then. An abort rejects with the signal's reason.
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { linformerAttention } from "wasm-attention/efficient";
 * const query = tensor([1, 0], [1, 2]);
 * const key = tensor([1, 0, 1, 0, 0, 1, 0, 1], [4, 2]); // pairs of equal keys: the mean of a pair loses nothing
 * const value = tensor([1, 3, 5, 7], [4, 1]);
 * const keyProjection = tensor([0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5], [2, 4]);
 * const { output } = await linformerAttention(query, key, value, { keyProjection });
 * console.log(output.data[0]?.toFixed(4)); // 3.3210
 * ```
 */
export async function linformerAttention(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  options: LinformerOptions,
): Promise<EfficientAttentionResult> {
  const { runtime } = engineFor(options);
  const call = linformerCall(query, key, value, options, runtime.sizes);
  return runtime.run(call, call.signal);
}

/**
 * The same here and now: `linformerAttention` on the calling thread, which the pool helps where that pays.
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { linformerAttentionSync, randomProjection } from "wasm-attention/efficient";
 * const x = tensor(new Float32Array(8 * 1024 * 64), [8, 1024, 64]);
 * const keyProjection = randomProjection(128, 1024);
 * const { output } = linformerAttentionSync(x, x, x, { keyProjection });
 * console.log(output.shape); // [ 8, 1024, 64 ]
 * ```
 */
export function linformerAttentionSync(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  options: LinformerOptions,
): EfficientAttentionResult {
  const { runtime } = engineFor(options);
  return runtime.runSync(linformerCall(query, key, value, options, runtime.sizes));
}
