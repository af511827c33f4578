/** The board: whoever waits for a tile of a stage to come is told when it is there. */
import { describe, expect, it } from "vitest";
import { BOARD_BYTES, Board } from "../../src/engine/board.ts";
import type { Executor } from "../../src/engine/executor.ts";

/** Two stages of a tile each. */
const executor = { tilesOf: () => 1 } as unknown as Executor;
const job = { table: 0, stages: 2, scratch: 0, scratchStride: 0, workers: 1 };

function boardWithJob(slot: number): Board {
  const board = new Board(new SharedArrayBuffer(BOARD_BYTES));
  board.post(slot, job, executor);
  return board;
}

describe("a thread that has found no tile", () => {
  it("does not wait when the next stage has been opened since, nor when the job has ended", () => {
    const board = boardWithJob(3);
    for (let stage = 0; stage < job.stages; stage++) {
      const taken = board.take(3, 0)!;
      expect(taken).toEqual({ slot: 3, stage, tile: 0 });
      const opened = board.openedIn(3);
      expect(board.take(3, -1)).toBeUndefined();
      board.finish(taken, executor);
      // Had it not moved on this would hang.
      board.waitFor(3, opened, Number.POSITIVE_INFINITY);
    }
    expect(board.finished(3)).toBe(true);
  });

  it("does not wait for a lost job that has been ended", () => {
    const board = boardWithJob(0);
    board.take(0, 0);
    const opened = board.openedIn(0);
    board.lose(0);
    board.reset(0);
    board.waitFor(0, opened, Number.POSITIVE_INFINITY);
    expect(board.finished(0)).toBe(true);
  });
});
