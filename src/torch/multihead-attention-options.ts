import type { Engine } from "../engine.ts";
import type { TorchMask } from "./scaled-dot-product-attention.ts";

/** The constructor's arguments that PyTorch takes by keyword, and two of this package: `seed` and `engine`. */
export interface MultiheadAttentionOptions {
  /** Read, and without effect: this is inference. Default 0. */
  readonly dropout?: number | undefined;
  /** Whether projections have a bias. Default true. */
  readonly bias?: boolean | undefined;
  /** Append one learned key and value to every sequence. Default false. */
  readonly add_bias_kv?: boolean | undefined;
  /** Append a key and a value of zeros. Default false. */
  readonly add_zero_attn?: boolean | undefined;
  /** Sizes of a key and of a value token. Default embed_dim. */
  readonly kdim?: number | null | undefined;
  readonly vdim?: number | null | undefined;
  /** Tensors are `[B, L, E]` instead of `[L, B, E]`. Default false, as in PyTorch. */
  readonly batch_first?: boolean | undefined;
  /** Seed of the weights a layer starts with. Default 0. */
  readonly seed?: number | undefined;
  /** The engine that computes. Default: one that is made on first use. */
  readonly engine?: Engine | undefined;
}

/** Arguments of `forward` that PyTorch takes by keyword. */
export interface MultiheadAttentionForwardOptions {
  /** `[B, S]`, unbatched `[S]`: boolean (1 = ignore this key), or added to the scores. */
  readonly key_padding_mask?: TorchMask | null | undefined;
  /** Also return the weights. Default true, as in PyTorch; without them nothing of size L x S is made. */
  readonly need_weights?: boolean | undefined;
  /** `[L, S]` or `[B*H, L, S]`: boolean (1 = ignore), or added to the scores. */
  readonly attn_mask?: TorchMask | null | undefined;
  /** Average the weights over the heads. Default true. */
  readonly average_attn_weights?: boolean | undefined;
  /** A hint that `attn_mask`, which must be there, is the causal mask. Default false. */
  readonly is_causal?: boolean | undefined;
}
