import type { LinearMemory } from "../engine/linear-memory.ts";
import { AttentionError } from "../errors.ts";
import type { CacheState } from "./cache-state.ts";

/** What the caches that users hold stand for. */
const states: WeakMap<object, CacheState> = new WeakMap();

/** A cache that is forgotten gives its pages back, some time. */
const forgotten: FinalizationRegistry<CacheState> = /* @__PURE__ */ new FinalizationRegistry((state) =>
  state.dispose(),
);

export function bindState(cache: object, state: CacheState): void {
  states.set(cache, state);
  forgotten.register(cache, state, cache);
}

/** The state behind a cache; `undefined` for anything else. */
export function stateOf(value: unknown): CacheState | undefined {
  return states.get(value as object);
}

export function disposeState(cache: object): void {
  forgotten.unregister(cache);
  states.get(cache)?.dispose();
}

/** Refuses a cache whose pages lie in another engine's memory. */
export function checkSameMemory(state: CacheState, memory: LinearMemory): void {
  if (state.memory === memory) return;
  throw new AttentionError("ERR_OPTION", "the cache belongs to another engine than the call");
}
