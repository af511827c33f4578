/**
 * A thread of the pool: takes tiles from the board, a turn of each slot after the other, so that jobs in flight share it fairly,
 * and sleeps when there are none. Bundlers take it as an entry; there is nothing to import. This file's name is its own in any
 * folder: a bundle may lie beside a user's worker.js.
 *
 * @module
 */

import { Board, LOOKS_BEFORE_SLEEP } from "./board.ts";
import { Executor } from "./executor.ts";
import { isWorker, workerThreads } from "./platform.ts";

/** What a worker is started with. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly board: SharedArrayBuffer;
  readonly index: number;
}

/** Jobs share a thread by time, not by tiles, whose lengths differ a hundredfold. */
const TURN_MILLISECONDS = 1;

function work({ module, memory, board: buffer, index }: WorkerStart): void {
  const board = new Board(buffer);
  const executor = new Executor(module, memory);
  board.start(index);
  let looks = 0;
  while (!board.quitting) {
    const epoch = board.epoch;
    if (workOnce(board, executor, index, 0)) looks = 0;
    else if (board.active !== 0 && looks < LOOKS_BEFORE_SLEEP) looks++;
    else {
      board.sleep(epoch);
      looks = 0;
    }
  }
}

/** A turn at every job there is; says whether there was anything to do. */
function workOnce(board: Board, executor: Executor, index: number, depth: number, except = 0): boolean {
  let worked = false;
  for (let active = board.active & ~except; active !== 0; active &= active - 1) {
    const slot = 31 - Math.clz32(active & -active);
    const end = performance.now() + TURN_MILLISECONDS;
    while (workAt(slot, board, executor, index, depth)) {
      worked = true;
      if (performance.now() >= end) break;
    }
  }
  return worked;
}

/** One tile of a job, if there is one left. */
function workAt(slot: number, board: Board, executor: Executor, index: number, depth: number): boolean {
  board.hold(index, depth, slot);
  const taken = board.take(slot, index);
  if (taken !== undefined) {
    board.holdTile(index, depth, taken);
    // Between the steps of a long tile other jobs have their turns; theirs are not interrupted in turn.
    const others = depth === 0 ? () => workOnce(board, executor, index, 1, 1 << slot) : undefined;
    try {
      board.run(taken, index, executor, others);
    } catch {
      board.fail(slot);
    }
    if (board.claim(index, depth, taken)) board.finish(taken, executor);
  }
  board.release(index, depth);
  return taken !== undefined;
}

const threads = workerThreads();
if (threads?.workerData != null) work(threads.workerData as WorkerStart);
else if (threads === undefined && isWorker())
  addEventListener("message", ({ data }: MessageEvent<WorkerStart>) => work(data), { once: true });
