import type { RelativeBias } from "../attention-options.ts";
import { logarithm } from "../elementary.ts";
import { AttentionError } from "../errors.ts";
import { readFloats } from "./floats.ts";
import { checkFlag, checkMost, checkWhole, readOptions } from "./options.ts";

/** A relative bias whose defaults are filled in. */
export interface BucketTable {
  readonly data: ArrayLike<number>;
  readonly heads: number;
  readonly buckets: number;
  readonly bidirectional: boolean;
  readonly maxDistance: number;
}

/**
 * The bucket of a distance: "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
 * Transformer" (Raffel et al., 2020), as its published code computes it. Half of the buckets hold one
 * distance each, the other half grow logarithmically up to `maxDistance`.
 *
 * @param distance key position minus query position
 */
export function relativeBucket(
  distance: number,
  buckets: number,
  bidirectional: boolean,
  maxDistance: number,
): number {
  if (bidirectional) {
    const half = Math.floor(buckets / 2);
    return (distance > 0 ? half : 0) + distanceBucket(Math.abs(distance), half, maxDistance);
  }
  // One direction only: every key after the query counts as distance 0.
  return distanceBucket(Math.max(-distance, 0), buckets, maxDistance);
}

function distanceBucket(distance: number, buckets: number, maxDistance: number): number {
  const exact = Math.floor(buckets / 2);
  if (distance < exact) return distance;
  const growth = logarithm(distance / exact) / logarithm(maxDistance / exact);
  // Where the quotient is a whole number, rounded logarithms may leave it a last bit short of it.
  return Math.min(exact + Math.floor(growth * (buckets - exact) + 1e-9), buckets - 1);
}

const names: ReadonlySet<string> = new Set(["table", "bidirectional", "maxDistance"]);

/** The table is spread out by distance. */
const MOST_DISTANCE: number = 2 ** 20;

/** Checks a relative bias for `H` query heads. */
export function readRelativeBias(given: RelativeBias, H: number): BucketTable {
  const bias = readOptions(given, names, "relativeBias");
  const { data, shape } = readFloats("relativeBias.table", bias.table);
  const [buckets = 0, heads] = shape;
  const bidirectional = bias.bidirectional ?? true;
  const maxDistance = bias.maxDistance ?? 128;
  checkFlag("relativeBias.bidirectional", bidirectional);
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
  checkWhole("relativeBias.maxDistance", maxDistance, exact + 1);
  checkMost("relativeBias.maxDistance", maxDistance, MOST_DISTANCE);
  return { data, heads: H, buckets, bidirectional, maxDistance };
}
