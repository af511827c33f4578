// What follows from the mass of each diagonal: how far attention reaches.

import type { KernelStatistics } from "../calls/attention-statistics.ts";
import { Tensor } from "../tensor.ts";

/** Histogram and mean of the distances |p - j|, summed in float64; `offsets` are the entries' positions of query 0. */
export function measureDistances(
  { keyMass, diagonalMass }: Pick<KernelStatistics, "keyMass" | "diagonalMass">,
  offsets: readonly number[],
): { distanceHistogram: Tensor; meanDistance: Tensor } {
  const heads = keyMass.shape.slice(0, -1);
  const count = heads.reduce((product, size) => product * size, 1);
  const [S, diagonals] = [keyMass.shape.at(-1)!, diagonalMass.shape.at(-1)!];
  const L = diagonals + 1 - S;
  const perEntry = count / Math.max(1, offsets.length);
  // Element n lies at this distance before the query, or behind it where it is negative.
  const distanceOf = (head: number, n: number): number => offsets[Math.floor(head / perEntry)]! + L - 1 - n;
  let buckets = 1;
  for (let head = 0; head < count; head += perEntry)
    for (const n of L > 0 && S > 0 ? [0, diagonals - 1] : [])
      buckets = Math.max(buckets, 1 + bucketOf(distanceOf(head, n)));
  const histogram = new Float64Array(count * buckets);
  const means = new Float32Array(count);
  for (let head = 0; head < count; head++) {
    let [total, reach] = [0, 0];
    for (let n = 0; n < diagonals; n++) {
      const mass = diagonalMass.data[head * diagonals + n]!;
      const distance = distanceOf(head, n);
      histogram[head * buckets + bucketOf(distance)]! += mass;
      total += mass;
      reach += mass * Math.abs(distance);
    }
    means[head] = total === 0 ? 0 : reach / total;
  }
  return {
    distanceHistogram: new Tensor(Float32Array.from(histogram), [...heads, buckets]),
    meanDistance: new Tensor(means, heads),
  };
}

/** 0 for 0, n for distances from 2^(n-1) to 2^n - 1. */
function bucketOf(distance: number): number {
  return 32 - Math.clz32(Math.abs(distance));
}
