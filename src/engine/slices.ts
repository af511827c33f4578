// Where there are no workers: jobs of the board are computed on this thread, in turn, some milliseconds at a
// time, so that the event loop has its turns as well.

import type { Board, TakenTile } from "./board.ts";
import type { Executor } from "./executor.ts";
import { soon } from "./platform.ts";

/** How long this thread computes before it lets the event loop have its turn. */
const SLICE_MILLISECONDS = 4;
/** How long it computes at one job before the next has its turn. */
const TURN_MILLISECONDS = 1;

/** A job under way: the tile it is in, and its next step. */
interface SlicedJob {
  readonly resolve: () => void;
  taken: TakenTile | undefined;
  step: number;
}

export class Slices {
  readonly #board: Board;
  readonly #executor: Executor;
  readonly #jobs: Map<number, SlicedJob> = new Map();

  constructor(board: Board, executor: Executor) {
    this.#board = board;
    this.#executor = executor;
  }

  /** Computes the job that was posted in a slot. */
  run(slot: number): Promise<void> {
    return new Promise((resolve) => {
      this.#jobs.set(slot, { resolve, taken: undefined, step: 0 });
      if (this.#jobs.size === 1) soon(() => this.#slice());
    });
  }

  /** Computes as well what was posted for workers: there are none any more. */
  runAll(): void {
    for (let slots = this.#board.active; slots !== 0; slots &= slots - 1) {
      const slot = 31 - Math.clz32(slots & -slots);
      if (!this.#jobs.has(slot)) void this.run(slot);
    }
  }

  #slice(): void {
    const end = performance.now() + SLICE_MILLISECONDS;
    for (let now = performance.now(); this.#jobs.size > 0 && now < end; now = performance.now()) {
      const [slot, job] = this.#jobs.entries().next().value!;
      // To the end of the line: who had no turn in this slice is first in the next.
      this.#jobs.delete(slot);
      if (!this.#turn(slot, job, Math.min(end, now + TURN_MILLISECONDS))) this.#jobs.set(slot, job);
    }
    if (this.#jobs.size > 0) soon(() => this.#slice());
  }

  /** As many tiles of a job, and steps of the last one, as the time allows; says whether the job has ended. */
  #turn(slot: number, job: SlicedJob, end: number): boolean {
    do {
      job.taken ??= this.#board.take(slot, -1);
      if (job.taken !== undefined) {
        if (!this.#advance(job, job.taken, end)) return false;
        this.#board.finish(job.taken, this.#executor);
        job.taken = undefined;
        job.step = 0;
      }
      if (this.#board.finished(slot)) {
        job.resolve();
        return true;
      }
    } while (performance.now() < end);
    return false;
  }

  /** Says whether the tile is done; one that traps fails its job, as it does in a worker. */
  #advance(job: SlicedJob, taken: TakenTile, end: number): boolean {
    const steps = this.#board.stepsOf(taken, this.#executor);
    try {
      do {
        if (this.#board.aborted(taken.slot)) return true;
        this.#board.runStep(taken, 0, job.step, this.#executor);
        job.step++;
      } while (job.step < steps && performance.now() < end);
    } catch {
      this.#board.fail(taken.slot);
      return true;
    }
    return job.step >= steps;
  }
}
