/** BigBird's and Longformer's patterns: what they keep, and attention over them. */
import { describe, expect, it } from "vitest";
import { createBlockMask, type MaskPredicate } from "wasm-attention";
import { bigBird, longformer } from "wasm-attention/efficient";
import * as reference from "wasm-attention/reference";
import { expectAccurate } from "../support/accuracy.ts";
import { attentionInputs } from "../support/attention-problem.ts";
import { forEachBackend } from "../support/backends.ts";

/** Which blocks of keys each row of blocks keeps. A block is kept whole or not at all. */
function blocksOf(pattern: MaskPredicate, length: number, blockSize: number, h = 0): boolean[][] {
  const blocks = Math.ceil(length / blockSize);
  const tokens = (block: number) =>
    Array.from({ length: Math.min(blockSize, length - block * blockSize) }, (_, n) => block * blockSize + n);
  return Array.from({ length: blocks }, (_, row) =>
    Array.from({ length: blocks }, (_, column) => {
      const cells = tokens(row).flatMap((i) => tokens(column).map((j) => pattern(0, h, i, j)));
      expect(new Set(cells).size).toBe(1);
      return cells[0]!;
    }),
  );
}

const numbers = (row: readonly boolean[]) => row.flatMap((kept, n) => (kept ? [n] : []));

describe("bigBird", () => {
  const options = { length: 190, blockSize: 10, globalBlocks: 2, windowBlocks: 5, randomBlocks: 3, seed: 4 };
  const blocks = blocksOf(bigBird(options), 190, 10);

  it("global rows and columns are full", () => {
    for (const global of [0, 1]) {
      expect(blocks[global]!.every(Boolean)).toBe(true);
      expect(blocks.every((row) => row[global])).toBe(true);
    }
  });

  it("every other row has its window and exactly so many random blocks", () => {
    blocks.forEach((row, i) => {
      if (i < 2) return;
      const window = numbers(row).filter((j) => Math.abs(i - j) <= 2);
      expect(window).toHaveLength(Math.min(5, 19 - i + 2));
      expect(numbers(row).filter((j) => j > 1 && Math.abs(i - j) > 2)).toHaveLength(3);
    });
  });

  it("takes all blocks that are left where there are fewer than asked for", () => {
    const all = blocksOf(bigBird({ length: 60, blockSize: 10, randomBlocks: 9 }), 60, 10);
    expect(all.flat().every(Boolean)).toBe(true);
  });

  it("global blocks may be named", () => {
    const ends = blocksOf(bigBird({ ...options, globalBlocks: [0, 18], randomBlocks: 0 }), 190, 10);
    expect(ends[18]!.every(Boolean)).toBe(true);
    expect(numbers(ends[9]!)).toEqual([0, 7, 8, 9, 10, 11, 18]);
    const none = blocksOf(bigBird({ ...options, globalBlocks: 0, randomBlocks: 0 }), 190, 10);
    expect(numbers(none[0]!)).toEqual([0, 1, 2]);
  });

  it("draws the same on every machine, in whatever order it is asked, and anew for each head and seed", () => {
    const row = (pattern: MaskPredicate, h: number) => numbers(blocksOf(pattern, 190, 10, h)[9]!);
    const pattern = bigBird(options);
    const second = row(pattern, 1);
    expect([row(pattern, 0), second]).toMatchInlineSnapshot(`
      [
        [
          0,
          1,
          7,
          8,
          9,
          10,
          11,
          12,
          14,
          16,
        ],
        [
          0,
          1,
          2,
          3,
          7,
          8,
          9,
          10,
          11,
          12,
        ],
      ]
    `);
    const forwards = bigBird(options);
    expect([row(forwards, 0), row(forwards, 1)]).toEqual([row(pattern, 0), second]);
    expect(row(bigBird({ ...options, seed: 5 }), 0)).not.toEqual(row(pattern, 0));
  });

  it("random blocks are evenly spread", () => {
    const counts = new Array<number>(19).fill(0);
    for (let seed = 0; seed < 400; seed++) {
      const pattern = bigBird({ ...options, seed });
      for (let block = 0; block < 19; block++) if (pattern(0, 0, 90, block * 10)) counts[block]!++;
    }
    const random = counts.filter((_, block) => block > 1 && Math.abs(block - 9) > 2);
    // 3 of 12 blocks: 100 of 400, give or take 4 standard deviations.
    expect(random).toHaveLength(12);
    for (const count of random) expect(Math.abs(count - 100)).toBeLessThan(4 * Math.sqrt(75));
  });

  it("has no partial block in a mask of the same block size", () => {
    const mask = createBlockMask(bigBird({ length: 1024 }), { H: 2, L: 1024, S: 1024 });
    expect(mask.count().partial).toBe(0);
  });

  it("refuses positions past its length", () => {
    expect(() => createBlockMask(bigBird(options), { L: 190, S: 191 })).toThrow(
      '"length" expected L and S of at most 190, got position 190',
    );
  });
});

describe("longformer", () => {
  const row = (pattern: MaskPredicate, i: number, h = 0) =>
    Array.from({ length: 20 }, (_, j) => j).filter((j) => pattern(0, h, i, j));

  it("keeps a window", () => {
    expect(row(longformer({ window: 4 }), 10)).toEqual([8, 9, 10, 11, 12]);
    expect(row(longformer({ window: 5 }), 10)).toEqual([8, 9, 10, 11, 12]);
    expect(row(longformer({ window: 4 }), 0)).toEqual([0, 1, 2]);
    expect(row(longformer({ window: 0 }), 3)).toEqual([3]);
  });

  it("dilates it, by head where asked", () => {
    expect(row(longformer({ window: 4, dilation: 3 }), 10)).toEqual([4, 7, 10, 13, 16]);
    const perHead = longformer({ window: 4, dilation: [1, 2] });
    expect(row(perHead, 10, 0)).toEqual([8, 9, 10, 11, 12]);
    expect(row(perHead, 10, 1)).toEqual([6, 8, 10, 12, 14]);
    expect(() => createBlockMask(perHead, { H: 3, L: 4, S: 4 })).toThrow(
      '"dilation" expected a number for each head, got 2 and was asked for head 2',
    );
  });

  it("global tokens attend and are attended to", () => {
    const pattern = longformer({ window: 2, globalTokens: [0, 7] });
    expect(row(pattern, 7)).toHaveLength(20);
    expect(row(pattern, 12)).toEqual([0, 7, 11, 12, 13]);
  });
});

describe("attention over a pattern", () => {
  const length = 150;
  const patterns = {
    bigBird: bigBird({ length, blockSize: 16, globalBlocks: 1, randomBlocks: 2, seed: 3 }),
    longformer: longformer({ window: 20, dilation: [1, 3], globalTokens: [0, 70] }),
  };

  forEachBackend((backend) => {
    it.each(Object.entries(patterns))("%s is attention with the same boolean mask", async (_, pattern) => {
      const { query, key, value } = attentionInputs({ H: 2, L: length, S: length, E: 16 }, 5);
      const sizes = { H: 2, L: length, S: length, blockSize: 16 };
      const blockMask = createBlockMask(pattern, sizes);
      const bytes = Uint8Array.from({ length: 2 * length * length }, (_, n) =>
        pattern(0, Math.floor(n / length / length), Math.floor(n / length) % length, n % length) ? 1 : 0,
      );
      const mask = { data: bytes, shape: [2, length, length] };
      const exact = reference.scaledDotProductAttention(query, key, value, { mask }).output;
      const { output } = await backend.scaledDotProductAttention(query, key, value, { blockMask });
      expectAccurate(output, exact, { absolute: 2e-6, relative: 0 }, "output");
    });
  });
});
