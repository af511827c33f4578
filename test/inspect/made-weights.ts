/** Weights with the looks of real heads: diffuse, to the token before, local, on few keys, to the first token, peaked. */
import { generator } from "../support/random-tensors.ts";

export const kinds = ["diffuse", "before", "local", "stripes", "first", "peaked"] as const;
export type Kind = (typeof kinds)[number];

/** `[H, L, S]`, each head of the kind at its place, over and over. */
export function madeWeights(
  [H, L, S]: readonly [number, number, number],
  {
    causal = false,
    only = kinds,
    seed = 1,
  }: { causal?: boolean; only?: readonly Kind[]; seed?: number } = {},
): { data: Float32Array; shape: readonly number[] } {
  const next = generator(seed);
  const noise = (): number => Math.sqrt(3) * (next() + next() + next() + next() - 2);
  const data = new Float32Array(H * L * S);
  for (let h = 0; h < H; h++) {
    const kind = only[h % only.length]!;
    const stripes = Array.from({ length: S }, () => 3 * noise());
    for (let i = 0; i < L; i++) {
      const row = data.subarray((h * L + i) * S, (h * L + i + 1) * S);
      const keys = causal ? Math.min(S, i + 1) : S;
      let sum = 0;
      for (let j = 0; j < keys; j++) sum += row[j] = Math.exp(score(kind, i, j, stripes[j]!, noise()));
      for (let j = 0; j < keys; j++) row[j]! /= sum;
    }
  }
  return { data, shape: [H, L, S] };
}

function score(kind: Kind, i: number, j: number, stripe: number, noise: number): number {
  switch (kind) {
    case "diffuse":
      return noise;
    case "before":
      return i - j === 1 ? 6 : noise;
    case "local":
      return noise - Math.abs(i - j) / 3;
    case "stripes":
      return stripe + noise / 2;
    case "first":
      return j === 0 ? 5 : noise;
    case "peaked":
      return 6 * noise;
  }
}
