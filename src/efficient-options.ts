// What the approximations of attention take, the engine's calls and the reference alike.

import type { Layout } from "./attention-options.ts";
import type { VectorLike } from "./tensor-like.ts";
import type { FloatTensor } from "./validate/floats.ts";

/** What Linformer's attention computes with, beside query, key and value. */
export interface LinformerScoreOptions<T = FloatTensor> {
  /** E of the paper: `[P, S]`, or `[K, P, S]` for a projection of each key/value head. */
  readonly keyProjection: T;
  /** F of the paper, of the same P. Default: the projection of the keys. */
  readonly valueProjection?: T | undefined;
  /** Factor on the scores. Default 1/sqrt(E), E being the head size. */
  readonly scale?: number | undefined;
  /** Where the heads are. Default `"BHLE"`. */
  readonly layout?: Layout | undefined;
}

/** What the Performer's attention computes with, beside query, key and value. */
export interface PerformerScoreOptions<T = FloatTensor> {
  /**
   * Directions of the random features, `[m, E]` as `orthogonalRandomFeatures` draws them, or how many to draw from which
   * seed. Drawing takes longer than a short call: where there are many calls, draw once and hand in the tensor.
   */
  readonly features: T | { readonly count: number; readonly seed?: number };
  /** Query i attends to keys 0 to i. Needs as many queries as keys. Default false. */
  readonly causal?: boolean | undefined;
  /** Added to every feature, whose largest of a row is 1. Default 1e-6, as in the paper's code. */
  readonly epsilon?: number | undefined;
  /** What softmax attention multiplies its scores by: a number above 0. Default 1/sqrt(E). */
  readonly scale?: number | undefined;
  /** Valid keys of each batch entry; those past them are never read. */
  readonly kvLengths?: VectorLike | undefined;
  /** Where the heads are. Default `"BHLE"`. */
  readonly layout?: Layout | undefined;
}
