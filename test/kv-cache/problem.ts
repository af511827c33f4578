/** What tests of the cache share: tokens in and out of it on any backend, and its bytes, told another way. */
import { expect } from "vitest";
import {
  type AppendOptions,
  AttentionError,
  type AttentionOptions,
  type AttentionResult,
  type Engine,
  KVCache,
  type KVCacheOptions,
} from "wasm-attention";
import type { Backend } from "../support/backends.ts";
import { type FloatTensor, sizeOf } from "../support/random-tensors.ts";

export const PAGE = 60;

type Layout = "BHLE" | "BLHE";

/** Which way calls are made: a backend is one. */
export type Caller = Pick<Backend, "engine" | "call">;

/** Tokens `from` to `to` of `[B, heads, length, size]`, or of `[B, length, heads, size]`. */
export function tokensOf(x: FloatTensor, from: number, to: number, layout: Layout = "BHLE"): FloatTensor {
  const [B, a, b, size] = x.shape as [number, number, number, number];
  const [heads, length] = layout === "BHLE" ? [a, b] : [b, a];
  const data: number[] = [];
  const outer = layout === "BHLE" ? B * heads : B;
  const width = layout === "BHLE" ? size : heads * size;
  for (let n = 0; n < outer; n++)
    for (let i = (n * length + from) * width; i < (n * length + to) * width; i++) data.push(x.data[i]!);
  const shape = layout === "BHLE" ? [B, heads, to - from, size] : [B, to - from, heads, size];
  return { data: Float32Array.from(data), shape };
}

/** One entry of a batch. */
export function entryOf({ data, shape }: FloatTensor, b: number): FloatTensor {
  const size = data.length / shape[0]!;
  return { data: data.slice(b * size, (b + 1) * size), shape: [1, ...shape.slice(1)] };
}

/** Entries side by side, `[B, heads, length, size]` each, filled up to the longest: with NaN, which nobody may read. */
export function padded(entries: readonly FloatTensor[]): FloatTensor {
  const [, heads, , size] = entries[0]!.shape as [number, number, number, number];
  const longest = Math.max(...entries.map(({ shape }) => shape[2]!));
  const data = new Float32Array(entries.length * heads * longest * size).fill(Number.NaN);
  entries.forEach((entry, b) => {
    const width = entry.shape[2]! * size;
    for (let h = 0; h < heads; h++)
      data.set(entry.data.subarray(h * width, (h + 1) * width), (b * heads + h) * longest * size);
  });
  return { data, shape: [entries.length, heads, longest, size] };
}

/** Drops leading dimensions of 1. */
export function withRank(x: FloatTensor, rank: number, layout: Layout = "BHLE"): FloatTensor {
  const shape = layout === "BLHE" && rank === 2 ? [x.shape[1]!, x.shape[3]!] : x.shape.slice(4 - rank);
  return { data: x.data, shape };
}

export async function append(
  cache: KVCache,
  { call }: Pick<Caller, "call">,
  key: FloatTensor,
  value: FloatTensor,
  options?: AppendOptions,
): Promise<void> {
  if (call === "sync") cache.append(key, value, options);
  else await cache.appendAsync(key, value, options);
}

export async function attend(
  { engine, call }: Caller,
  query: FloatTensor,
  cache: KVCache,
  options?: AttentionOptions,
): Promise<AttentionResult> {
  return call === "sync"
    ? engine.scaledDotProductAttentionSync(query, cache, options)
    : engine.scaledDotProductAttention(query, cache, options);
}

/** What a page takes, from the description of the format: rows of keys and of values, and the scales of int8. */
export function pageBytes({
  kvHeads,
  headDim,
  valueDim = headDim,
  dtype = "float32",
}: KVCacheOptions): number {
  const bytes = { float32: 4, bfloat16: 2, int8: 1 }[dtype];
  const row = (size: number) => (dtype === "float32" ? 4 * size : Math.ceil((bytes * size) / 8) * 8);
  const scales = dtype === "int8" ? 2 * 4 : 0;
  return Math.ceil((kvHeads * PAGE * (row(headDim) + row(valueDim) + scales)) / 64) * 64;
}

/** The engine holds what these caches say they hold, and no byte more. */
export function expectAllBytes(engine: Engine, caches: readonly KVCache[]): void {
  const bytes = caches.reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(engine.info().memory.used).toBe(bytes);
}

/** A cache that is filled with all tokens of a key and a value at once. */
export function cacheOf(
  engine: Engine,
  key: FloatTensor,
  value: FloatTensor,
  options: Partial<KVCacheOptions> = {},
): KVCache {
  const [batch, kvHeads, length, headDim] = key.shape as [number, number, number, number];
  const cache = new KVCache({
    batch,
    kvHeads,
    headDim,
    valueDim: value.shape[3]!,
    maxLength: Math.max(1, length),
    engine,
    ...options,
  });
  cache.append(key, value);
  return cache;
}

export function zeros(...shape: number[]): FloatTensor {
  return { data: new Float32Array(sizeOf(shape)), shape };
}

/** Code and message of what a call throws. */
export function refusal(call: () => unknown): [code: string, message: string] {
  try {
    call();
  } catch (error) {
    if (!(error instanceof AttentionError)) throw error;
    return [error.code, error.message];
  }
  return expect.fail("no error");
}
