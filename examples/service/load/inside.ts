// Loaded into the service's process before the service (node --import): answers the load test's questions about it, and
// kills its threads. The service knows nothing of this, and the package has no door for it: Node itself tells of each new
// worker thread.
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Worker } from "node:worker_threads";

/** What the load test may ask, and what it is told. */
export interface Answers {
  /** Delays of the event loop in milliseconds since the last time of asking. */
  readonly delay: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Bytes of memory after a garbage collection. */
  readonly memory: { readonly rss: number; readonly heap: number };
  /** Kills a worker thread; how many there were. */
  readonly kill: number;
}

export interface Reply {
  readonly question: keyof Answers;
  readonly answer: Answers[keyof Answers];
}

const workers = new Set<Worker>();
process.on("worker", (worker) => {
  workers.add(worker);
  worker.once("exit", () => workers.delete(worker));
});

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

const answers: { readonly [Question in keyof Answers]: () => Answers[Question] } = {
  delay() {
    const milliseconds = (nanoseconds: number) => nanoseconds / 1e6;
    const answer = {
      p50: milliseconds(delay.percentile(50)),
      p99: milliseconds(delay.percentile(99)),
      max: milliseconds(delay.max),
    };
    delay.reset();
    return answer;
  },
  memory() {
    for (let i = 0; i < 3; i++) globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heap: heapUsed };
  },
  kill() {
    const { size } = workers;
    for (const worker of [...workers].slice(0, 1)) void worker.terminate();
    return size;
  },
};

process.on("message", (question: keyof Answers) =>
  process.send?.({ question, answer: answers[question]() } satisfies Reply),
);
process.on("disconnect", () => process.exit(1));
// The tester's questions keep nothing alive: when the service has shut down, its process ends.
process.channel?.unref();
