// How much the load test asks for.
import type { Model } from "../src/settings.ts";
import type { PoolSize } from "./pool-requests.ts";

export interface Sizes {
  readonly model: Model;
  readonly pool: PoolSize;
  /** Tokens of the prompt that all conversations share, and of the turns of each. */
  readonly promptTokens: number;
  readonly turns: readonly number[];
  /** Connections of each route at capacity and beyond. */
  readonly connections: { readonly at: number; readonly beyond: number };
  /** Threads that are killed while the load is beyond capacity. */
  readonly kills: number;
}

export const sizes: Readonly<Record<"usual" | "quick", Sizes>> = {
  // Llama 3 8B after a prompt of 4096 tokens; a reranker of 64 candidates by embeddings of MiniLM.
  usual: {
    model: { heads: 32, kvHeads: 8, headDim: 128, maxTokens: 8192 },
    pool: { queries: 4, candidates: 64, dimensions: 384 },
    promptTokens: 4096,
    turns: [8, 1, 1, 1, 1, 1, 1, 1],
    connections: { at: 4, beyond: 48 },
    kills: 3,
  },
  quick: {
    model: { heads: 8, kvHeads: 2, headDim: 32, maxTokens: 1024 },
    pool: { queries: 2, candidates: 16, dimensions: 64 },
    promptTokens: 256,
    turns: [6, 1, 1],
    connections: { at: 2, beyond: 48 },
    kills: 2,
  },
};
