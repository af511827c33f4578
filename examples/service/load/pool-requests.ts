// Requests of the pooling route, with the right answers.
import { scaledDotProductAttention } from "wasm-attention/reference";
import type { WireTensor } from "../src/tensors.ts";
import { isClose, random } from "./numbers.ts";

export interface PoolRequest {
  readonly body: string;
  isRight(body: string): boolean;
}

/** As many queries over as many candidates, of such size: a reranker's call. */
export interface PoolSize {
  readonly queries: number;
  readonly candidates: number;
  readonly dimensions: number;
}

export function poolRequest({ queries, candidates, dimensions }: PoolSize, seed: number): PoolRequest {
  const query = random([queries, dimensions], seed);
  const candidate = random([candidates, dimensions], seed + 1);
  const { output, weights } = scaledDotProductAttention(query, candidate, candidate);
  const best = Array.from({ length: queries }, (_, i) => {
    const row = weights.data.subarray(i * candidates, (i + 1) * candidates);
    return Math.max(...row);
  });
  return {
    body: JSON.stringify({ query: query.wire, candidates: candidate.wire, top: 3 }),
    isRight(body) {
      const { pooled, rankings } = JSON.parse(body) as {
        pooled: WireTensor;
        rankings: { candidate: number; weight: number }[][];
      };
      const isBest = (i: number) => Math.abs(rankings[i]![0]!.weight - best[i]!) < 1e-5;
      return isClose(pooled, output.data) && best.every((_, i) => isBest(i));
    },
  };
}
