// One engine at work: linear memory, kernels, threads. Runs programs here and now, or off this thread.

import { AttentionError } from "../errors.ts";
import { type Block, bind, blockBytes, copyIn, copyOut, residentAddresses } from "./block.ts";
import { BOARD_BYTES, Board, LOOKS_BEFORE_SLEEP, SLOTS, type TakenTile } from "./board.ts";
import { copyAllIn, copyAllOut, detach } from "./copies.ts";
import {
  checkMemory,
  checkQueue,
  countThreads,
  type EngineOptions,
  readEngineOptions,
  whyAlone,
} from "./engine-options.ts";
import { Executor } from "./executor.ts";
import { type KernelSizes, kernelSizes } from "./generated/kernels.ts";
import { type ChosenKernels, chooseKernels, compileKernels, type WideVerdict } from "./kernel-sets.ts";
import { Line } from "./line.ts";
import { LinearMemory } from "./linear-memory.ts";
import { Pool } from "./pool.ts";
import type { Call, Program } from "./program.ts";
import { Recovery } from "./recovery.ts";
import { Slices } from "./slices.ts";
import { isTraced, traceAsync, traceSync } from "./tracing.ts";

/** Work below this many operations (some 60 us) is not worth waking a thread for. */
const WORTH_WAKING = 2e6;
/** A sync call looks after its workers at least this often. */
const WAIT_MILLISECONDS = 5;
/** When they have given nothing back for so long, it does what they hold itself: a dead worker cannot be told from here. */
const PATIENCE_MILLISECONDS = 250;

/** What an async call has while it runs: a slot of the board, and its block of memory. */
interface Place {
  readonly slot: number;
  readonly block: Block;
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
  readonly #executor: Executor;
  readonly #board: Board;
  readonly #recovery: Recovery;
  readonly #slices: Slices;
  readonly #line: Line<Place>;
  #pool: Pool | undefined;
  readonly #freeSlots: number[] = Array.from({ length: SLOTS }, (_, i) => SLOTS - 1 - i);
  readonly #whenIdle: (() => void)[] = [];
  /** Async calls in flight, and bytes of memory that those of them hold that have a place. */
  #running = 0;
  #held = 0;
  #disposal: Promise<void> | undefined;

  /** @param judgeWide says whether the wide kernels may be used, for shared memory or not; asked only where they are wanted */
  constructor(given: EngineOptions, judgeWide: (shared: boolean) => WideVerdict) {
    const options = readEngineOptions(given);
    const limit = checkMemory(options.maxMemory);
    this.#line = new Line(checkQueue(options.queueLimit));
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
    this.#recovery = new Recovery(this.#board, this.#executor, this.memory);
    this.#slices = new Slices(this.#board, this.#executor);
    if (shared)
      this.#pool = new Pool(
        threads,
        this.#board,
        this.#executor,
        { module, memory: this.memory.memory, board: board as SharedArrayBuffer },
        {
          giveUp: (reason) => this.#goOnAlone(reason),
          inDoubt: (slot) => this.#recovery.resolveDoubt(slot),
        },
      );
  }

  /** Async calls in flight, those included that wait. */
  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#line.length;
  }

  get disposed(): boolean {
    return this.#disposal !== undefined;
  }

  /** Starts the workers, so that the first call does not wait for them. */
  start(): void {
    this.#pool?.start();
  }

  /** Frees what is held back because of workers that were given up on, where they have come round since. */
  settle(): void {
    this.#recovery.settle();
  }

  /** Runs a call here and now; the pool helps where that pays. */
  runSync<R>({ program, result }: Call<R>): R {
    this.checkUsable();
    if (!isTraced()) {
      this.#compute(program);
      return result;
    }
    return traceSync(program, () => {
      this.#compute(program);
      return result;
    });
  }

  #compute(program: Program): void {
    const helpers =
      this.#pool !== undefined && this.threads > 1 && program.work > WORTH_WAKING ? this.threads - 1 : 0;
    const slot = helpers > 0 ? this.#freeSlots.at(-1) : undefined;
    const threads = slot === undefined ? 1 : helpers + 1;
    const block = bind(program, this.memory, threads);
    if (slot !== undefined) this.#freeSlots.pop();
    try {
      for (const transfer of block.inputs) copyIn(transfer, this.memory);
      if (slot === undefined) this.#runAlone(program, block);
      else this.#runTogether(program, block, slot, helpers);
      for (const transfer of block.outputs) copyOut(transfer, this.memory);
    } finally {
      this.#recovery.free(block.address);
      if (slot !== undefined) this.#freeSlots.push(slot);
    }
  }

  /** Computes a call here, over and over for some milliseconds; its results are dropped. */
  repeatSync({ program }: Call<unknown>, milliseconds: number): void {
    const block = bind(program, this.memory, 1);
    for (const transfer of block.inputs) copyIn(transfer, this.memory);
    const end = performance.now() + milliseconds;
    do this.#runAlone(program, block);
    while (performance.now() < end);
    this.memory.free(block.address);
  }

  /** Runs a call off this thread, or in slices where there are no workers. */
  async run<R>({ program, result }: Call<R>, signal?: AbortSignal): Promise<R> {
    signal?.throwIfAborted();
    this.checkUsable();
    if (program.stages.length === 0) return result;
    return traceAsync(program, async (started) => {
      await this.#runAsync(program, signal, started);
      return result;
    });
  }

  /** Runs a call once something else is done. What it reads is settled now, as it is when a call runs at once. */
  async runAfter<R>(prepare: () => Promise<void>, call: Call<R>, signal?: AbortSignal): Promise<R> {
    signal?.throwIfAborted();
    this.checkUsable();
    const pinned = this.memory.pin(residentAddresses(call.program, this.memory));
    try {
      detach(call.program, this.memory);
      await unlessAborted(prepare(), signal);
      return await this.run(call, signal);
    } finally {
      this.memory.unpin(pinned);
    }
  }

  async #runAsync(program: Program, signal: AbortSignal | undefined, started: () => void): Promise<void> {
    // A tensor may be disposed, or forgotten and collected, while the call that uses it runs.
    const pinned = this.memory.pin(residentAddresses(program, this.memory));
    let place: Place | Promise<Place>;
    try {
      place = this.#takePlace(program, signal);
    } catch (error) {
      this.memory.unpin(pinned);
      throw error;
    }
    this.#running++;
    const pool = this.#pool;
    pool?.callStarts();
    try {
      const { slot, block } = place instanceof Promise ? await place : place;
      started();
      try {
        await copyAllIn(block.inputs, this.memory, signal);
        await this.#runInSlot(program, block, slot, signal);
        await copyAllOut(block.outputs, this.memory);
      } finally {
        this.#leavePlace(slot, block);
      }
    } finally {
      this.memory.unpin(pinned);
      pool?.callEnds();
      this.#running--;
      if (this.#running === 0) for (const idle of this.#whenIdle.splice(0)) idle();
      // Tensors that the call kept from being freed may have made room.
      this.#line.advance();
    }
  }

  /** Ends the workers and lets go of the memory. What is in flight ends first. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#end();
    return this.#disposal;
  }

  async #end(): Promise<void> {
    await this.endThreads();
    this.#executor.close();
    this.memory.close();
  }

  /** All that is left to do for an engine that nobody can call any more: its memory goes with the last of its tensors. */
  async endThreads(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    await this.#pool?.dispose();
    this.#pool = undefined;
  }

  checkUsable(): void {
    if (this.disposed) throw new AttentionError("ERR_DISPOSED", "this engine is disposed");
  }

  /**
   * A place at once where there is one, else in turn: inputs are then copied now as far as they are promised to be.
   *
   * @throws AttentionError `ERR_MEMORY` where there never will be one, `ERR_QUEUE_FULL`
   */
  #takePlace(program: Program, signal: AbortSignal | undefined): Place | Promise<Place> {
    const seat = (): Place | undefined => this.#seat(program);
    const place = this.#line.length === 0 ? seat() : undefined;
    if (place !== undefined) return place;
    this.memory.checkLimit(blockBytes(program, this.memory, this.#scratches), this.#held, program.name);
    this.#line.checkRoom();
    detach(program, this.memory);
    return this.#line.wait(seat, signal);
  }

  /** How many threads get scratch. */
  get #scratches(): number {
    return Math.max(1, this.threads);
  }

  #seat(program: Program): Place | undefined {
    const slot = this.#freeSlots.at(-1);
    if (slot === undefined) return undefined;
    let block: Block;
    try {
      block = bind(program, this.memory, this.#scratches);
    } catch (error) {
      // Calls in flight will give memory back.
      if (this.#held > 0) return undefined;
      throw error;
    }
    this.#freeSlots.pop();
    this.#held += block.bytes;
    return { slot, block };
  }

  #leavePlace(slot: number, block: Block): void {
    this.#recovery.free(block.address);
    this.#held -= block.bytes;
    this.#freeSlots.push(slot);
    this.#line.advance();
  }

  #runAlone(program: Program, block: Block): void {
    for (let stage = 0; stage < program.stages.length; stage++) {
      const tiles = this.#executor.tilesOf(block.table, stage);
      for (let tile = 0; tile < tiles; tile++) {
        const steps = this.#executor.stepsOf(block.table, stage, tile);
        for (let step = 0; step < steps; step++)
          this.#executor.runStep(block.table, stage, tile, block.scratch, step);
      }
    }
  }

  /** This thread takes tiles like any worker, then waits for those that the workers still hold. */
  #runTogether(program: Program, block: Block, slot: number, helpers: number): void {
    const compute = (taken: TakenTile): void => {
      this.#board.run(taken, helpers, this.#executor);
      this.#board.finish(taken, this.#executor);
    };
    this.#pool?.start();
    this.#board.post(slot, { ...jobOf(program, block), workers: helpers }, this.#executor);
    let done = this.#board.doneIn(slot);
    let patience = performance.now() + PATIENCE_MILLISECONDS;
    for (let looks = 0; !this.#board.finished(slot); ) {
      const opened = this.#board.openedIn(slot);
      const taken = this.#board.take(slot, -1);
      if (taken !== undefined) compute(taken);
      else if (looks < LOOKS_BEFORE_SLEEP) looks++;
      else this.#board.waitFor(slot, opened, WAIT_MILLISECONDS);
      if (taken !== undefined) looks = 0;
      if (done !== this.#board.doneIn(slot)) {
        done = this.#board.doneIn(slot);
        patience = performance.now() + PATIENCE_MILLISECONDS;
      } else if (performance.now() > patience) {
        if (!this.#recovery.takeOver(slot, helpers, compute)) {
          this.#recovery.endLost(slot, helpers);
          this.#runAlone(program, { ...block, scratch: block.scratch + helpers * block.scratchStride });
          return;
        }
        patience = performance.now() + PATIENCE_MILLISECONDS;
      }
    }
    this.#checkFinished(slot, program);
  }

  async #runInSlot(
    program: Program,
    block: Block,
    slot: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const abort = (): void => this.#board.abort(slot);
    signal?.throwIfAborted();
    signal?.addEventListener("abort", abort);
    try {
      do {
        const alone = this.#computesAlone(program);
        const workers = alone ? 0 : this.threads;
        this.#board.post(slot, { ...jobOf(program, block), workers }, this.#executor);
        await (alone ? this.#slices.run(slot) : this.#board.whenFinished(slot));
        signal?.throwIfAborted();
        // No kernel writes to what it reads: a job that lost a tile may be run again.
      } while (this.#board.lost(slot));
      this.#checkFinished(slot, program);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Without workers; and what is over in microseconds does not wait for them to start. */
  #computesAlone({ work }: Program): boolean {
    return this.#pool === undefined || (work <= WORTH_WAKING && !this.#pool.ready);
  }

  #checkFinished(slot: number, program: Program): void {
    if (this.#board.failed(slot))
      throw new AttentionError("ERR_WORKER", `a worker failed while it computed ${program.name}`);
  }

  /** No worker can be started: this thread takes over what they were given, and does without them from now on. */
  #goOnAlone(reason: string): void {
    this.alone = reason;
    this.#pool = undefined;
    this.#slices.runAll();
  }
}

/** What a promise gives, or the reason of an abort that comes first. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort);
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function jobOf(
  program: Program,
  block: Block,
): { table: number; stages: number; scratch: number; scratchStride: number } {
  const { table, scratch, scratchStride } = block;
  return { table, stages: program.stages.length, scratch, scratchStride };
}
