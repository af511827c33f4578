// The workers of an engine: started when first needed, kept from holding the process alive while nothing is in flight,
// replaced when one dies.

import type { Worker } from "node:worker_threads";
import type { Board } from "./board.ts";
import type { Executor } from "./executor.ts";
import { workerThreads } from "./platform.ts";
import type { WorkerStart } from "./worker.ts";

export class Pool {
  readonly #workers: (Worker | undefined)[] = [];
  readonly #size: number;
  readonly #board: Board;
  readonly #executor: Executor;
  readonly #start: Omit<WorkerStart, "index">;
  #inFlight = 0;
  #disposed = false;

  constructor(size: number, board: Board, executor: Executor, start: Omit<WorkerStart, "index">) {
    this.#size = size;
    this.#board = board;
    this.#executor = executor;
    this.#start = start;
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
    // An error is followed by an exit, and what matters is the exit.
    worker.on("error", () => {});
    worker.once("exit", () => this.#onExit(index));
    return worker;
  }

  /** The tile that a dead worker held is computed here; its place is filled when the next call comes. */
  #onExit(index: number): void {
    if (this.#disposed) return;
    this.#workers[index] = undefined;
    const held = this.#board.heldBy(index);
    this.#board.release(index);
    if (held !== undefined) {
      try {
        this.#board.run(held, index, this.#executor);
      } catch {
        this.#board.fail(held.slot);
      }
      this.#board.finish(held, this.#executor);
    }
    if (this.#inFlight > 0) this.#workers[index] = this.#startWorker(index);
    if (this.#inFlight > 0) this.#workers[index]?.ref();
  }
}
