import { type BucketTable, relativeBucket } from "../validate/relative-bias.ts";

/** What the relative bias adds to head `h`'s score at that distance. */
export function relativeBiasAt(table: BucketTable, h: number, distance: number): number {
  const bucket = relativeBucket(distance, table.buckets, table.bidirectional, table.maxDistance);
  return table.data[bucket * table.heads + h]!;
}
