/**
 * Steps of a decoder over caches that grow. The tokens repeat: token p has the key and value of token p modulo `period`. So a
 * result over any whole number of periods is that over one of them, and 65,536 keys are checked as fast as 1,024.
 */
import { createEngine, KVCache } from "wasm-attention";
import { countFlops, createAttentionInputs, expectRows } from "../attention-case.ts";
import { type CacheType, roundAsStored, roundQueries } from "../cache-types.ts";
import { findMismatch } from "../check.ts";
import { takeTokens } from "../layouts.ts";
import type { Engine } from "../ours.ts";
import type { Point } from "./point.ts";

/** Llama 3 8B and Mistral 7B: 32 query heads on 8 key/value heads of 128. */
export const shape = { B: 1, H: 32, K: 8, L: 1, E: 128, causal: false } as const;
/** Mistral 7B's. */
export const window = 4096;

const period = 1024;
const inputs = createAttentionInputs({ ...shape, S: period });

export interface GrowingCache {
  /** A step at so many tokens, the one that is appended included. The cache grows to there, if it is not there yet. */
  at(tokens: number): Point;
}

/** Caches of all types and one with a window, in one engine on one thread. */
export function createCaches(most: number): { caches: GrowingCache[]; dispose(): Promise<void> } {
  const engine = createEngine({ threads: 1 });
  const caches = [
    ...(["float32", "bfloat16", "int8"] as const).map((type) => createCache(engine, type, most)),
    createCache(engine, "float32", most, window),
  ];
  return { caches, dispose: () => engine.dispose() };
}

function createCache(engine: Engine, type: CacheType, most: number, kept?: number): GrowingCache {
  const { B, H, K, E } = shape;
  // A window's cache runs on while it is measured.
  const maxLength = kept === undefined ? most : 2 * most;
  const cache = new KVCache({
    batch: B,
    kvHeads: K,
    headDim: E,
    maxLength,
    dtype: type,
    window: kept,
    engine,
  });
  const query = engine.tensor([B, H, 1, E]);
  const out = engine.tensor([B, H, 1, E]);
  query.data.set(inputs.query);
  const appendNext = (count: number) => {
    const from = cache.length % period;
    const shapeOfTokens = [B, K, count, E];
    const tokens = (data: Float32Array) => takeTokens(data, { ...shape, S: period }, from, from + count);
    cache.append(
      { data: tokens(inputs.key), shape: shapeOfTokens },
      { data: tokens(inputs.value), shape: shapeOfTokens },
    );
  };
  const attend = () => void engine.scaledDotProductAttentionSync(query, cache, { out });
  return {
    at(tokens) {
      while (cache.length < tokens)
        appendNext(Math.min(tokens - cache.length, period - (cache.length % period)));
      // What a window has dropped cannot be gone back to: there the positions run on.
      const goesOn = kept !== undefined && tokens > kept;
      const run = () => {
        if (!goesOn) cache.truncate(tokens - 1);
        appendNext(1);
        attend();
      };
      const check = () => {
        out.data.fill(Number.NaN);
        run();
        // The plain algorithm's error, which the tolerance is made of, grows with the terms of its sums.
        const allowance = Math.max(1, tokens / period);
        const mismatch = findMismatch(out.data, expectStep(type, Math.min(tokens, period)), allowance);
        if (mismatch !== undefined) throw new Error(`wrong result: ${type} cache of ${tokens}: ${mismatch}`);
      };
      const work = countFlops({ ...shape, S: Math.min(tokens, kept ?? tokens) });
      const name = `${tokens} tokens, ${kept === undefined ? type : `window of ${kept}`}`;
      return { name, x: tokens, threads: 1, cache: type, window: kept, work, run, check };
    },
  };
}

function expectStep(type: CacheType, S: number) {
  const size = { ...shape, S };
  const part = (data: Float32Array) =>
    roundAsStored(takeTokens(data, { ...shape, S: period }, 0, S), type, shape.E);
  const query = roundQueries(inputs.query, type, shape.E);
  return expectRows({ query, key: part(inputs.key), value: part(inputs.value) }, size);
}
