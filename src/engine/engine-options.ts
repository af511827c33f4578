// What an engine is asked for, checked, with the environment's say where the caller has none.

import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { readOptions } from "../validate/options.ts";
import type { KernelChoice } from "./kernel-sets.ts";
import { environmentVariable, hardwareThreads, isWorker } from "./platform.ts";
import { whyNoThreads } from "./threads.ts";

/** Options of an engine. */
export interface EngineOptions {
  /** Threads that compute. 0 = no worker threads at all; default `"auto"`: as many as the machine has, at most 8. */
  readonly threads?: number | "auto" | undefined;
  /**
   * Kernel set. Default `"auto"`: strict or relaxed, the faster that runs here. `"wide"` is an experiment, from Node 24 on:
   * it sets a V8 flag for the whole process, tries the kernels first (0.2 to 0.4 s), and takes the usual ones where they
   * fail or bring nothing; `info().kernelsReason` says which and why.
   */
  readonly kernels?: KernelChoice | undefined;
  /** The most bytes of linear memory that may be in use. */
  readonly maxMemory?: number | undefined;
  /** How many calls may wait; one more is refused with `ERR_QUEUE_FULL`. Default: no limit. */
  readonly queueLimit?: number | undefined;
}

const optionNames: ReadonlySet<string> = new Set(["threads", "kernels", "maxMemory", "queueLimit"]);

/** @internal */
export function readEngineOptions(options: EngineOptions): EngineOptions {
  return readOptions(options, optionNames);
}

/** 4 GiB less the last pages, see linear-memory.ts. */
const GIBIBYTE_4: number = 2 ** 32 - 2 * 65536;

/** @internal */
export function countThreads(option: number | "auto" = "auto"): number {
  if (option !== "auto") {
    if (!Number.isInteger(option) || option < 0 || option > 64)
      throw new AttentionError(
        "ERR_OPTION",
        `"threads" expected "auto" or a whole number from 0 to 64, got ${describe(option)}`,
      );
    return option;
  }
  const variable = environmentVariable("WASM_ATTENTION_THREADS");
  if (variable !== undefined) {
    const threads = Number(variable);
    if (!Number.isInteger(threads) || threads < 0 || threads > 64)
      throw new AttentionError(
        "ERR_OPTION",
        `WASM_ATTENTION_THREADS expected a whole number from 0 to 64, got ${JSON.stringify(variable)}`,
      );
    return threads;
  }
  // In a worker of the user's own the machine is shared with the user's other workers.
  if (isWorker()) return 1;
  return Math.min(8, hardwareThreads());
}

/** @internal */
export function whyAlone(threads: number): string | undefined {
  return threads === 0 ? '"threads" is 0' : whyNoThreads();
}

/** @internal */
export function checkMemory(bytes: number = GIBIBYTE_4): number {
  if (!Number.isInteger(bytes) || bytes < 0)
    throw new AttentionError("ERR_OPTION", `"maxMemory" expected a number of bytes, got ${describe(bytes)}`);
  return Math.min(bytes, GIBIBYTE_4);
}

/** @internal */
export function checkQueue(limit: number = Number.POSITIVE_INFINITY): number {
  if (limit !== Number.POSITIVE_INFINITY && (!Number.isInteger(limit) || limit < 0))
    throw new AttentionError("ERR_OPTION", `"queueLimit" expected a whole number, got ${describe(limit)}`);
  return limit;
}
