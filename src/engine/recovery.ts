// What becomes of the work of a worker that died, or that gives no sign of life: its tiles are computed here, and the memory
// that it may still write to is held back until it has come round or is known to be dead.

import type { Board, TakenTile } from "./board.ts";
import type { Executor } from "./executor.ts";
import type { LinearMemory } from "./linear-memory.ts";
import { soon } from "./platform.ts";

export class Recovery {
  readonly #board: Board;
  readonly #executor: Executor;
  readonly #memory: LinearMemory;
  /** Workers that were given up on, and blocks that they may still write to. */
  readonly #suspects: Set<number> = new Set();
  readonly #heldBack: number[] = [];

  constructor(board: Board, executor: Executor, memory: LinearMemory) {
    this.#board = board;
    this.#executor = executor;
    this.#memory = memory;
  }

  /** A worker died at a slot: unless its job has ended all the same, it is ended here, to be run again. */
  resolveDoubt(slot: number): void {
    if (this.#board.finished(slot)) {
      this.#board.announce(slot);
      return;
    }
    this.#board.lose(slot);
    const end = (): void => {
      // It may have ended by itself meanwhile, and be under way again.
      if (this.#board.finished(slot) || !this.#board.lost(slot)) return;
      // With no tile left to take, only those that workers hold now can still be given back.
      for (let taken = this.#board.take(slot, -1); taken; taken = this.#board.take(slot, -1))
        this.#board.finish(taken, this.#executor);
      if (this.#board.finished(slot)) return;
      if (this.#board.isHeld(slot)) soon(end);
      else this.#board.reset(slot);
    };
    end();
  }

  /** Does here what workers hold of a slot. One that is alive after all gives nothing back, but may still write. */
  takeOver(slot: number, workers: number, compute: (taken: TakenTile) => void): boolean {
    let found = false;
    for (let worker = 0; worker < workers; worker++) {
      for (const held of this.#board.takeFrom(worker, slot)) {
        found = true;
        this.#suspects.add(worker);
        compute(held);
      }
    }
    return found;
  }

  /** Ends a job of which a tile is missing that nobody holds. */
  endLost(slot: number, workers: number): void {
    this.#board.lose(slot);
    for (let worker = 0; worker < workers; worker++)
      if (this.#board.isBusy(worker)) this.#suspects.add(worker);
    this.#board.reset(slot);
  }

  /** Frees a block; later, as long as a worker that was given up on may still write to it. */
  free(address: number): void {
    if (this.#suspects.size > 0) this.#heldBack.push(address);
    else this.#memory.free(address);
    this.settle();
  }

  /** Frees what was held back, once it is safe. */
  settle(): void {
    for (const worker of this.#suspects) if (!this.#board.isBusy(worker)) this.#suspects.delete(worker);
    if (this.#suspects.size === 0) for (const address of this.#heldBack.splice(0)) this.#memory.free(address);
  }
}
