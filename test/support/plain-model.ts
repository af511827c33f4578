/** Attention as models compute it, in float64 and the plainest of loops: nothing of the package is in here. */
import type { FloatTensor } from "./random-tensors.ts";

/** y = weight x + bias, weight `[out, in]`. */
export interface Linear {
  readonly weight: FloatTensor;
  readonly bias?: FloatTensor | undefined;
}

export interface PlainModelLayer {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly heads: number;
  readonly kvHeads?: number;
  /** Default 1 / sqrt(D). */
  readonly scale?: number;
  /** Turns a query or key head that stands at a position. */
  readonly turn?: (head: number[], position: number, which: "query" | "key") => number[];
  /** What is added to a score. */
  readonly bias?: (head: number, i: number, j: number) => number;
  readonly allows?: (i: number, j: number) => boolean;
}

/** `tokens` `[L, E]` attend to `states` `[S, E']`. */
export function plainModelLayer(
  layer: PlainModelLayer,
  tokens: FloatTensor,
  states: FloatTensor = tokens,
): number[] {
  const { heads, kvHeads = heads, turn = (head) => head } = layer;
  const [q, k, v] = [rows(tokens), rows(states), rows(states)].map((x, n) =>
    x.map((row) => apply([layer.query, layer.key, layer.value][n]!, row)),
  ) as [number[][], number[][], number[][]];
  const D = q[0]!.length / heads;
  const scale = layer.scale ?? 1 / Math.sqrt(D);
  const head = (row: number[], h: number): number[] => row.slice(h * D, (h + 1) * D);
  return q.flatMap((queryRow, i) => {
    const context = Array.from({ length: heads }, (_, h) => {
      const own = Math.floor(h / (heads / kvHeads));
      const query = turn(head(queryRow, h), i, "query");
      const scores = k.map((keyRow, j) =>
        (layer.allows?.(i, j) ?? true)
          ? scale * dot(query, turn(head(keyRow, own), j, "key")) + (layer.bias?.(h, i, j) ?? 0)
          : -Infinity,
      );
      const largest = Math.max(...scores);
      const parts = scores.map((score) => Math.exp(score - largest));
      const sum = parts.reduce((total, part) => total + part, 0);
      return Array.from({ length: D }, (_, d) =>
        parts.reduce((total, part, j) => total + (part / sum) * v[j]![own * D + d]!, 0),
      );
    });
    return apply(layer.output, context.flat());
  });
}

export function rows({ data, shape }: FloatTensor): number[][] {
  const [length, size] = shape as [number, number];
  return Array.from({ length }, (_, i) => [...data.subarray(i * size, (i + 1) * size)]);
}

export function apply({ weight, bias }: Linear, x: readonly number[]): number[] {
  return rows(weight).map((row, n) => dot(row, x) + (bias?.data[n] ?? 0));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}
