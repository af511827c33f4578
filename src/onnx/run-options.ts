import type { CallOptions } from "../calls/call-options.ts";
import { readOptions } from "../validate/options.ts";

/** Where and how long an operator runs; what ONNX itself does not speak of. */
export type RunOptions = CallOptions;

const names: ReadonlySet<string> = new Set(["engine", "signal"]);

/** Reads the options; refuses those that do not exist. */
export function readRunOptions(options: RunOptions): RunOptions {
  return readOptions(options, names);
}
