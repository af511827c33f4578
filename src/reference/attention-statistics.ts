import type { StatisticsOf, StatisticsScoreOptions } from "../statistics-options.ts";
import { readAttention } from "../validate/attention.ts";
import { checkDistances, checkTopK, valueless } from "../validate/statistics.ts";
import { scaledDotProductAttention } from "./scaled-dot-product-attention.ts";
import { type ReferenceInput, type ReferenceTensor, zeros } from "./tensor.ts";

/** Statistics in float64. */
export type ReferenceStatistics = StatisticsOf<ReferenceTensor, ReferenceTensor>;

/**
 * What an attention's weights w[i][j] look like, taken from the whole matrix of them. For each row its entropy
 * -sum_j w ln w in nats (Shannon 1948; 0 ln 0 = 0) and its largest weights; for each head what each key and each
 * distance receives. The mass of a sink is no key's. A row whose weights are NaN has a NaN entropy, no top keys, and
 * NaN for their weights.
 *
 * @param query `[B, H, L, E]`, `[H, L, E]` or `[L, E]`; with `layout: "BLHE"` `[B, L, H, E]`, `[L, H, E]`
 * @param key `[B, K, S, E]`, of query's rank; K divides H
 * @param value `[B, K, S, V]`, or nothing where the output is of no interest
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { attentionStatistics } from "wasm-attention/reference";
 * const query = { data: new Float32Array(4 * 8), shape: [4, 8] };
 * const { entropy, keyMass } = attentionStatistics(query, query);
 * console.log(entropy.data[0] === Math.log(4), keyMass.data); // true Float64Array(4) [ 1, 1, 1, 1 ]
 * ```
 */
export function attentionStatistics(
  query: ReferenceInput,
  key: ReferenceInput,
  value?: ReferenceInput,
  options: StatisticsScoreOptions = {},
): ReferenceStatistics {
  const { topK: edges = 1, ...what } = options;
  checkTopK(edges);
  const values = value === undefined ? valueless(key) : value;
  const { B, H, L, S, rank, offsets } = readAttention(query, key, values, what);
  checkDistances(offsets);
  const { output, logSumExp, weights } = scaledDotProductAttention(query, key, values, what);
  const farthest = Math.max(
    0,
    ...offsets.flatMap((p) => (L * S ? [Math.abs(p + L - 1), Math.abs(p - S + 1)] : [])),
  );
  const of = (...shape: number[]): ReferenceTensor => zeros(shape.slice(4 - rank));
  const statistics = {
    logSumExp,
    entropy: of(B, H, L),
    topKeys: of(B, H, L, edges),
    topWeights: of(B, H, L, edges),
    keyMass: of(B, H, S),
    diagonalMass: of(B, H, Math.max(0, L + S - 1)),
    distanceHistogram: of(B, H, bucketOf(farthest) + 1),
    meanDistance: of(B, H),
  };
  for (let head = 0; head < B * H; head++) {
    const offset = offsets[Math.floor(head / H)]!;
    for (let i = 0; i < L; i++) {
      const row = head * L + i;
      const ofRow = weights.data.subarray(row * S, (row + 1) * S);
      statistics.entropy.data[row] = entropyOf(ofRow);
      listLargest(ofRow, row * edges, edges, statistics);
      addDistances(ofRow, { head, i, position: i + offset, heads: B * H }, statistics);
    }
    const total = sum(statistics.keyMass.data.subarray(head * S, (head + 1) * S));
    if (total !== 0) statistics.meanDistance.data[head]! /= total;
  }
  return value === undefined ? statistics : { ...statistics, output };
}

function entropyOf(weights: Float64Array): number {
  let entropy = 0;
  for (const weight of weights) if (weight !== 0) entropy -= weight * Math.log(weight);
  return entropy;
}

/** The keys of the largest weights by sorting them all. */
function listLargest(
  weights: Float64Array,
  first: number,
  count: number,
  { topKeys, topWeights }: Pick<ReferenceStatistics, "topKeys" | "topWeights">,
): void {
  const order = Array.from(weights.keys())
    .filter((j) => weights[j]! > 0)
    .sort((a, b) => weights[b]! - weights[a]! || a - b);
  const none = weights.some(Number.isNaN) ? Number.NaN : 0;
  for (let n = 0; n < count; n++) {
    const j = none === 0 ? order[n] : undefined;
    topKeys.data[first + n] = j ?? -1;
    topWeights.data[first + n] = j === undefined ? none : weights[j]!;
  }
}

/** Adds a row to what its head's keys and distances receive; the mean is a sum as yet. */
function addDistances(
  weights: Float64Array,
  { head, i, position, heads }: { head: number; i: number; position: number; heads: number },
  {
    keyMass,
    diagonalMass,
    distanceHistogram,
    meanDistance,
  }: Pick<ReferenceStatistics, "keyMass" | "diagonalMass" | "distanceHistogram" | "meanDistance">,
): void {
  const S = weights.length;
  const diagonals = diagonalMass.data.length / heads;
  const buckets = distanceHistogram.data.length / heads;
  for (let j = 0; j < S; j++) {
    const weight = weights[j]!;
    const distance = Math.abs(position - j);
    keyMass.data[head * S + j]! += weight;
    diagonalMass.data[head * diagonals + (diagonals - S) + j - i]! += weight;
    distanceHistogram.data[head * buckets + bucketOf(distance)]! += weight;
    if (weight !== 0) meanDistance.data[head]! += weight * distance;
  }
}

function bucketOf(distance: number): number {
  return distance === 0 ? 0 : 1 + Math.floor(Math.log2(distance));
}

function sum(numbers: Float64Array): number {
  return numbers.reduce((total, n) => total + n, 0);
}
