// The workers of an engine: started when first needed, kept from holding the process alive while nothing is in flight,
// replaced when one dies.

import type { Worker } from "node:worker_threads";
import type { Board } from "./board.ts";
import type { Executor } from "./executor.ts";
import { workerThreads } from "./platform.ts";
import type { WorkerStart } from "./worker.ts";

/** What a pool tells its engine. */
export interface PoolCallbacks {
  /** No worker can be started at all. */
  readonly giveUp: (reason: string) => void;
  /** A worker died at a slot, and nobody can tell whether it held a tile of it. */
  readonly inDoubt: (slot: number) => void;
}

export class Pool {
  readonly #workers: (Worker | undefined)[] = [];
  #size: number;
  readonly #board: Board;
  readonly #executor: Executor;
  readonly #start: Omit<WorkerStart, "index">;
  readonly #callbacks: PoolCallbacks;
  #inFlight = 0;
  #disposed = false;

  constructor(
    size: number,
    board: Board,
    executor: Executor,
    start: Omit<WorkerStart, "index">,
    callbacks: PoolCallbacks,
  ) {
    this.#size = size;
    this.#board = board;
    this.#executor = executor;
    this.#start = start;
    this.#callbacks = callbacks;
  }

  get started(): boolean {
    return this.#workers.length > 0;
  }

  /** Whether any worker is up and looks for work. Starting takes them some 60 ms. */
  get ready(): boolean {
    return this.#workers.some((worker, i) => worker !== undefined && this.#board.hasStarted(i));
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
      if (this.#size === 0) this.#callbacks.giveUp(`a worker could not be started: ${message}`);
      return;
    }
    this.#takeOver(index);
    if (this.#inFlight === 0) return;
    this.#workers[index] = this.#startWorker(index);
    this.#workers[index].ref();
  }

  #takeOver(index: number): void {
    const held = this.#board.takeFrom(index);
    const slots = this.#board.forget(index);
    for (const tile of held) {
      try {
        this.#board.run(tile, index, this.#executor);
      } catch {
        this.#board.fail(tile.slot);
      }
      this.#board.finish(tile, this.#executor);
    }
    for (const slot of slots) if (!held.some((tile) => tile.slot === slot)) this.#callbacks.inDoubt(slot);
  }
}
