// The board that threads share: which jobs there are, and which tile of each comes next. A job is a bound program in one
// of 32 slots. A thread takes the next tile of a slot by a compare-and-swap on its counter and gives it back by
// adding to another; whoever gives back the last tile of a stage opens the next stage. No thread ever holds a lock, so
// one that dies holds up nobody but its own tile, which the board names.
//
// Counters run on from job to job of a slot and wrap around: a thread that looks at a slot late finds a counter that
// has moved, never one that has moved back.

import type { Executor } from "./executor.ts";
import { mayBlock } from "./platform.ts";

export const SLOTS = 32;

/** A job that spans several stages opens the next within microseconds: looking again is cheaper than sleeping. */
export const LOOKS_BEFORE_SLEEP = 200;

// Words for all.
const EPOCH = 0;
const ACTIVE = 1;
const SLEEPERS = 2;
const QUIT = 3;
const HEADER = 16;
// Words of a worker: what it holds, and what it holds meanwhile, between the steps of that.
const HELD_SLOT = 0;
const HELD_STAGE = 1;
const HELD_TILE = 2;
const HELD_WORDS = 4;
const DEPTHS = 2;
const STARTED = 12;
const WORKER_WORDS = 16;
const MOST_WORKERS = 64;
// Words of a slot.
const NEXT = 0;
const LIMIT = 1;
const DONE = 2;
const STATE = 3;
const ABORTED = 4;
const FIRST_FREE_WORKER = 5;
const STAGE = 6;
const STAGE_START = 7;
const STAGES = 8;
const TABLE = 9;
const SCRATCH = 10;
const SCRATCH_STRIDE = 11;
const FAILED = 12;
const LOST = 13;
/** Counts the stages opened and the jobs ended: what a thread of this slot waits for when it finds no tile. */
const OPENED = 14;
const SLOT_WORDS = 16;
const SLOT_BASE = HEADER + MOST_WORKERS * WORKER_WORDS;

export const BOARD_BYTES: number = (SLOT_BASE + SLOTS * SLOT_WORDS) * 4;

const RUNNING = 1;
const FINISHED = 2;

/** A job as it is put into a slot. */
export interface Job {
  readonly table: number;
  readonly stages: number;
  readonly scratch: number;
  readonly scratchStride: number;
  /** Workers with this number and above leave the job alone. */
  readonly workers: number;
}

/** A tile that a thread has taken and not given back. */
export interface TakenTile {
  readonly slot: number;
  readonly stage: number;
  readonly tile: number;
}

export class Board {
  readonly words: Int32Array;

  constructor(buffer: ArrayBufferLike) {
    this.words = new Int32Array(buffer);
  }

  /** Puts a job into a free slot and wakes threads for it. */
  post(slot: number, job: Job, executor: Executor): void {
    const { words } = this;
    const at = slotAt(slot);
    const start = words[at + NEXT]!;
    words[at + ABORTED] = 0;
    words[at + FAILED] = 0;
    words[at + LOST] = 0;
    words[at + FIRST_FREE_WORKER] = job.workers;
    words[at + STAGE] = 0;
    words[at + STAGE_START] = start;
    words[at + STAGES] = job.stages;
    words[at + TABLE] = job.table;
    words[at + SCRATCH] = job.scratch;
    words[at + SCRATCH_STRIDE] = job.scratchStride;
    Atomics.store(words, at + STATE, RUNNING);
    Atomics.store(words, at + LIMIT, (start + executor.tilesOf(job.table, 0)) | 0);
    Atomics.or(words, ACTIVE, 1 << slot);
    this.wake();
  }

  /** Tells sleeping workers that there is something to look at. */
  wake(): void {
    Atomics.add(this.words, EPOCH, 1);
    if (Atomics.load(this.words, SLEEPERS) > 0) Atomics.notify(this.words, EPOCH);
  }

  get epoch(): number {
    return Atomics.load(this.words, EPOCH);
  }

  /** Waits for the epoch to move on. */
  sleep(epoch: number): void {
    Atomics.add(this.words, SLEEPERS, 1);
    Atomics.wait(this.words, EPOCH, epoch);
    Atomics.sub(this.words, SLEEPERS, 1);
  }

  get quitting(): boolean {
    return Atomics.load(this.words, QUIT) !== 0;
  }

  quit(): void {
    Atomics.store(this.words, QUIT, 1);
    Atomics.add(this.words, EPOCH, 1);
    Atomics.notify(this.words, EPOCH);
  }

  /** The slots in use, one bit each. */
  get active(): number {
    return Atomics.load(this.words, ACTIVE);
  }

  /** Takes the next tile of a slot, if there is one for this worker. */
  take(slot: number, worker: number): TakenTile | undefined {
    const { words } = this;
    const at = slotAt(slot);
    if (worker >= Atomics.load(words, at + FIRST_FREE_WORKER)) return undefined;
    for (;;) {
      const limit = Atomics.load(words, at + LIMIT);
      const next = Atomics.load(words, at + NEXT);
      if (((next - limit) | 0) >= 0) return undefined;
      if (Atomics.compareExchange(words, at + NEXT, next, (next + 1) | 0) !== next) continue;
      // The stage cannot end before this tile is given back, so what stands in the slot now is of this tile.
      const stage = Atomics.load(words, at + STAGE);
      return { slot, stage, tile: (next - Atomics.load(words, at + STAGE_START)) | 0 };
    }
  }

  /** Gives a tile back, done or skipped; the last one of a stage opens the next or ends the job. */
  finish({ slot, stage }: TakenTile, executor: Executor): void {
    const { words } = this;
    const at = slotAt(slot);
    const done = (Atomics.add(words, at + DONE, 1) + 1) | 0;
    const limit = Atomics.load(words, at + LIMIT);
    if (done !== limit) return;
    if (stage + 1 < words[at + STAGES]!) {
      Atomics.store(words, at + STAGE, stage + 1);
      Atomics.store(words, at + STAGE_START, limit);
      Atomics.store(words, at + LIMIT, (limit + executor.tilesOf(words[at + TABLE]!, stage + 1)) | 0);
      this.#announceStage(slot);
      this.wake();
      return;
    }
    this.#end(slot);
  }

  #end(slot: number): void {
    const { words } = this;
    Atomics.and(words, ACTIVE, ~(1 << slot));
    Atomics.store(words, slotAt(slot) + STATE, FINISHED);
    this.#announceStage(slot);
    this.announce(slot);
  }

  #announceStage(slot: number): void {
    Atomics.add(this.words, slotAt(slot) + OPENED, 1);
    Atomics.notify(this.words, slotAt(slot) + OPENED);
  }

  /** From now on tiles of this slot are given back without being computed. */
  abort(slot: number): void {
    Atomics.store(this.words, slotAt(slot) + ABORTED, 1);
  }

  aborted(slot: number): boolean {
    return Atomics.load(this.words, slotAt(slot) + ABORTED) !== 0;
  }

  /** A kernel trapped: the job ends, and says so. */
  fail(slot: number): void {
    Atomics.store(this.words, slotAt(slot) + FAILED, 1);
    this.abort(slot);
  }

  failed(slot: number): boolean {
    return Atomics.load(this.words, slotAt(slot) + FAILED) !== 0;
  }

  /**
   * A worker died between taking a tile and saying so, or between giving it back and saying so: nobody can tell which
   * tile is missing. The job ends without it, to be run again.
   */
  lose(slot: number): void {
    Atomics.store(this.words, slotAt(slot) + LOST, 1);
    this.abort(slot);
  }

  lost(slot: number): boolean {
    return Atomics.load(this.words, slotAt(slot) + LOST) !== 0;
  }

  /** Ends a lost job, once all its tiles are taken and no worker is at it any more, and makes its counters agree again. */
  reset(slot: number): void {
    const { words } = this;
    const at = slotAt(slot);
    const next = Atomics.load(words, at + NEXT);
    Atomics.store(words, at + LIMIT, next);
    Atomics.store(words, at + DONE, next);
    this.#end(slot);
  }

  /** Wakes whoever waits for a job that has ended: its last worker may have died before it could. */
  announce(slot: number): void {
    Atomics.notify(this.words, slotAt(slot) + STATE);
  }

  /** Whether any worker is at a slot. */
  isHeld(slot: number): boolean {
    for (let worker = 0; worker < MOST_WORKERS; worker++) {
      if (this.#slotsOf(worker).includes(slot)) return true;
    }
    return false;
  }

  finished(slot: number): boolean {
    return Atomics.load(this.words, slotAt(slot) + STATE) === FINISHED;
  }

  /** Runs a tile to its end, or until the job is aborted; `between` is called between its steps. */
  run(taken: TakenTile, thread: number, executor: Executor, between?: () => void): void {
    const steps = this.stepsOf(taken, executor);
    for (let step = 0; step < steps && !this.aborted(taken.slot); step++) {
      if (step > 0) between?.();
      this.runStep(taken, thread, step, executor);
    }
  }

  stepsOf({ slot, stage, tile }: TakenTile, executor: Executor): number {
    return executor.stepsOf(this.words[slotAt(slot) + TABLE]!, stage, tile);
  }

  /** One step of a tile, with the scratch of this thread. */
  runStep({ slot, stage, tile }: TakenTile, thread: number, step: number, executor: Executor): void {
    const at = slotAt(slot);
    const scratch = this.words[at + SCRATCH]! + thread * this.words[at + SCRATCH_STRIDE]!;
    executor.runStep(this.words[at + TABLE]!, stage, tile, scratch, step);
  }

  /** Moves on with every stage that is opened and with the end of the job: a number to compare with a later one. */
  openedIn(slot: number): number {
    return Atomics.load(this.words, slotAt(slot) + OPENED);
  }

  /**
   * Blocks until a stage is opened or the job ends after `opened` was read, or the time is up. Where the platform does
   * not let this thread wait, it returns at once, to look again: what is missing are tiles under way.
   */
  waitFor(slot: number, opened: number, milliseconds: number): void {
    if (mayBlock()) Atomics.wait(this.words, slotAt(slot) + OPENED, opened, milliseconds);
  }

  /** Resolves when the job has ended. */
  async whenFinished(slot: number): Promise<void> {
    while (!this.finished(slot)) {
      const wait = Atomics.waitAsync(this.words, slotAt(slot) + STATE, RUNNING);
      if (wait.async) await wait.value;
    }
  }

  /** A worker says that it has come to life. */
  start(worker: number): void {
    Atomics.store(this.words, workerAt(worker) + STARTED, 1);
  }

  hasStarted(worker: number): boolean {
    return Atomics.load(this.words, workerAt(worker) + STARTED) !== 0;
  }

  /**
   * Says what a worker is about to hold, before it holds it: what a dead worker held can be told.
   *
   * @param depth 0, or 1 for a tile that is taken between the steps of another
   */
  hold(worker: number, depth: number, slot: number): void {
    Atomics.store(this.words, workerAt(worker) + depth * HELD_WORDS + HELD_SLOT, slot + 1);
  }

  holdTile(worker: number, depth: number, { stage, tile }: TakenTile): void {
    const at = workerAt(worker) + depth * HELD_WORDS;
    Atomics.store(this.words, at + HELD_STAGE, stage);
    Atomics.store(this.words, at + HELD_TILE, tile + 1);
  }

  release(worker: number, depth: number): void {
    const at = workerAt(worker) + depth * HELD_WORDS;
    Atomics.store(this.words, at + HELD_TILE, 0);
    Atomics.store(this.words, at + HELD_SLOT, 0);
  }

  /** A worker gives back only a tile that nobody has taken from it. */
  claim(worker: number, depth: number, { tile }: TakenTile): boolean {
    const at = workerAt(worker) + depth * HELD_WORDS + HELD_TILE;
    return Atomics.compareExchange(this.words, at, tile + 1, 0) === tile + 1;
  }

  /** Takes from a worker the tiles that it holds, of all slots or of one. */
  takeFrom(worker: number, slot?: number): TakenTile[] {
    const taken: TakenTile[] = [];
    for (let depth = 0; depth < DEPTHS; depth++) {
      const at = workerAt(worker) + depth * HELD_WORDS;
      const held = Atomics.load(this.words, at + HELD_SLOT) - 1;
      const tile = Atomics.load(this.words, at + HELD_TILE) - 1;
      if (held < 0 || tile < 0 || (slot !== undefined && held !== slot)) continue;
      const found = { slot: held, stage: Atomics.load(this.words, at + HELD_STAGE), tile };
      if (!this.claim(worker, depth, found)) continue;
      taken.push(found);
    }
    return taken;
  }

  /** Whether a worker is at work on anything, or died at it and nobody has noticed yet. */
  isBusy(worker: number): boolean {
    return this.#slotsOf(worker).length > 0;
  }

  /** What a dead worker was at; forgotten with this. */
  forget(worker: number): number[] {
    const slots = this.#slotsOf(worker);
    for (let depth = 0; depth < DEPTHS; depth++) this.release(worker, depth);
    return slots;
  }

  #slotsOf(worker: number): number[] {
    const slots: number[] = [];
    for (let depth = 0; depth < DEPTHS; depth++) {
      const slot = Atomics.load(this.words, workerAt(worker) + depth * HELD_WORDS + HELD_SLOT);
      if (slot !== 0) slots.push(slot - 1);
    }
    return slots;
  }

  /** How many tiles of a slot have been given back, as a number to compare with a later one. */
  doneIn(slot: number): number {
    return Atomics.load(this.words, slotAt(slot) + DONE);
  }
}

function slotAt(slot: number): number {
  return SLOT_BASE + slot * SLOT_WORDS;
}

function workerAt(worker: number): number {
  return HEADER + worker * WORKER_WORDS;
}
