/**
 * Attention as PyTorch spells it, for porting line by line: argument names, defaults and mask polarity are PyTorch's.
 *
 * @module
 */
export type { StateDict } from "../layer/weights.ts";
export { MultiheadAttention } from "./multihead-attention.ts";
export type {
  MultiheadAttentionForwardOptions,
  MultiheadAttentionOptions,
} from "./multihead-attention-options.ts";
export {
  type ScaledDotProductAttentionOptions,
  scaled_dot_product_attention,
  scaled_dot_product_attention_async,
  type TorchMask,
} from "./scaled-dot-product-attention.ts";
