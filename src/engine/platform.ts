// What the platform offers beside WebAssembly. Node's modules are asked for at run time, so that bundles for a browser
// need no stand-in for them.

type WorkerThreads = typeof import("node:worker_threads");
type Os = typeof import("node:os");

/** Node's `worker_threads`, where there are any. */
export function workerThreads(): WorkerThreads | undefined {
  return builtin<WorkerThreads>("node:worker_threads");
}

/** Whether this thread was started by another. */
export function isWorker(): boolean {
  const threads = workerThreads();
  return threads === undefined ? "WorkerGlobalScope" in globalThis : !threads.isMainThread;
}

/** How many threads the machine runs at once. */
export function hardwareThreads(): number {
  const os = builtin<Os>("node:os");
  return (
    os?.availableParallelism() ??
    (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ??
    1
  );
}

/** An environment variable that is set, to more than nothing. Deno refuses to tell without a permission. */
export function environmentVariable(name: string): string | undefined {
  try {
    return globalThis.process?.env?.[name] || undefined;
  } catch {
    return undefined;
  }
}

/** A module of Node's own. */
export function builtin<T>(name: string): T | undefined {
  const process = globalThis.process as { getBuiltinModule?: (name: string) => unknown } | undefined;
  return process?.getBuiltinModule?.(name) as T | undefined;
}

/** Runs a function soon, after pending I/O had its turn. */
export function soon(run: () => void): void {
  if (typeof setImmediate === "function") setImmediate(run);
  else afterMessage(run);
}

/** In a page a message is as soon; a timer, after some in a row, waits 4 ms. */
function afterMessage(run: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    run();
  };
  port2.postMessage(undefined);
}

let blocks: boolean | undefined;

/** Whether this thread may wait in `Atomics.wait`: a page's own thread may not. */
export function mayBlock(): boolean {
  if (blocks === undefined) {
    try {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
      blocks = true;
    } catch {
      blocks = false;
    }
  }
  return blocks;
}

/** The same as a promise. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => soon(resolve));
}
