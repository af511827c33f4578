// How a thread is started: by node:worker_threads in Node, Deno and Bun, as a Web Worker in a browser.

import type { WorkerStart } from "./attention-worker.ts";
import { workerThreads } from "./platform.ts";

/** A thread that runs attention-worker.js. */
export interface Thread {
  /** From now on it keeps the process alive, or not any more. A page needs neither. */
  ref(): void;
  unref(): void;
  terminate(): unknown;
}

/** Told once, when a thread ends that nobody terminated: with an error, where there was one. */
type Ended = (error?: unknown) => void;

/** Why there can be no threads that share memory here, if so. */
export function whyNoThreads(): string | undefined {
  if (typeof SharedArrayBuffer === "undefined")
    return globalThis.crossOriginIsolated === false
      ? "there is no SharedArrayBuffer, since the page is not cross-origin isolated"
      : "there is no SharedArrayBuffer";
  if (typeof Atomics.waitAsync !== "function") return "there is no Atomics.waitAsync";
  if (workerThreads() === undefined && typeof Worker === "undefined")
    return "there are neither node:worker_threads nor Web Workers";
  return undefined;
}

/** Starts a thread; throws where permissions, limits or a page's policy are against it. */
export function startThread(start: WorkerStart, ended: Ended): Thread {
  const threads = workerThreads();
  return threads === undefined ? startWebWorker(start, ended) : startNodeWorker(threads, start, ended);
}

// Bundlers know a page's worker by `new Worker(new URL(..., import.meta.url))`, letter by letter, and write its file. What
// Node runs must not look like that: they would write another, and refuse its options.
const here = import.meta.url;

function startNodeWorker(
  { Worker: NodeWorker }: typeof import("node:worker_threads"),
  start: WorkerStart,
  ended: Ended,
): Thread {
  const worker = new NodeWorker(new URL("./attention-worker.js", here), {
    name: `wasm-attention ${start.index}`,
    workerData: start,
    execArgv: [],
    stdin: false,
  });
  // An error is followed by an exit.
  let error: unknown;
  worker.on("error", (reason) => {
    error = reason;
  });
  worker.once("exit", () => ended(error));
  return worker;
}

function startWebWorker(start: WorkerStart, ended: Ended): Thread {
  const worker = new Worker(new URL("./attention-worker.js", import.meta.url), {
    type: "module",
    name: "wasm-attention",
  });
  // It lives on after an error, but does nothing any more. Where its file cannot be loaded, the event says nothing.
  const fail = (event: Event): void => {
    worker.terminate();
    ended((event as ErrorEvent).message || "its file cannot be loaded");
  };
  worker.addEventListener("error", fail, { once: true });
  worker.addEventListener("messageerror", fail, { once: true });
  worker.postMessage(start);
  return { ref() {}, unref() {}, terminate: () => worker.terminate() };
}
