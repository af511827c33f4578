// The workers of an engine: started when first needed, kept from holding the process alive while nothing is in flight,
// replaced when one dies.

import type { WorkerStart } from "./attention-worker.ts";
import type { Board, TakenTile } from "./board.ts";
import type { Executor } from "./executor.ts";
import { nextTurn } from "./platform.ts";
import { startThread, type Thread } from "./threads.ts";

/** What a pool tells its engine. */
export interface PoolCallbacks {
  /** No worker can be started at all. */
  readonly giveUp: (reason: string) => void;
  /** A worker died at a slot, and nobody can tell whether it held a tile of it. */
  readonly inDoubt: (slot: number) => void;
}

export class Pool {
  readonly #workers: (Thread | undefined)[] = [];
  readonly #size: number;
  /** Places in which no worker could be started. */
  readonly #failed: Set<number> = new Set();
  readonly #board: Board;
  readonly #executor: Executor;
  readonly #start: Omit<WorkerStart, "index">;
  readonly #callbacks: PoolCallbacks;
  /** Places whose scratch this thread uses, to end what a dead worker began. */
  readonly #inUse: Set<number> = new Set();
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
    for (let i = 0; i < this.#size; i++)
      if (this.#workers[i] === undefined && !this.#failed.has(i) && !this.#inUse.has(i)) this.#startWorker(i);
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

  #startWorker(index: number): void {
    let worker: Thread;
    try {
      worker = startThread({ ...this.#start, index }, (error) => this.#onExit(index, error));
    } catch (error) {
      // The permission model and limits of the system say so at once.
      this.#cannotStart(index, error);
      return;
    }
    this.#workers[index] = worker;
    if (this.#inFlight === 0) worker.unref();
  }

  /** The tile that a dead worker held is computed here, and its place is filled; unless it could not be loaded. */
  #onExit(index: number, error: unknown): void {
    if (this.#disposed) return;
    this.#workers[index] = undefined;
    if (error !== undefined && !this.#board.hasStarted(index)) {
      this.#cannotStart(index, error);
      return;
    }
    void this.#replace(index);
  }

  /** The new worker gets the scratch of the dead one, so it starts when that one's tiles are done. */
  async #replace(index: number): Promise<void> {
    this.#inUse.add(index);
    await this.#takeOver(index);
    this.#inUse.delete(index);
    if (this.#inFlight > 0 && !this.#disposed) this.#startWorker(index);
  }

  /** What could not be started once is not tried again. Those that run do the work of all. */
  #cannotStart(index: number, error: unknown): void {
    this.#failed.add(index);
    const message = error instanceof Error ? error.message : String(error);
    if (this.#failed.size === this.#size) this.#callbacks.giveUp(`a worker could not be started: ${message}`);
  }

  async #takeOver(index: number): Promise<void> {
    const held = this.#board.takeFrom(index);
    const slots = this.#board.forget(index);
    for (const slot of slots) if (!held.some((tile) => tile.slot === slot)) this.#callbacks.inDoubt(slot);
    for (const tile of held) {
      await this.#runInSlices(tile, index);
      this.#board.finish(tile, this.#executor);
    }
  }

  /** A tile over many keys takes long: the event loop has its turn between its steps. */
  async #runInSlices(tile: TakenTile, index: number): Promise<void> {
    const steps = this.#board.stepsOf(tile, this.#executor);
    try {
      for (let step = 0; step < steps && !this.#board.aborted(tile.slot); step++) {
        if (step > 0) await nextTurn();
        this.#board.runStep(tile, index, step, this.#executor);
      }
    } catch {
      this.#board.fail(tile.slot);
    }
  }
}
