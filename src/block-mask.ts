import { describe } from "./describe.ts";
import { nextTurn } from "./engine/platform.ts";
import { AttentionError } from "./errors.ts";
import { unreadable } from "./tensor-like.ts";
import { arrayType, lengthOf } from "./typed-array.ts";
import { checkMost, checkWhole, readOptions } from "./validate/options.ts";

/** Says whether query i of batch entry b and head h may attend to key j. Indices are raw: no offset is added. */
export type MaskPredicate = (b: number, h: number, i: number, j: number) => boolean;

/** Sizes of a block mask. B and H of 1 hold for every batch entry and head. */
export interface BlockMaskSizes {
  readonly B?: number | undefined;
  readonly H?: number | undefined;
  readonly L: number;
  readonly S: number;
  /** Queries and keys of a block. Default 64. */
  readonly blockSize?: number | undefined;
}

/** Kinds of a block; a partial one is FIRST_PARTIAL + its number among the partial ones. */
const EMPTY = 0;
const FULL = 1;
const FIRST_PARTIAL = 2;
const DEFAULT_BLOCK_SIZE = 64;

/**
 * A mask by blocks: empty ones are not computed, full ones not masked, and only partial ones hold a byte for each score.
 * Made by `createBlockMask`; `and` and `or` combine two of the same sizes.
 */
export class BlockMask {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly S: number;
  readonly blockSize: number;
  /** `[B, H, blocks of queries, blocks of keys]`. */
  readonly kinds: Uint32Array;
  /** `[partial blocks, blockSize, blockSize]`, 1 = attend. */
  readonly bytes: Uint8Array;

  /** @internal Use `createBlockMask`. */
  constructor(sizes: CheckedSizes, kinds: Uint32Array, bytes: Uint8Array) {
    this.B = sizes.B;
    this.H = sizes.H;
    this.L = sizes.L;
    this.S = sizes.S;
    this.blockSize = sizes.blockSize;
    this.kinds = kinds;
    this.bytes = bytes;
  }

  /** Blocks along the queries and along the keys. */
  get rows(): number {
    return Math.ceil(this.L / this.blockSize);
  }

  get columns(): number {
    return Math.ceil(this.S / this.blockSize);
  }

  /** How many blocks are empty, full and partial. */
  count(): { empty: number; full: number; partial: number } {
    let empty = 0;
    let full = 0;
    for (const kind of this.kinds) {
      if (kind === EMPTY) empty++;
      else if (kind === FULL) full++;
    }
    return { empty, full, partial: this.kinds.length - empty - full };
  }

  /** Whether query i of batch entry b and head h may attend to key j. */
  allows(b: number, h: number, i: number, j: number): boolean {
    const { blockSize } = this;
    const matrix = (this.B === 1 ? 0 : b) * this.H + (this.H === 1 ? 0 : h);
    const row = matrix * this.rows + Math.floor(i / blockSize);
    const kind = this.kinds[row * this.columns + Math.floor(j / blockSize)]!;
    if (kind < FIRST_PARTIAL) return kind === FULL;
    return (
      this.bytes[((kind - FIRST_PARTIAL) * blockSize + (i % blockSize)) * blockSize + (j % blockSize)] === 1
    );
  }

  /** What both masks allow. */
  and(other: BlockMask): BlockMask {
    return this.#combine(other, (a, b) => a && b);
  }

  /** What either mask allows. */
  or(other: BlockMask): BlockMask {
    return this.#combine(other, (a, b) => a || b);
  }

  #combine(given: BlockMask, join: (a: boolean, b: boolean) => boolean): BlockMask {
    const other = readBlockMask(given, "other");
    const { L, S, blockSize } = this;
    if (other.L !== L || other.S !== S)
      throw new AttentionError(
        "ERR_SHAPE",
        `"other" expected a block mask of L=${L}, S=${S}, got L=${other.L}, S=${other.S}`,
      );
    const sizes = { B: widest("B", this.B, other.B), H: widest("H", this.H, other.H), L, S, blockSize };
    return createBlockMask((b, h, i, j) => join(this.allows(b, h, i, j), other.allows(b, h, i, j)), sizes);
  }
}

/**
 * @internal A block mask as it is now, which nobody else has. Its arrays are open to everyone: what a kernel finds by them
 * is checked.
 */
export function readBlockMask(given: unknown, name = "blockMask"): BlockMask {
  try {
    if (given instanceof BlockMask) {
      const { B, H, L, S, blockSize, kinds, bytes } = given;
      const mask = new BlockMask({ B, H, L, S, blockSize }, kinds, bytes);
      if (isWhole(mask)) return mask;
      throw new AttentionError("ERR_OPTION", `"${name}" has been changed since createBlockMask made it`);
    }
  } catch (cause) {
    throw unreadable(name, cause);
  }
  throw new AttentionError(
    "ERR_DTYPE",
    `"${name}" expected what createBlockMask returns, got ${describe(given)}`,
  );
}

function isWhole({ B, H, L, S, blockSize, rows, columns, kinds, bytes }: BlockMask): boolean {
  if (![B, H, L, S, blockSize].every((size) => Number.isInteger(size))) return false;
  if (arrayType(kinds) !== "Uint32Array" || arrayType(bytes) !== "Uint8Array") return false;
  if (!(blockSize >= 1) || lengthOf(kinds) !== B * H * rows * columns) return false;
  const most = lengthOf(bytes) / blockSize / blockSize + FIRST_PARTIAL;
  for (const kind of kinds) if (kind >= most) return false;
  return true;
}

function widest(name: string, a: number, b: number): number {
  if (a !== b && a !== 1 && b !== 1)
    throw new AttentionError("ERR_SHAPE", `"other" expected ${name} of 1 or ${a}, got ${b}`);
  return Math.max(a, b);
}

/**
 * Builds a block mask from a predicate, which is asked once for every score.
 *
 * @throws AttentionError `ERR_OPTION` for sizes that are no whole numbers
 *
 * @example
 * ```ts
 * import { createBlockMask, scaledDotProductAttentionSync, tensor } from "wasm-attention";
 * const neighbours = createBlockMask((b, h, i, j) => Math.abs(i - j) < 8, { L: 256, S: 256 });
 * console.log(neighbours.count()); // { empty: 6, full: 0, partial: 10 }
 * const x = tensor(new Float32Array(256 * 64), [256, 64]);
 * const { output } = scaledDotProductAttentionSync(x, x, x, { blockMask: neighbours });
 * ```
 */
export function createBlockMask(mask: MaskPredicate, sizes: BlockMaskSizes): BlockMask {
  const builder = new Builder(mask, checkMask(mask, sizes));
  for (let row = 0; row < builder.rows; row++) builder.addRow(row);
  return builder.finish();
}

/** The same, giving the event loop its turn every few milliseconds. */
export async function createBlockMaskAsync(mask: MaskPredicate, sizes: BlockMaskSizes): Promise<BlockMask> {
  const builder = new Builder(mask, checkMask(mask, sizes));
  let end = performance.now() + SLICE_MILLISECONDS;
  for (let row = 0; row < builder.rows; row++) {
    builder.addRow(row);
    if (performance.now() < end) continue;
    await nextTurn();
    end = performance.now() + SLICE_MILLISECONDS;
  }
  return builder.finish();
}

const SLICE_MILLISECONDS = 4;

const sizeNames: ReadonlySet<string> = new Set(["B", "H", "L", "S", "blockSize"]);

/** There is a word for each block, and each partial block has a byte for each of its scores. */
const MOST_BLOCKS: number = 2 ** 28;
const MOST_BLOCK_SIZE = 4096;

function checkMask(mask: MaskPredicate, given: BlockMaskSizes): CheckedSizes {
  if (typeof mask !== "function")
    throw new AttentionError("ERR_OPTION", `"mask" expected a function, got ${describe(mask)}`);
  if (typeof given !== "object" || given === null)
    throw new AttentionError("ERR_OPTION", `"sizes" expected { L, S }, got ${describe(given)}`);
  const sizes = readOptions(given, sizeNames, "sizes");
  const { B = 1, H = 1, L, S, blockSize = DEFAULT_BLOCK_SIZE } = sizes;
  for (const [name, size] of Object.entries({ B, H, blockSize })) checkWhole(name, size, 1);
  for (const [name, size] of Object.entries({ L, S })) checkWhole(name, size);
  checkMost("blockSize", blockSize, MOST_BLOCK_SIZE);
  const blocks = B * H * Math.max(1, Math.ceil(L / blockSize)) * Math.max(1, Math.ceil(S / blockSize));
  if (blocks > MOST_BLOCKS)
    throw new AttentionError(
      "ERR_MEMORY",
      `a block mask of [B=${B}, H=${H}, L=${L}, S=${S}] in blocks of ${blockSize} has more than ${MOST_BLOCKS} of them`,
    );
  return { B, H, L, S, blockSize };
}

type CheckedSizes = { readonly [Name in keyof BlockMaskSizes]-?: number };

/** Asks the predicate block by block. */
class Builder {
  readonly #mask: MaskPredicate;
  readonly #sizes: CheckedSizes;
  readonly #columns: number;
  readonly #kinds: Uint32Array;
  readonly #partial: Uint8Array[] = [];
  /** Rows of blocks, over all matrices. */
  readonly rows: number;

  constructor(mask: MaskPredicate, sizes: CheckedSizes) {
    const { B, H, L, S, blockSize } = sizes;
    this.#mask = mask;
    this.#sizes = sizes;
    this.#columns = Math.ceil(S / blockSize);
    this.rows = B * H * Math.ceil(L / blockSize);
    this.#kinds = new Uint32Array(this.rows * this.#columns);
  }

  addRow(row: number): void {
    for (let column = 0; column < this.#columns; column++)
      this.#kinds[row * this.#columns + column] = this.#kindOf(row, column);
  }

  finish(): BlockMask {
    const { blockSize } = this.#sizes;
    const bytes = new Uint8Array(this.#partial.length * blockSize * blockSize);
    this.#partial.forEach((block, n) => {
      bytes.set(block, n * blockSize * blockSize);
    });
    return new BlockMask(this.#sizes, this.#kinds, bytes);
  }

  #kindOf(row: number, column: number): number {
    const { H, L, S, blockSize } = this.#sizes;
    const perMatrix = Math.ceil(L / blockSize);
    const matrix = Math.floor(row / perMatrix);
    const [b, h] = [Math.floor(matrix / H), matrix % H];
    const [top, left] = [(row % perMatrix) * blockSize, column * blockSize];
    const [height, width] = [Math.min(blockSize, L - top), Math.min(blockSize, S - left)];
    const block = new Uint8Array(blockSize * blockSize);
    let kept = 0;
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        if (!this.#mask(b, h, top + i, left + j)) continue;
        block[i * blockSize + j] = 1;
        kept++;
      }
    }
    if (kept === 0) return EMPTY;
    if (kept === height * width) return FULL;
    return this.#partial.push(block) - 1 + FIRST_PARTIAL;
  }
}
