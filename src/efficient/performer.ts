import type { EfficientAttentionResult } from "../calls/efficient-attention.ts";
import { type PerformerOptions, performerCall } from "../calls/performer.ts";
import { engineFor } from "../default-engine.ts";
import type { TensorLike } from "../tensor-like.ts";

export type { PerformerOptions } from "../calls/performer.ts";

/**
 * Softmax attention estimated with positive orthogonal random features, off the event loop: FAVOR+ of "Rethinking
 * Attention with Performers" (Choromanski et al. 2021). e^(scale q.k) is the mean of phi(q) phi(k) over random directions
 * w, phi(x) = e^(w.x' - |x'|^2 / 2) with x' = sqrt(scale) x, so that
 *
 *   output = phi(Q) (phi(K)^T V) / phi(Q) (phi(K)^T 1)
 *
 * needs no L x S matrix: time and memory grow with L + S. The error falls as 1/sqrt(m), and grows fast with the length of
 * queries and keys (docs/efficient-attention.md has figures).
 *
 * Features are divided by the largest of their row and the weights of the keys by the largest of their head (`causal`: of
 * the keys so far), which cancels: scores of 1e3 and more neither overflow nor give NaN, and the output stays a mean of
 * values. `epsilon` keeps its denominator above 0 where the features of a query and all keys have nothing in common; such
 * queries tend towards the mean of all values. With no valid key the output is 0.
 *
 * @param query `[B, H, L, E]`, `[H, L, E]` or `[L, E]`; with `layout: "BLHE"` `[B, L, H, E]`, `[L, H, E]`
 * @param key `[B, K, S, E]`, of query's rank; K divides H. With `causal` S is L
 * @param value `[B, K, S, V]`
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for arguments that do not fit, `ERR_MEMORY`; nothing
 *   is written then. An abort rejects with the signal's reason.
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { orthogonalRandomFeatures, performerAttention } from "wasm-attention/efficient";
 * const query = tensor([1, 0, 0, 1], [2, 2]);
 * const value = tensor([10, 20], [2, 1]);
 * const features = orthogonalRandomFeatures(4096, 2, 1);
 * const { output } = await performerAttention(query, query, value, { features });
 * console.log(Array.from(output.data, (x) => x.toFixed(1))); // [ '13.3', '16.6' ]
 * ```
 */
export async function performerAttention(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  options: PerformerOptions,
): Promise<EfficientAttentionResult> {
  const { runtime } = engineFor(options);
  const call = performerCall(query, key, value, options, runtime.sizes);
  return runtime.run(call, call.signal);
}

/**
 * The same here and now: `performerAttention` on the calling thread, which the pool helps where that pays.
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { performerAttentionSync } from "wasm-attention/efficient";
 * const x = tensor(new Float32Array(8 * 1024 * 64), [8, 1024, 64]);
 * const { output } = performerAttentionSync(x, x, x, { features: { count: 256, seed: 1 } });
 * console.log(output.shape); // [ 8, 1024, 64 ]
 * ```
 */
export function performerAttentionSync(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  options: PerformerOptions,
): EfficientAttentionResult {
  const { runtime } = engineFor(options);
  return runtime.runSync(performerCall(query, key, value, options, runtime.sizes));
}
