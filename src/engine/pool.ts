// The workers of an engine: started when first needed, kept from holding the process alive while nothing is in flight,
// replaced when one dies.

import type { Worker } from "node:worker_threads";
import type { Board } from "./board.ts";
import type { Executor } from "./executor.ts";
import { workerThreads } from "./platform.ts";
import type { WorkerStart } from "./worker.ts";

export class Pool {
  readonly #workers: (Worker | undefined)[] = [];
  #size: number;
  readonly #board: Board;
  readonly #executor: Executor;
  readonly #start: Omit<WorkerStart, "index">;
  readonly #giveUp: (reason: string) => void;
  #inFlight = 0;
  #disposed = false;

  /** @param giveUp called once no worker can be started at all */
  constructor(
    size: number,
    board: Board,
    executor: Executor,
    start: Omit<WorkerStart, "index">,
    giveUp: (reason: string) => void,
  ) {
    this.#size = size;
    this.#board = board;
    this.#executor = executor;
    this.#start = start;
    this.#giveUp = giveUp;
  }

  get started(): boolean {
    return this.#workers.length > 0;
  }

  /** Starts the workers that do not run yet. */
  start(): void {
    for (let i = 0; i < this.#size; i++) this.#workers[i] ??= this.#startWorker(i);
  }

  /** A call in flight keeps the process alive; an idle pool does not. */
  callStarts(): void {
    this.start();
    if (this.#inFlight++ === 0) for (const worker of this.#workers) worker?.ref();
  }

  callEnds(): void {
    if (--this.#inFlight === 0) for (const worker of this.#workers) worker?.unref();
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    this.#board.quit();
    await Promise.all(this.#workers.map((worker) => worker?.terminate()));
    this.#workers.length = 0;
  }

  #startWorker(index: number): Worker {
    const { Worker } = workerThreads()!;
    const worker = new Worker(new URL("./worker.js", import.meta.url), {
      name: `wasm-attention ${index}`,
      workerData: { ...this.#start, index } satisfies WorkerStart,
      execArgv: [],
      stdin: false,
    });
    if (this.#inFlight === 0) worker.unref();
    // An error is followed by an exit.
    let error: unknown;
    worker.on("error", (reason) => {
      error = reason;
    });
    worker.once("exit", () => this.#onExit(index, error));
    return worker;
  }

  /** The tile that a dead worker held is computed here, and its place is filled; unless it could not be loaded. */
  #onExit(index: number, error: unknown): void {
    if (this.#disposed) return;
    this.#workers[index] = undefined;
    if (error !== undefined && !this.#board.hasStarted(index)) {
      // What could not be loaded once cannot be loaded again. Those that run do the work of all.
      this.#size = this.#workers.filter((worker) => worker !== undefined).length;
      const message = error instanceof Error ? error.message : String(error);
      if (this.#size === 0) this.#giveUp(`a worker could not be started: ${message}`);
      return;
    }
    this.#takeOver(index);
    if (this.#inFlight === 0) return;
    this.#workers[index] = this.#startWorker(index);
    this.#workers[index].ref();
  }

  #takeOver(index: number): void {
    for (const held of this.#board.takeFrom(index)) {
      try {
        this.#board.run(held, index, this.#executor);
      } catch {
        this.#board.fail(held.slot);
      }
      this.#board.finish(held, this.#executor);
    }
    this.#board.forget(index);
  }
}
