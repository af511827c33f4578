import { CacheState } from "../cache/cache-state.ts";
import { bindState } from "../cache/handle.ts";
import { type CacheType, pageFormat } from "../cache/page-format.ts";
import { appendCall } from "../calls/append.ts";
import type { Runtime } from "../engine/runtime.ts";
import type { KVCache } from "../kv-cache.ts";
import { numbers } from "./inputs.ts";

/** Heads, and the size of a key, of a cache on trial. */
export const CACHE_HEADS = 3;
export const CACHE_KEY_SIZE = 16;

/** A cache that a prompt has gone into, longer than a page. */
export function filledCache(type: CacheType, runtime: Runtime): KVCache {
  const [K, n, E, V] = [CACHE_HEADS, 70, CACHE_KEY_SIZE, 40];
  const [key, value] = [numbers([K, n, E], 12), numbers([K, n, V], 13)];
  const limits = { maxLength: n, window: undefined };
  const state = new CacheState(runtime.memory, pageFormat(type, K, E, V), limits, 1);
  const cache = {} as KVCache;
  bindState(cache, state);
  const { call, growth } = appendCall(state, key, value);
  growth.settleSync(() => runtime.runSync(call));
  return cache;
}
