import type { CallOptions } from "./calls/call-options.ts";
import { createEngine, type Engine } from "./engine.ts";

let shared: Engine | undefined;

/** The engine of a call: the one it names, or the one of this process, made on first use. */
export function engineFor(options: CallOptions | undefined): Engine {
  return options?.engine ?? (shared ??= createEngine());
}
