import type { BlockMask } from "./block-mask.ts";
import type { TensorData, TensorLike, VectorLike } from "./tensor-like.ts";

/** A mask: `Uint8Array` data is boolean (1 = attend), `Float32Array` data is added to the scores. */
export type MaskLike = TensorLike<Uint8Array> | TensorLike<Float32Array>;

/** How query and key are compared before scaling. */
export type Similarity = "dot" | "cosine" | "root-norm";

/** Dimension order of query, key, value and output: heads first, or as a projection writes them. */
export type Layout = "BHLE" | "BLHE";

/** Where packed sequences start: `[0, length 0, length 0 + length 1, ..., total]`, B + 1 numbers each. */
export interface CuSeqlens {
  readonly query: VectorLike;
  readonly key: VectorLike;
}

/** T5's learned bias by distance. */
export interface RelativeBias {
  /** `[buckets, H]`: what each query head adds to scores whose distance falls into the bucket. */
  readonly table: TensorLike<Float32Array>;
  /** Whether keys after the query have buckets of their own (an encoder). Default `true`. */
  readonly bidirectional?: boolean | undefined;
  /** Distances from here on share the last bucket. Default 128. */
  readonly maxDistance?: number | undefined;
}

/**
 * What shapes the scores of an attention: the part of the options that says *what* is computed.
 * Shape letters: B batch, H query heads, K key/value heads, L query length, S key/value length,
 * E head size of query and key, V head size of value.
 */
export interface ScoreOptions {
  /** Boolean (1 = attend) or additive mask, right-aligned broadcast to `[B, H, L, S]`. */
  readonly mask?: MaskLike | undefined;
  /** Added to the scores, right-aligned broadcast to `[B, H, L, S]`; may accompany either kind of mask. */
  readonly bias?: TensorLike<Float32Array> | undefined;
  /** `true` and `"top-left"`: key j is allowed for query i where j <= i; `"bottom-right"`: where j <= i + S - L. */
  readonly causal?: boolean | "top-left" | "bottom-right" | undefined;
  /** Position of query 0 among the keys: a number, one per batch entry, or `"bottom-right"`. Default 0. */
  readonly queryOffset?: number | VectorLike | "bottom-right" | undefined;
  /** `[left, right]`: key j is allowed for position p where p - left <= j <= p + right; -1 = unbounded. */
  readonly window?: readonly [left: number, right: number] | undefined;
  /** How many of the S keys are valid, one number per batch entry. Keys past them are never read. */
  readonly kvLengths?: VectorLike | undefined;
  /** Packed sequences of different lengths over `[total, H, E]`, instead of a batch. */
  readonly cuSeqlens?: CuSeqlens | undefined;
  /** Scores become softcap * tanh(score / softcap). 0 (the default) = none. */
  readonly softcap?: number | undefined;
  /** One slope per query head: -slope * |position - key| is added to the scores. See `alibiSlopes`. */
  readonly alibiSlopes?: VectorLike | undefined;
  /** T5's learned bias by distance. */
  readonly relativeBias?: RelativeBias | undefined;
  /** One score per query head that joins the softmax and carries no value. */
  readonly sinks?: VectorLike | undefined;
  /** Which blocks of scores exist at all: from `createBlockMask`. */
  readonly blockMask?: BlockMask | undefined;
  /** Also return the scores: scaled, after softcap, or with all that is added and excluded. */
  readonly returnScores?: "scaled" | "capped" | "biased" | undefined;
  /** Factor on the similarity. Default 1/sqrt(E) for `"dot"`, 1 for the others. */
  readonly scale?: number | undefined;
  /** How query and key are compared. Default `"dot"`. */
  readonly similarity?: Similarity | undefined;
  /** `"BHLE"` (default) or `"BLHE"`. */
  readonly layout?: Layout | undefined;
}

/** A tensor of any element type the package reads. */
export type AnyTensor = TensorLike<TensorData>;
