import type { ScoreOptions } from "./attention-options.ts";

/** Options of `attentionStatistics` that say what is computed: those of an attention, and how many edges are listed. */
export interface StatisticsScoreOptions extends Omit<ScoreOptions, "cuSeqlens" | "returnScores"> {
  /** How many of a row's largest weights are listed with their keys, from 1 to 16. Default 1. */
  readonly topK?: number | undefined;
}

/** The statistics of an attention; `T` are tensors of floats, `K` of keys. Dimensions that the query does not have are dropped. */
export interface StatisticsOf<T, K> {
  /** `[B, H, L]`: natural logarithm of a row's sum of exponentials, the sink's included. */
  readonly logSumExp: T;
  /** `[B, H, L]`: -sum_j w_j ln w_j over a row's keys, in nats; 0 ln 0 = 0. */
  readonly entropy: T;
  /**
   * `[B, H, L, topK]`: the keys of a row's largest weights, the largest first, of equal ones the first key first. -1 where
   * fewer keys have a weight above 0.
   */
  readonly topKeys: K;
  /** `[B, H, L, topK]`: those weights; 0 where there is no key. */
  readonly topWeights: T;
  /** `[B, H, S]`: what a key receives, the sum of its weights over the rows. */
  readonly keyMass: T;
  /** `[B, H, L + S - 1]`: the sum of the weights along each diagonal; element n is that of keys j and queries i with j - i = n - (L - 1). */
  readonly diagonalMass: T;
  /**
   * `[B, H, buckets]`: the same by distance |p - j| between key j and the position p of the query (`queryOffset` included).
   * Bucket 0 is distance 0, bucket n > 0 are distances from 2^(n-1) to 2^n - 1; there are as many as the farthest key needs.
   */
  readonly distanceHistogram: T;
  /** `[B, H]`: the mean of |p - j|, weighted by the weights; 0 for a head without any. */
  readonly meanDistance: T;
  /** The attention itself, as `scaledDotProductAttention` gives it, where there is a value. */
  readonly output?: T | undefined;
}
