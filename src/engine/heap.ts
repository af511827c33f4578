// Where things lie in linear memory. Bookkeeping is kept here, in JavaScript, so that kernels can corrupt none of it and
// every byte is accounted for. No step looks at more than a few blocks, however many there are: caches have ten
// thousands of pages.

import { FreeLists, type FreeRange, type Range } from "./free-lists.ts";
import { OrderedBits } from "./ordered-bits.ts";

const ALIGNMENT = 64;
// Inside, all is counted in units of 64 bytes: V8 handles whole numbers below 2^30 faster than others.

/** Blocks of a range of addresses: each from a free range of about its length, neighbours joined when freed. */
export class Heap {
  readonly #free: FreeLists = new FreeLists();
  readonly #blocks: Map<number, Range> = new Map();
  /** Where blocks start, for addresses inside of one. */
  readonly #starts: OrderedBits;
  /** The range with the highest addresses. */
  #last: Range | undefined;
  #end: number;
  #used = 0;
  #peak = 0;

  constructor(start: number, end: number) {
    this.#end = end / ALIGNMENT;
    this.#starts = new OrderedBits(this.#end);
    this.#addFree(start / ALIGNMENT, (end - start) / ALIGNMENT, undefined, undefined);
  }

  /** Bytes handed out now, and the most there ever were. */
  get used(): number {
    return this.#used * ALIGNMENT;
  }

  get peak(): number {
    return this.#peak * ALIGNMENT;
  }

  get blocks(): number {
    return this.#blocks.size;
  }

  /** The address of a new block, a multiple of 64, or `undefined` where no free range is long enough. */
  allocate(bytes: number): number | undefined {
    const size = unitsOf(bytes);
    const range = this.#free.find(size);
    if (range === undefined) return undefined;
    this.#free.delete(range);
    const { start, left, right } = range;
    const block: Range = { start, size, isFree: false, left, right };
    if (range.size === size) this.#join(block, right);
    else {
      range.start += size;
      range.size -= size;
      this.#free.add(range);
      this.#join(block, range);
    }
    this.#join(left, block);
    this.#blocks.set(start, block);
    this.#starts.add(start);
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    return start * ALIGNMENT;
  }

  /**
   * Gives a block back.
   *
   * @throws RangeError where no block starts at this address, or no longer; nothing has changed then
   */
  free(address: number): void {
    const start = address / ALIGNMENT;
    const block = this.#blocks.get(start);
    if (block === undefined) throw new RangeError(`no block at ${address}`);
    this.#blocks.delete(start);
    this.#starts.delete(start);
    this.#used -= block.size;
    this.#addFree(start, block.size, block.left, block.right);
  }

  /** The start of the block that an address lies in, if it lies in any. */
  blockAt(address: number): number | undefined {
    const unit = Math.floor(address / ALIGNMENT);
    if (this.#blocks.has(unit)) return unit * ALIGNMENT;
    const start = unit < this.#end ? this.#starts.lastUpTo(unit) : undefined;
    if (start === undefined || unit >= start + this.#blocks.get(start)!.size) return undefined;
    return start * ALIGNMENT;
  }

  /** Where a block ends. */
  endOf(block: number): number {
    return block + (this.#blocks.get(block / ALIGNMENT)?.size ?? 0) * ALIGNMENT;
  }

  /** Makes the addresses up to `end` available. */
  extend(end: number): void {
    const before = this.#end;
    this.#end = end / ALIGNMENT;
    this.#starts.resize(this.#end);
    this.#addFree(before, this.#end - before, this.#last, undefined);
  }

  /** How many bytes the heap would have to grow by for a block of this size. */
  shortfall(bytes: number): number {
    const tail = this.#last?.isFree ? this.#last.size : 0;
    return Math.max(0, unitsOf(bytes) - tail) * ALIGNMENT;
  }

  /** Makes a free range between two others, of which it takes in those that are free. */
  #addFree(start: number, size: number, left: Range | undefined, right: Range | undefined): void {
    let range: FreeRange;
    if (left !== undefined && isFree(left)) {
      this.#free.delete(left);
      left.size += size;
      range = left;
    } else {
      range = { start, size, isFree: true, left, right, kind: 0, before: undefined, after: undefined };
      this.#join(left, range);
    }
    if (right !== undefined && isFree(right)) {
      this.#free.delete(right);
      range.size += right.size;
      right = right.right;
    }
    this.#join(range, right);
    this.#free.add(range);
  }

  /** Makes two ranges neighbours; one of them may be the end of memory. */
  #join(left: Range | undefined, right: Range | undefined): void {
    if (left !== undefined) left.right = right;
    if (right !== undefined) right.left = left;
    else this.#last = left;
  }
}

function isFree(range: Range): range is FreeRange {
  return range.isFree;
}

function unitsOf(bytes: number): number {
  return Math.ceil(Math.max(bytes, 1) / ALIGNMENT);
}

export function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
