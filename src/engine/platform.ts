// What the platform offers beside WebAssembly. Node's modules are asked for at run time, so that bundles for a browser
// need no stand-in for them.

type WorkerThreads = typeof import("node:worker_threads");
type Os = typeof import("node:os");

/** Node's `worker_threads`, where there are any. */
export function workerThreads(): WorkerThreads | undefined {
  return builtin<WorkerThreads>("node:worker_threads");
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

/** A module of Node's own. */
export function builtin<T>(name: string): T | undefined {
  const process = globalThis.process as { getBuiltinModule?: (name: string) => unknown } | undefined;
  return process?.getBuiltinModule?.(name) as T | undefined;
}

/** Runs a function soon, after pending I/O had its turn. */
export function soon(run: () => void): void {
  if (typeof setImmediate === "function") setImmediate(run);
  else setTimeout(run, 0);
}
