import type { AttentionPart, MergedAttention, MergeOptions } from "./calls/merge-attention.ts";
import { engineFor } from "./default-engine.ts";

export type { AttentionPart, MergedAttention, MergeOptions } from "./calls/merge-attention.ts";

/**
 * Attention over disjoint sets of keys becomes attention over all of them, off the event loop: with m = max l and
 * w = e^(l - m) of the parts' logSumExp l, output = sum w o / sum w and logSumExp = m + ln sum w. This is exact: the
 * step from block to block of the online softmax ("Online normalizer calculation for softmax", Milakov and Gimelshein,
 * 2018), only that the blocks may come from anywhere: other calls, engines, threads or machines.
 *
 * A part without keys (logSumExp -infinity) weighs nothing, whatever its output holds; without any key the output is 0
 * and logSumExp -infinity. NaN in a part that has keys makes the row NaN, and so does a logSumExp of +infinity, as an
 * infinite score does. Options that say which keys a query sees, or what is added to their scores, hold in every part,
 * with positions moved along (`queryOffset`); `sinks` belong to one part only, as they would be counted once for each.
 *
 * @param parts `{ output, logSumExp }` each, as `scaledDotProductAttention` gives them with `returnLogSumExp`: output
 *   `[B, H, L, V]`, `[H, L, V]` or `[L, V]`, with `layout: "BLHE"` `[B, L, H, V]`, `[L, H, V]`; logSumExp, a natural
 *   logarithm, `[B, H, L]`, `[H, L]` or `[L]`. Packed sequences are the rank 3 of `"BLHE"`
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for arguments that do not fit, `ERR_MEMORY`; nothing
 *   is written then. An abort rejects with the signal's reason.
 *
 * @example
 * ```ts
 * import { mergeAttention, tensor } from "wasm-attention";
 * const one = { output: tensor([10], [1, 1]), logSumExp: tensor([Math.log(3)], [1]) }; // three keys of score 0
 * const other = { output: tensor([50], [1, 1]), logSumExp: tensor([0], [1]) }; // a fourth
 * const { output, logSumExp } = await mergeAttention([one, other]);
 * console.log(output.data[0]?.toFixed(4), Math.exp(logSumExp.data[0] ?? 0).toFixed(4)); // 20.0000 4.0000
 * ```
 */
export async function mergeAttention(
  parts: readonly AttentionPart[],
  options?: MergeOptions,
): Promise<MergedAttention> {
  return engineFor(options).mergeAttention(parts, options);
}

/**
 * The same here and now: `mergeAttention` on the calling thread, which the pool helps where that pays.
 *
 * @example
 * ```ts
 * import { mergeAttentionSync, scaledDotProductAttentionSync, tensor } from "wasm-attention";
 * const query = tensor([1, 0], [1, 2]);
 * const attend = (keys: number[], values: number[]) =>
 *   scaledDotProductAttentionSync(query, tensor(keys, [2, 2]), tensor(values, [2, 1]), { returnLogSumExp: true });
 * const parts = [attend([0, 0, 0, 1], [1, 2]), attend([0, 2, 0, 3], [3, 4])]; // four keys of the same score
 * console.log(mergeAttentionSync(parts).output.data); // Float32Array(1) [ 2.5 ]
 * ```
 */
export function mergeAttentionSync(parts: readonly AttentionPart[], options?: MergeOptions): MergedAttention {
  return engineFor(options).mergeAttentionSync(parts, options);
}
