// What this service needs of an implementation of attention, and which there are.
import type { Settings } from "../settings.ts";
import { javascriptBackend } from "./javascript.ts";
import { wasmBackend } from "./wasm.ts";

/** L queries over S candidates: query `[L, E]`, candidates `[S, E]`, values `[S, V]`. */
export interface PoolProblem {
  readonly L: number;
  readonly S: number;
  readonly E: number;
  readonly V: number;
  readonly query: Float32Array;
  readonly candidates: Float32Array;
  readonly values: Float32Array;
  readonly similarity: "dot" | "cosine";
  /** Factor on the similarity. */
  readonly scale: number;
}

export interface PoolResult {
  /** `[L, V]` */
  readonly pooled: Float32Array;
  /** `[L, S]` */
  readonly weights: Float32Array;
}

/** Keys and values of one session's tokens. Calls on it come one after the other. */
export interface SessionCache {
  /** Tokens. */
  readonly length: number;
  /** Bytes that no other cache is said to take. */
  readonly byteLength: number;
  /** Appends tokens: key and value `[count, kvHeads, headDim]`. */
  append(count: number, key: Float32Array, value: Float32Array, signal: AbortSignal): Promise<void>;
  /** Causal attention of the last tokens: query and result `[count, heads, headDim]`. */
  attend(count: number, query: Float32Array, signal: AbortSignal): Promise<Float32Array>;
  truncate(length: number): void;
  /** A cache of the same tokens that goes its own way. */
  fork(): SessionCache;
  dispose(): void;
}

/** What is worth knowing from outside. */
export interface BackendInfo {
  /** What computes, in words. */
  readonly description: string;
  readonly threads: number;
  readonly running: number;
  readonly queued: number;
  readonly memory: {
    readonly used: number;
    readonly peak: number;
    readonly reserved: number;
    readonly limit: number;
  };
}

export interface Backend {
  pool(problem: PoolProblem, signal: AbortSignal): Promise<PoolResult>;
  createCache(): SessionCache;
  info(): BackendInfo;
  warmUp(): Promise<void>;
  /** Ends when what is in flight has ended. */
  close(): Promise<void>;
}

export async function createBackend(settings: Settings): Promise<Backend> {
  return settings.backend === "wasm" ? wasmBackend(settings) : javascriptBackend(settings);
}
