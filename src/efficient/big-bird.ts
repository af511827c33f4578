import type { MaskPredicate } from "../block-mask.ts";
import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { Random } from "../random.ts";
import { checkMost, checkWhole, readOptions } from "../validate/options.ts";

/** Sizes of BigBird's pattern, in blocks. The defaults are those of the paper's base model. */
export interface BigBirdOptions {
  /** Tokens of the sequence: the pattern is for self-attention, L = S. */
  readonly length: number;
  /** Tokens of a block. Give `createBlockMask` the same. Default 64. */
  readonly blockSize?: number | undefined;
  /** How many of the first blocks are global, or the numbers of those that are. Default 2. */
  readonly globalBlocks?: number | readonly number[] | undefined;
  /** Blocks around a query's own that it sees, its own included: an odd number. Default 3. */
  readonly windowBlocks?: number | undefined;
  /** Blocks that each row of blocks sees beside these. Default 3. */
  readonly randomBlocks?: number | undefined;
  /** Draws the random blocks: the same on every machine. Default 0. */
  readonly seed?: number | undefined;
}

const names: ReadonlySet<string> = new Set([
  "length",
  "blockSize",
  "globalBlocks",
  "windowBlocks",
  "randomBlocks",
  "seed",
]);

/**
 * BigBird's pattern (Zaheer et al. 2020, "Big Bird: Transformers for Longer Sequences") as a predicate for
 * `createBlockMask`, in the paper's internal construction (ITC): some blocks of the sequence itself are global. A global
 * block attends to everything and everything attends to it; any other row of blocks attends to the blocks around it and
 * to `randomBlocks` more, drawn without repetition from those that are neither global nor in its window (all of these
 * where there are fewer). Windows end where the sequence ends. Each head of the mask draws blocks of its own.
 *
 * Every row but the global ones costs (global + window + random) * blockSize keys, whatever the length.
 *
 * @throws AttentionError `ERR_OPTION` for sizes that are no whole numbers, an even window, an unknown global block; the
 *   predicate throws `ERR_SHAPE` for a position past `length`
 *
 * @example
 * ```ts
 * import { createBlockMask } from "wasm-attention";
 * import { bigBird } from "wasm-attention/efficient";
 * const mask = createBlockMask(bigBird({ length: 4096 }), { L: 4096, S: 4096 }); // blocks of 64, as in the paper
 * console.log(mask.count()); // { empty: 3474, full: 622, partial: 0 }
 * ```
 */
export function bigBird(given: BigBirdOptions): MaskPredicate {
  const options = readOptions(given, names);
  const { length, blockSize = 64, globalBlocks = 2, windowBlocks = 3, randomBlocks = 3, seed = 0 } = options;
  checkWhole("length", length);
  checkWhole("blockSize", blockSize, 1);
  checkWhole("randomBlocks", randomBlocks);
  checkWindow(windowBlocks);
  const blocks = Math.ceil(length / blockSize);
  checkMost("the number of blocks", blocks, MOST_BLOCKS);
  const random = new Random(seed);
  const pattern = {
    blocks,
    isGlobal: readGlobal(globalBlocks, blocks),
    reach: (windowBlocks - 1) / 2,
    randomBlocks,
  };
  // Heads draw in their order, whichever the predicate is asked for first.
  const heads: Uint8Array[] = [];
  return (_b, h, i, j) => {
    if (i >= length || j >= length) throw tooLong(length, Math.max(i, j));
    while (heads.length <= h) heads.push(drawHead(pattern, random));
    return heads[h]![Math.floor(i / blockSize) * blocks + Math.floor(j / blockSize)] === 1;
  };
}

/** Each head has a byte for each pair of blocks. */
const MOST_BLOCKS: number = 2 ** 15;

interface Pattern {
  readonly blocks: number;
  readonly isGlobal: readonly boolean[];
  /** Blocks before and after a query's own. */
  readonly reach: number;
  readonly randomBlocks: number;
}

/** One head: `[blocks of queries, blocks of keys]`, 1 = attend. */
function drawHead({ blocks, isGlobal, reach, randomBlocks }: Pattern, random: Random): Uint8Array {
  const kept = new Uint8Array(blocks * blocks);
  for (let row = 0; row < blocks; row++) {
    const marks = kept.subarray(row * blocks, (row + 1) * blocks);
    const others: number[] = [];
    for (let column = 0; column < blocks; column++) {
      if (isGlobal[row] || isGlobal[column] || Math.abs(row - column) <= reach) marks[column] = 1;
      else others.push(column);
    }
    for (const column of draw(others, randomBlocks, random)) marks[column] = 1;
  }
  return kept;
}

/** Some of the numbers, without repetition: the first steps of a shuffle (R. Fisher and F. Yates). */
function draw(numbers: number[], count: number, random: Random): number[] {
  const drawn = Math.min(count, numbers.length);
  for (let n = 0; n < drawn; n++) {
    const other = n + Math.floor(random.uniform() * (numbers.length - n));
    [numbers[n], numbers[other]] = [numbers[other]!, numbers[n]!];
  }
  return numbers.slice(0, drawn);
}

function readGlobal(globalBlocks: number | readonly number[], blocks: number): boolean[] {
  const isGlobal = new Array<boolean>(blocks).fill(false);
  if (!Array.isArray(globalBlocks)) {
    checkWhole("globalBlocks", globalBlocks);
    return isGlobal.fill(true, 0, globalBlocks as number);
  }
  for (const block of globalBlocks) {
    if (!Number.isInteger(block) || block < 0 || block >= blocks)
      throw new AttentionError(
        "ERR_OPTION",
        `"globalBlocks" expected numbers of blocks from 0 to ${blocks - 1}, got ${describe(block)}`,
      );
    isGlobal[block] = true;
  }
  return isGlobal;
}

function checkWindow(windowBlocks: number): void {
  checkWhole("windowBlocks", windowBlocks, 1);
  if (windowBlocks % 2 === 0)
    throw new AttentionError(
      "ERR_OPTION",
      `"windowBlocks" expected an odd number, as many before as after, got ${windowBlocks}`,
    );
}

function tooLong(length: number, position: number): AttentionError {
  return new AttentionError(
    "ERR_SHAPE",
    `"length" expected L and S of at most ${length}, got position ${position}`,
  );
}
