import type { BucketTable } from "../validate/relative-bias.ts";

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
  const growth = Math.log(distance / exact) / Math.log(maxDistance / exact);
  return Math.min(exact + Math.floor(growth * (buckets - exact)), buckets - 1);
}

/** What the relative bias adds to head `h`'s score at that distance. */
export function relativeBiasAt(table: BucketTable, h: number, distance: number): number {
  const bucket = relativeBucket(distance, table.buckets, table.bidirectional, table.maxDistance);
  return table.data[bucket * table.heads + h]!;
}
