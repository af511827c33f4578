// A thread of the pool: takes tiles from the board, slot by slot in turn, so that jobs in flight share it fairly, and
// sleeps when there are none.

import { Board } from "./board.ts";
import { Executor } from "./executor.ts";
import { workerThreads } from "./platform.ts";

/** What a worker is started with. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly board: SharedArrayBuffer;
  readonly index: number;
}

/** A job that spans several stages opens the next within microseconds: looking again is cheaper than sleeping. */
const LOOKS_BEFORE_SLEEP = 200;

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

/** One tile of every job there is; says whether there was any. */
function workOnce(board: Board, executor: Executor, index: number, depth: number, except = 0): boolean {
  let worked = false;
  for (let active = board.active & ~except; active !== 0; active &= active - 1) {
    const slot = 31 - Math.clz32(active & -active);
    board.hold(index, depth, slot);
    const taken = board.take(slot, index);
    if (taken !== undefined) {
      board.holdTile(index, depth, taken);
      // Between the steps of a long tile other jobs get a tile each; theirs are not interrupted in turn.
      const others = depth === 0 ? () => workOnce(board, executor, index, 1, 1 << slot) : undefined;
      try {
        board.run(taken, index, executor, others);
      } catch {
        board.fail(slot);
      }
      if (board.claim(index, depth, taken)) board.finish(taken, executor);
      worked = true;
    }
    board.release(index, depth);
  }
  return worked;
}

const threads = workerThreads();
if (threads?.workerData != null) work(threads.workerData as WorkerStart);
