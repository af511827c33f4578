// Calls as Node's diagnostics channels show them: to whoever subscribes, and at no cost where nobody does.

import type { CallTrace } from "../call-trace.ts";
import { builtin } from "./platform.ts";
import type { Program } from "./program.ts";

type DiagnosticsChannel = typeof import("node:diagnostics_channel");

const channel = /* @__PURE__ */ openChannel();

function openChannel() {
  const channels = builtin<DiagnosticsChannel>("node:diagnostics_channel");
  return channels?.tracingChannel?.<unknown, CallTrace>("wasm-attention:call");
}

let silent = 0;

/** Whether anybody subscribes. */
export function isTraced(): boolean {
  return channel?.hasSubscribers === true && silent === 0;
}

/** Makes calls that nobody asked for and that nobody shall count, as to warm up. */
export function untraced<R>(run: () => R): R {
  silent++;
  try {
    return run();
  } finally {
    silent--;
  }
}

export function traceSync<R>({ name, work }: Program, run: () => R): R {
  return channel!.traceSync(run, { name, mode: "sync", flops: work });
}

/** @param run is told when the call has its turn */
export function traceAsync<R>({ name, work }: Program, run: (started: () => void) => Promise<R>): Promise<R> {
  if (!isTraced()) return run(() => {});
  const trace: CallTrace = { name, mode: "async", flops: work };
  const asked = performance.now();
  const started = (): void => {
    trace.waited = performance.now() - asked;
  };
  return channel!.tracePromise(() => run(started), trace) as Promise<R>;
}
