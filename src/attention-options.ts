import type { TensorData, TensorLike, VectorLike } from "./tensor-like.ts";

/** A mask: `Uint8Array` data is boolean (1 = attend), `Float32Array` data is added to the scores. */
export type MaskLike = TensorLike<Uint8Array> | TensorLike<Float32Array>;

/** How query and key are compared before scaling. */
export type Similarity = "dot" | "cosine" | "root-norm";

/** Dimension order of query, key, value and output: heads first, or as a projection writes them. */
export type Layout = "BHLE" | "BLHE";

/**
 * What shapes the scores of an attention: the part of the options that says *what* is computed.
 * Shape letters: B batch, H query heads, K key/value heads, L query length, S key/value length,
 * E head size of query and key, V head size of value.
 */
export interface ScoreOptions {
  /** Boolean (1 = attend) or additive mask, right-aligned broadcast to `[B, H, L, S]`. */
  readonly mask?: MaskLike;
  /** Added to the scores, right-aligned broadcast to `[B, H, L, S]`; may accompany either kind of mask. */
  readonly bias?: TensorLike<Float32Array>;
  /** `true` and `"top-left"`: key j is allowed for query i where j <= i; `"bottom-right"`: where j <= i + S - L. */
  readonly causal?: boolean | "top-left" | "bottom-right";
  /** Position of query 0 among the keys: a number, one per batch entry, or `"bottom-right"`. Default 0. */
  readonly queryOffset?: number | VectorLike | "bottom-right";
  /** Factor on the similarity. Default 1/sqrt(E) for `"dot"`, 1 for the others. */
  readonly scale?: number;
  /** How query and key are compared. Default `"dot"`. */
  readonly similarity?: Similarity;
  /** `"BHLE"` (default) or `"BLHE"`. */
  readonly layout?: Layout;
}

/** A tensor of any element type the package reads. */
export type AnyTensor = TensorLike<TensorData>;
