/** A cache that refuses calls, and what must be the same before and after. */
import { expect } from "vitest";
import { AttentionError, type Engine, KVCache } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import { normal } from "../support/random-tensors.ts";
import { expectAllBytes, refusal, zeros } from "./problem.ts";

export type Code = AttentionError["code"];

export const good = { batch: 2, kvHeads: 2, headDim: 8, valueDim: 6, maxLength: 100 };

export const [B, K, E, V] = [2, 2, 8, 6];
export const [key, value] = [normal([B, K, 70, E], 1), normal([B, K, 70, V], 2)];
export const query = normal([B, 4, 1, E], 3);
export const [k, v] = [zeros(B, K, 3, E), zeros(B, K, 3, V)];

export function filled(engine: Engine): KVCache {
  const cache = new KVCache({ ...good, engine });
  cache.append(key, value, { lengths: [70, 61] });
  return cache;
}

/** What a cache shows of itself. */
export function looksOf(cache: KVCache) {
  const { output, logSumExp } = cache.engine.scaledDotProductAttentionSync(query, cache, {
    returnLogSumExp: true,
  });
  return { lengths: cache.lengths, byteLength: cache.byteLength, data: [...output.data, ...logSumExp!.data] };
}

export function expectUnchanged(cache: KVCache, before: ReturnType<typeof looksOf>): void {
  const { data, ...rest } = looksOf(cache);
  expect(rest).toEqual({ lengths: before.lengths, byteLength: before.byteLength });
  expectSameBits(data, before.data, "results");
  expectAllBytes(cache.engine, [cache]);
}

export async function expectRefused(
  sync: () => unknown,
  async: () => unknown,
  code: Code,
  message: string,
): Promise<void> {
  expect(refusal(sync)).toEqual([code, message]);
  const error = await (async() as Promise<unknown>).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(AttentionError);
  expect(error).toMatchObject({ code, message });
}
