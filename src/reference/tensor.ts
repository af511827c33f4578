import { sizeOf } from "../tensor-like.ts";
import type { FloatTensor } from "../validate/floats.ts";

/**
 * What the reference reads: float32, as everywhere in this package, or float64, so that its own
 * results can go in again without a rounding in between.
 */
export type ReferenceInput = FloatTensor;

/** What the reference returns: row-major float64. */
export interface ReferenceTensor {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}

/** A tensor of zeros to be filled. */
export function zeros(shape: readonly number[]): ReferenceTensor {
  return { data: new Float64Array(sizeOf(shape)), shape };
}
