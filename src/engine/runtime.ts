// One engine at work: linear memory, kernels, threads. Runs bound programs here and now, or off this thread.

import { AttentionError } from "../errors.ts";
import {
  type Block,
  bind,
  copyIn,
  copyOut,
  inputsOf,
  outputsOf,
  residentAddresses,
  type Transfer,
} from "./block.ts";
import { BOARD_BYTES, Board, SLOTS, type TakenTile } from "./board.ts";
import {
  checkEngineOptions,
  checkMemory,
  checkQueue,
  countThreads,
  type EngineOptions,
  whyAlone,
} from "./engine-options.ts";
import { Executor } from "./executor.ts";
import { type KernelSizes, kernelSizes } from "./generated/kernels.ts";
import { type ChosenKernels, chooseKernels, compileKernels, type WideVerdict } from "./kernel-sets.ts";
import { LinearMemory } from "./linear-memory.ts";
import { soon } from "./platform.ts";
import { Pool } from "./pool.ts";
import type { Call, Program } from "./program.ts";

/** Inputs up to this many bytes are copied before an async call returns, larger ones in slices. */
const COPY_AT_ONCE = 4 * 1024 * 1024;
/** Elements of one slice of a copy, about a millisecond's worth. */
const COPY_SLICE = 512 * 1024;
/** Work below this many operations (some 60 us) is not worth waking a thread for. */
const WORTH_WAKING = 2e6;
/** How long the one thread computes before it lets the event loop have its turn, where there are no workers. */
const SLICE_MILLISECONDS = 4;
/** A sync call looks after its workers at least this often. */
const WAIT_MILLISECONDS = 5;
/** When they have given nothing back for so long, it does what they hold itself: a dead worker cannot be told from here. */
const PATIENCE_MILLISECONDS = 250;

/** A job that is computed on this thread, slice by slice: the tile it is in, and its next step. */
interface SlicedJob {
  readonly resolve: () => void;
  taken: TakenTile | undefined;
  step: number;
}

export class Runtime {
  readonly memory: LinearMemory;
  readonly kernels: ChosenKernels;
  /** The sizes of these kernels, which plans are made for. */
  readonly sizes: KernelSizes;
  /** Threads that compute together; 0 = this one only. */
  readonly threads: number;
  /** Why there are no workers, where there are none. */
  alone: string | undefined;
  readonly queueLimit: number;
  readonly #executor: Executor;
  readonly #board: Board;
  #pool: Pool | undefined;
  readonly #freeSlots: number[] = Array.from({ length: SLOTS }, (_, i) => SLOTS - 1 - i);
  readonly #waiting: (() => void)[] = [];
  readonly #sliced: Map<number, SlicedJob> = new Map();
  readonly #whenIdle: (() => void)[] = [];
  /** Workers that were given up on, and blocks that they may still write to. */
  readonly #suspects: Set<number> = new Set();
  readonly #suspended: number[] = [];
  #running = 0;
  #disposed = false;

  /** @param judgeWide says whether the wide kernels may be used, for shared memory or not; asked only where they are wanted */
  constructor(options: EngineOptions, judgeWide: (shared: boolean) => WideVerdict) {
    checkEngineOptions(options);
    const limit = checkMemory(options.maxMemory);
    this.queueLimit = checkQueue(options.queueLimit);
    const threads = countThreads(options.threads);
    this.alone = whyAlone(threads);
    const shared = this.alone === undefined;
    this.threads = shared ? threads : 0;
    this.kernels = chooseKernels(options.kernels, () => judgeWide(shared));
    this.sizes = kernelSizes[this.kernels.set];
    this.memory = new LinearMemory(shared, limit);
    const module = compileKernels(this.kernels.set, shared);
    this.#executor = new Executor(module, this.memory.memory);
    const board = shared ? new SharedArrayBuffer(BOARD_BYTES) : new ArrayBuffer(BOARD_BYTES);
    this.#board = new Board(board);
    if (shared)
      this.#pool = new Pool(
        threads,
        this.#board,
        this.#executor,
        { module, memory: this.memory.memory, board: board as SharedArrayBuffer },
        { giveUp: (reason) => this.#goOnAlone(reason), inDoubt: (slot) => this.#resolveDoubt(slot) },
      );
  }

  get running(): number {
    return this.#running;
  }

  /** Calls beyond those that have a slot. */
  get queued(): number {
    return Math.max(0, this.#running - SLOTS);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Starts the workers, so that the first call does not wait for them. */
  start(): void {
    this.#pool?.start();
  }

  /** Runs a call here and now; the pool helps where that pays. */
  runSync<R>({ program, result }: Call<R>): R {
    this.checkUsable();
    const helpers =
      this.#pool !== undefined && this.threads > 1 && program.work > WORTH_WAKING ? this.threads - 1 : 0;
    const slot = helpers > 0 ? this.#freeSlots.pop() : undefined;
    const threads = slot === undefined ? 1 : helpers + 1;
    const block = bind(program, this.memory, threads);
    try {
      for (const transfer of inputsOf(program, block)) copyIn(transfer, this.memory);
      if (slot === undefined) this.#runAlone(program, block);
      else this.#runTogether(program, block, slot, helpers);
      for (const transfer of outputsOf(program, block)) copyOut(transfer, this.memory);
    } finally {
      this.#release(block.address);
      if (slot !== undefined) this.#freeSlot(slot);
    }
    return result;
  }

  /** Computes a call here, over and over for some milliseconds; its results are dropped. */
  repeatSync({ program }: Call<unknown>, milliseconds: number): void {
    const block = bind(program, this.memory, 1);
    for (const transfer of inputsOf(program, block)) copyIn(transfer, this.memory);
    const end = performance.now() + milliseconds;
    do this.#runAlone(program, block);
    while (performance.now() < end);
    this.#release(block.address);
  }

  /** Runs a call off this thread, or in slices where there are no workers. */
  async run<R>({ program, result }: Call<R>, signal?: AbortSignal): Promise<R> {
    signal?.throwIfAborted();
    this.checkUsable();
    if (this.#running >= SLOTS + this.queueLimit)
      throw new AttentionError(
        "ERR_QUEUE_FULL",
        `${this.queued} calls are waiting already, as many as "queueLimit" allows`,
      );
    if (program.stages.length === 0) return result;
    // A tensor may be disposed, or forgotten and collected, while the call that uses it runs.
    const pinned = this.memory.pin(residentAddresses(program, this.memory));
    let block: Block;
    try {
      block = bind(program, this.memory, Math.max(1, this.threads));
    } catch (error) {
      this.memory.unpin(pinned);
      throw error;
    }
    this.#running++;
    const pool = this.#pool;
    pool?.callStarts();
    try {
      await this.#copyAllIn(inputsOf(program, block), signal);
      await this.#runInSlot(program, block, signal);
      await this.#copyAllOut(outputsOf(program, block));
    } finally {
      this.#release(block.address);
      this.memory.unpin(pinned);
      pool?.callEnds();
      this.#running--;
      if (this.#running === 0) for (const idle of this.#whenIdle.splice(0)) idle();
    }
    return result;
  }

  /** Ends the workers. What is in flight ends first. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#running > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    await this.#pool?.dispose();
  }

  checkUsable(): void {
    if (this.#disposed) throw new AttentionError("ERR_DISPOSED", "this engine is disposed");
  }

  #runAlone(program: Program, block: Block): void {
    for (let stage = 0; stage < program.stages.length; stage++) {
      const { tiles, steps } = program.stages[stage]!;
      for (let tile = 0; tile < tiles; tile++) {
        for (let step = 0; step < steps; step++)
          this.#executor.runStep(block.table, stage, tile, block.scratch, step);
      }
    }
  }

  /** This thread takes tiles like any worker, then waits for those that the workers still hold. */
  #runTogether(program: Program, block: Block, slot: number, helpers: number): void {
    this.#pool?.start();
    this.#board.post(slot, { ...jobOf(program, block), workers: helpers }, this.#executor);
    let done = this.#board.doneIn(slot);
    let patience = performance.now() + PATIENCE_MILLISECONDS;
    while (!this.#board.finished(slot)) {
      const taken = this.#board.take(slot, -1);
      if (taken !== undefined) this.#compute(taken, helpers);
      else this.#board.waitFor(slot, WAIT_MILLISECONDS);
      if (done !== this.#board.doneIn(slot)) {
        done = this.#board.doneIn(slot);
        patience = performance.now() + PATIENCE_MILLISECONDS;
      } else if (performance.now() > patience) {
        if (!this.#takeOver(slot, helpers)) {
          this.#runAgainAlone(program, block, slot, helpers);
          return;
        }
        patience = performance.now() + PATIENCE_MILLISECONDS;
      }
    }
    this.#checkFinished(slot, program);
  }

  /** A worker died at a slot: unless its job has ended all the same, it is ended here and run again. */
  #resolveDoubt(slot: number): void {
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

  #compute(taken: TakenTile, thread: number): void {
    this.#board.run(taken, thread, this.#executor);
    this.#board.finish(taken, this.#executor);
  }

  /** Does here what the workers hold of a slot. One that is alive after all gives nothing back, but may still write. */
  #takeOver(slot: number, helpers: number): boolean {
    let found = false;
    for (let worker = 0; worker < helpers; worker++) {
      for (const held of this.#board.takeFrom(worker, slot)) {
        found = true;
        this.#suspects.add(worker);
        this.#compute(held, helpers);
      }
    }
    return found;
  }

  /** A tile is missing and nobody holds it: the job is ended, and all of it computed here. */
  #runAgainAlone(program: Program, block: Block, slot: number, helpers: number): void {
    this.#board.lose(slot);
    for (let worker = 0; worker < helpers; worker++)
      if (this.#board.isBusy(worker)) this.#suspects.add(worker);
    this.#board.reset(slot);
    this.#runAlone(program, { ...block, scratch: block.scratch + helpers * block.scratchStride });
  }

  /** Frees a block; later, as long as a worker that was given up on may still write to it. */
  #release(address: number): void {
    if (this.#suspects.size > 0) this.#suspended.push(address);
    else this.memory.free(address);
    this.settle();
  }

  /** Frees what was held back, once the workers that were given up on have come back or are known to be dead. */
  settle(): void {
    for (const worker of this.#suspects) if (!this.#board.isBusy(worker)) this.#suspects.delete(worker);
    if (this.#suspects.size === 0) for (const address of this.#suspended.splice(0)) this.memory.free(address);
  }

  async #runInSlot(program: Program, block: Block, signal: AbortSignal | undefined): Promise<void> {
    const slot = this.#freeSlots.pop() ?? (await this.#nextFreeSlot(signal));
    const abort = (): void => this.#board.abort(slot);
    try {
      signal?.throwIfAborted();
      signal?.addEventListener("abort", abort);
      do {
        const alone = this.#computesAlone(program);
        this.#board.post(
          slot,
          { ...jobOf(program, block), workers: alone ? 0 : this.threads },
          this.#executor,
        );
        await (alone ? this.#runSliced(slot) : this.#board.whenFinished(slot));
        signal?.throwIfAborted();
        // No kernel writes to what it reads: a job that lost a tile may be run again.
      } while (this.#board.lost(slot));
      this.#checkFinished(slot, program);
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#freeSlot(slot);
    }
  }

  /** Without workers; and what is over in microseconds does not wait for them to start. */
  #computesAlone({ work }: Program): boolean {
    return this.#pool === undefined || (work <= WORTH_WAKING && !this.#pool.ready);
  }

  /** Waits in line for a slot; an abort leaves the line, so that no turn is lost on it. */
  async #nextFreeSlot(signal: AbortSignal | undefined): Promise<number> {
    while (this.#freeSlots.length === 0) {
      let leave = (): void => {};
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        leave = () => {
          const place = this.#waiting.indexOf(resolve);
          if (place >= 0) this.#waiting.splice(place, 1);
          resolve();
        };
        signal?.addEventListener("abort", leave);
      });
      signal?.removeEventListener("abort", leave);
      signal?.throwIfAborted();
    }
    return this.#freeSlots.pop()!;
  }

  #freeSlot(slot: number): void {
    this.#freeSlots.push(slot);
    this.#waiting.shift()?.();
  }

  #checkFinished(slot: number, program: Program): void {
    if (this.#board.failed(slot))
      throw new AttentionError("ERR_WORKER", `a worker failed while it computed ${program.name}`);
  }

  /** No worker can be started: this thread takes over what they were given, and does without them from now on. */
  #goOnAlone(reason: string): void {
    this.alone = reason;
    this.#pool = undefined;
    for (let slots = this.#board.active; slots !== 0; slots &= slots - 1) {
      const slot = 31 - Math.clz32(slots & -slots);
      if (!this.#sliced.has(slot)) void this.#runSliced(slot);
    }
  }

  /** Without workers this thread computes, for a few milliseconds at a time, a tile of each job in turn. */
  #runSliced(slot: number): Promise<void> {
    return new Promise((resolve) => {
      this.#sliced.set(slot, { resolve, taken: undefined, step: 0 });
      if (this.#sliced.size === 1) soon(() => this.#slice());
    });
  }

  #slice(): void {
    const end = performance.now() + SLICE_MILLISECONDS;
    while (this.#sliced.size > 0 && performance.now() < end) {
      for (const slot of this.#sliced.keys()) this.#sliceOf(slot, end);
    }
    if (this.#sliced.size > 0) soon(() => this.#slice());
  }

  /** A tile of one job, or as many of its steps as the time allows. */
  #sliceOf(slot: number, end: number): void {
    const job = this.#sliced.get(slot)!;
    job.taken ??= this.#board.take(slot, -1);
    if (job.taken !== undefined) {
      const steps = this.#board.stepsOf(job.taken, this.#executor);
      do {
        if (!this.#board.aborted(slot)) this.#board.runStep(job.taken, 0, job.step, this.#executor);
        job.step++;
      } while (job.step < steps && performance.now() < end);
      if (job.step < steps) return;
      this.#board.finish(job.taken, this.#executor);
      job.taken = undefined;
      job.step = 0;
    }
    if (!this.#board.finished(slot)) return;
    this.#sliced.delete(slot);
    job.resolve();
  }

  async #copyAllIn(transfers: readonly Transfer[], signal: AbortSignal | undefined): Promise<void> {
    const bytes = transfers.reduce((sum, { elements }) => sum + elements.byteLength, 0);
    if (bytes <= COPY_AT_ONCE) {
      for (const transfer of transfers) copyIn(transfer, this.memory);
      return;
    }
    for (const transfer of transfers) {
      for (let from = 0; from < transfer.elements.length; from += COPY_SLICE) {
        copyIn(transfer, this.memory, from, Math.min(from + COPY_SLICE, transfer.elements.length));
        await new Promise<void>((resolve) => soon(resolve));
        signal?.throwIfAborted();
      }
    }
  }

  async #copyAllOut(transfers: readonly Transfer[]): Promise<void> {
    for (const transfer of transfers) {
      for (let from = 0; from < transfer.elements.length; from += COPY_SLICE) {
        if (from > 0) await new Promise<void>((resolve) => soon(resolve));
        copyOut(transfer, this.memory, from, Math.min(from + COPY_SLICE, transfer.elements.length));
      }
    }
  }
}

function jobOf(
  program: Program,
  block: Block,
): { table: number; stages: number; scratch: number; scratchStride: number } {
  const { table, scratch, scratchStride } = block;
  return { table, stages: program.stages.length, scratch, scratchStride };
}
