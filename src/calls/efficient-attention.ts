// What the calls of attention's approximations share.

import type { Layout } from "../attention-options.ts";
import type { Tensor } from "../tensor.ts";
import type { TensorData, TensorLike } from "../tensor-like.ts";
import type { AttentionHeads } from "../validate/attention.ts";
import { type HeadLayout, headLayout, headShape } from "../validate/heads.ts";
import { checkTarget, type Target } from "../validate/target.ts";

/** What an approximation of attention returns. */
export interface EfficientAttentionResult {
  /** `[B, H, L, V]`, or `[B, L, H, V]` with `layout: "BLHE"`; dimensions that the query does not have are dropped. */
  readonly output: Tensor;
}

/** @internal The tensor that the output goes into, and where its heads are. */
export function outputOf(
  { B, H, L, V, rank, query, key, value }: AttentionHeads,
  { layout = "BHLE", out }: { readonly layout?: Layout; readonly out?: TensorLike<Float32Array> },
  others: readonly TensorData[],
): Target & { readonly layout: HeadLayout } {
  const sizes = [B, H, L, V] as const;
  const inputs = [query.data, key.data, value.data, ...others];
  return {
    ...checkTarget("out", out, headShape(layout, sizes, rank), inputs),
    layout: headLayout(layout, sizes),
  };
}
