import { stateOf } from "./cache/handle.ts";
import type { CallOptions } from "./calls/call-options.ts";
import { describe } from "./describe.ts";
import { createEngine, Engine } from "./engine.ts";
import { AttentionError } from "./errors.ts";
import { isA } from "./is-a.ts";
import type { KVCache } from "./kv-cache.ts";
import { unreadable } from "./tensor-like.ts";

let shared: Engine | undefined;

/** The engine of a call: the one it names, or the one of this process, made on first use. */
export function engineFor(options: CallOptions | undefined): Engine {
  const engine = engineIn(options);
  if (engine === undefined) return (shared ??= createEngine());
  if (isA(engine, Engine)) return engine;
  throw new AttentionError(
    "ERR_OPTION",
    `"engine" expected what createEngine returns, got ${describe(engine)}`,
  );
}

/** The engine of a call over key and value, or over a cache: that brings its own, and refuses a call that names another. */
export function engineForKeys(key: unknown, value: unknown, options: CallOptions | undefined): Engine {
  if (stateOf(key) === undefined) return engineFor(options);
  const engine = engineIn(value as CallOptions | undefined);
  return engine === undefined ? (key as KVCache).engine : engineFor({ engine });
}

/** The engine that options name. */
function engineIn(options: CallOptions | undefined): Engine | undefined {
  try {
    return options?.engine;
  } catch (cause) {
    throw unreadable("engine", cause);
  }
}
