import { AttentionError } from "../errors.ts";
import type { TensorLike } from "../tensor-like.ts";
import { type FloatTensor, readFloats } from "./floats.ts";
import { checkNumber } from "./options.ts";

/** T5's learned bias by distance. */
export interface RelativeBias {
  /** `[buckets, H]`: what each query head adds to scores whose distance falls into the bucket. */
  readonly table: TensorLike<Float32Array>;
  /** Whether keys after the query have buckets of their own (an encoder). Default `true`. */
  readonly bidirectional?: boolean;
  /** Distances from here on share the last bucket. Default 128. */
  readonly maxDistance?: number;
}

/** A relative bias whose defaults are filled in. */
export interface BucketTable {
  readonly data: ArrayLike<number>;
  readonly heads: number;
  readonly buckets: number;
  readonly bidirectional: boolean;
  readonly maxDistance: number;
}

/** Checks a relative bias for `H` query heads. */
export function readRelativeBias(bias: RelativeBias, H: number): BucketTable {
  const { data, shape } = readFloats("relativeBias.table", bias.table as FloatTensor);
  const [buckets = 0, heads] = shape;
  const bidirectional = bias.bidirectional ?? true;
  const maxDistance = bias.maxDistance ?? 128;
  if (shape.length !== 2 || heads !== H)
    throw new AttentionError(
      "ERR_SHAPE",
      `"relativeBias.table" expected shape [buckets, H=${H}], got [${shape.join(", ")}]`,
    );
  const exact = Math.floor(buckets / (bidirectional ? 4 : 2));
  if (exact < 1)
    throw new AttentionError(
      "ERR_SHAPE",
      `"relativeBias.table" expected at least ${bidirectional ? 4 : 2} buckets, got ${buckets}`,
    );
  // Up to there each distance has its own bucket, and the logarithm of the formula is not positive.
  checkNumber("relativeBias.maxDistance", maxDistance, exact + 1);
  return { data, heads: H, buckets, bidirectional, maxDistance };
}
