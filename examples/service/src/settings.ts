// What the environment says of this service. Every limit that an operator can turn is here, with its default.
import os from "node:os";

/** Sizes of the decoder whose sessions are kept: query heads, key/value heads, size of a head, and the most tokens. */
export interface Model {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly maxTokens: number;
}

export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  /** Which implementation of attention computes. */
  readonly backend: "wasm" | "javascript";
  /** Threads that compute. One core is left to the event loop. */
  readonly threads: number;
  /** The most bytes of linear memory in use, for sessions and calls together. */
  readonly memoryBytes: number;
  /** Sessions may not grow while more than this is in use: what is left is for calls. */
  readonly sessionMemoryBytes: number;
  /** Calls that may wait for the engine, beyond the 32 that share its threads. */
  readonly queueLimit: number;
  readonly bodyLimitBytes: number;
  /** A request that takes longer is stopped. */
  readonly deadlineMs: number;
  readonly maxSessions: number;
  readonly sessionIdleMs: number;
  readonly model: Model;
}

const MIB = 2 ** 20;

/** @throws Error that names the variable, for one that is no number in its range */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const number = (name: string, fallback: number, least = 1): number => {
    const text = environment[name];
    if (text === undefined || text === "") return fallback;
    const value = Number(text);
    if (!Number.isInteger(value) || value < least)
      throw new Error(`${name} expected a whole number from ${least} on, got ${JSON.stringify(text)}`);
    return value;
  };
  const memoryBytes = number("MEMORY_MIB", 1024) * MIB;
  return {
    host: environment.HOST ?? "127.0.0.1",
    port: number("PORT", 3000, 0),
    logLevel: environment.LOG_LEVEL ?? "info",
    backend: readBackend(environment.BACKEND),
    threads: number("THREADS", Math.max(1, os.availableParallelism() - 1), 0),
    memoryBytes,
    sessionMemoryBytes: number("SESSION_MEMORY_MIB", Math.floor((0.75 * memoryBytes) / MIB)) * MIB,
    queueLimit: number("QUEUE_LIMIT", 32, 0),
    bodyLimitBytes: number("BODY_LIMIT_MIB", 4) * MIB,
    deadlineMs: number("DEADLINE_MS", 10_000),
    maxSessions: number("MAX_SESSIONS", 1000),
    sessionIdleMs: number("SESSION_IDLE_SECONDS", 300) * 1000,
    model: readModel(number),
  };
}

/** The shape of Llama 3 8B, unless it is said otherwise. */
function readModel(number: (name: string, fallback: number) => number): Model {
  const [heads, kvHeads] = [number("MODEL_HEADS", 32), number("MODEL_KV_HEADS", 8)];
  if (heads % kvHeads !== 0)
    throw new Error(`MODEL_HEADS expected a multiple of MODEL_KV_HEADS (${kvHeads}), got ${heads}`);
  return { heads, kvHeads, headDim: number("MODEL_HEAD_DIM", 128), maxTokens: number("MAX_TOKENS", 8192) };
}

function readBackend(name = "wasm"): "wasm" | "javascript" {
  if (name === "wasm" || name === "javascript") return name;
  throw new Error(`BACKEND expected "wasm" or "javascript", got ${JSON.stringify(name)}`);
}
