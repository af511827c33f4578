/** Statistics from a matrix of weights, in float64 or with every operation rounded to float32. */
import type { AttentionStatistics } from "wasm-attention/inspect";
import { sizeOf } from "../support/random-tensors.ts";

type Round = (x: number) => number;

interface Matrix {
  readonly data: ArrayLike<number>;
  /** [B, H, L, S] */
  readonly shape: readonly number[];
}

/** All statistics that follow from the weights. */
export const statisticNames = [
  "entropy",
  "topWeights",
  "keyMass",
  "diagonalMass",
  "distanceHistogram",
  "meanDistance",
] as const satisfies readonly (keyof AttentionStatistics)[];

export type PlainStatistics = Readonly<Record<(typeof statisticNames)[number], number[]>>;

export function plainStatistics(
  { data, shape }: Matrix,
  { topK = 1, offsets = [], round }: { topK?: number; offsets?: readonly number[]; round: Round },
): PlainStatistics {
  const [B, H, L, S] = shape as [number, number, number, number];
  const at = (b: number, h: number, i: number, j: number) => data[((b * H + h) * L + i) * S + j]!;
  const each = <T>(count: number, make: (n: number) => T): T[] =>
    Array.from({ length: count }, (_, n) => make(n));
  const total = (terms: readonly number[]) => terms.reduce((sum, term) => round(sum + term), 0);
  const heads = each(B * H, (n) => [Math.floor(n / H), n % H] as const);
  const row = (b: number, h: number, i: number) => each(S, (j) => at(b, h, i, j));
  const rows = <T>(of: (weights: number[]) => T) =>
    heads.flatMap(([b, h]) => each(L, (i) => of(row(b, h, i))));
  const diagonal = (b: number, h: number, n: number) =>
    each(L, (i) => [i, i + n - (L - 1)] as const)
      .filter(([, j]) => j >= 0 && j < S)
      .map(([i, j]) => at(b, h, i, j));
  const distances = each(B, (b) => each(L + S - 1, (n) => Math.abs((offsets[b] ?? 0) + L - 1 - n)));
  const buckets = 1 + bucket(Math.max(...distances.flat()));
  const diagonals = heads.map(([b, h]) => each(L + S - 1, (n) => total(diagonal(b, h, n))));
  const ratio = (a: number, b: number) => (b === 0 ? 0 : round(a / b));
  return {
    entropy: rows((weights) => total(weights.map((w) => (w === 0 ? 0 : round(-w * round(Math.log(w))))))),
    topWeights: rows((weights) => {
      const largest = weights.toSorted((a, b) => b - a);
      return each(topK, (n) => (weights.some(Number.isNaN) ? Number.NaN : (largest[n] ?? 0)));
    }).flat(),
    keyMass: heads.flatMap(([b, h]) => each(S, (j) => total(each(L, (i) => at(b, h, i, j))))),
    diagonalMass: diagonals.flat(),
    distanceHistogram: heads.flatMap(([b], head) =>
      each(buckets, (n) => total(diagonals[head]!.filter((_, d) => bucket(distances[b]![d]!) === n))),
    ),
    meanDistance: heads.map(([b], head) =>
      ratio(
        total(diagonals[head]!.map((mass, d) => round(mass * distances[b]![d]!))),
        total(diagonals[head]!),
      ),
    ),
  };
}

/** By the bounds of the buckets: 0, 1, 2 to 3, 4 to 7. */
function bucket(distance: number): number {
  let n = 0;
  while (distance >= 2 ** n) n++;
  return distance === 0 ? 0 : n;
}

/** Fails where a key is listed twice, or where its weight in the matrix is not the one listed with it. */
export function keysMatchWeights(
  { topKeys, topWeights }: Pick<AttentionStatistics, "topKeys" | "topWeights">,
  { data, shape }: Matrix,
  tolerance: number,
): string | undefined {
  const [S, topK] = [shape.at(-1)!, topKeys.shape.at(-1)!];
  for (let row = 0; row < sizeOf(shape) / S; row++) {
    const keys = [...topKeys.data.subarray(row * topK, (row + 1) * topK)].filter((key) => key !== -1);
    if (new Set(keys).size !== keys.length) return `row ${row} lists a key twice: ${keys}`;
    for (const [n, key] of keys.entries()) {
      const off = Math.abs(data[row * S + key]! - topWeights.data[row * topK + n]!);
      if (!(off <= tolerance)) return `row ${row}: the weight of key ${key} is off by ${off}`;
    }
    const listed = [...topWeights.data.subarray(row * topK, (row + 1) * topK)];
    if (listed.some((weight, n) => weight > 0 !== n < keys.length))
      return `row ${row} lists ${keys.length} keys for weights ${listed}`;
  }
  return undefined;
}
