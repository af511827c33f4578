import type { CallOptions } from "../calls/call-options.ts";
import { checkNames } from "../validate/options.ts";

/** Where and how long an operator runs; what ONNX itself does not speak of. */
export type RunOptions = CallOptions;

const names: ReadonlySet<string> = new Set(["engine", "signal"]);

/** Refuses options that do not exist. */
export function checkRunOptions(options: RunOptions): void {
  checkNames(options, names);
}
