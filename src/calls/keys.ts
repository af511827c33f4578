// Key, value and options, or a cache in place of key and value: told apart once, for all that attends.

import type { CacheState } from "../cache/cache-state.ts";
import { checkSameMemory, stateOf } from "../cache/handle.ts";
import type { LinearMemory } from "../engine/linear-memory.ts";
import { AttentionError } from "../errors.ts";
import type { KVCache } from "../kv-cache.ts";
import { type TensorLike, unreadable } from "../tensor-like.ts";

/** @internal Key, value and options; or a cache and options. */
export type KeyArguments<V, O> =
  | readonly [key: TensorLike, value: V, options?: O]
  | readonly [cache: KVCache, options?: O];

/** @internal The options, whichever form the arguments have. */
export function optionsOf<V, O>(args: KeyArguments<V, O>): O | undefined {
  return (stateOf(args[0]) === undefined ? args[2] : args[1]) as O | undefined;
}

/** @internal The cache among the arguments, if there is one, which must lie in this memory. */
export function cacheOf<V, O>(args: KeyArguments<V, O>, memory: LinearMemory): CacheState | undefined {
  const cache = stateOf(args[0]);
  if (cache === undefined) return undefined;
  checkSameMemory(cache, memory);
  if (args[2] !== undefined || hasData(args[1]))
    throw new AttentionError(
      "ERR_OPTION",
      "beside a cache options are the third argument, and there is no fourth",
    );
  return cache;
}

function hasData(options: unknown): boolean {
  try {
    return typeof options === "object" && options !== null && "data" in options;
  } catch (cause) {
    throw unreadable("options", cause);
  }
}
