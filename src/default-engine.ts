import type { CallOptions } from "./calls/call-options.ts";
import { createEngine, Engine } from "./engine.ts";
import { AttentionError } from "./errors.ts";
import { describe } from "./tensor-like.ts";

let shared: Engine | undefined;

/** The engine of a call: the one it names, or the one of this process, made on first use. */
export function engineFor(options: CallOptions | undefined): Engine {
  const engine = options?.engine;
  if (engine === undefined) return (shared ??= createEngine());
  if (engine instanceof Engine) return engine;
  throw new AttentionError(
    "ERR_OPTION",
    `"engine" expected what createEngine returns, got ${describe(engine)}`,
  );
}
