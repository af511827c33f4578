// Where things lie in linear memory. Bookkeeping is kept here, in JavaScript, so that kernels can corrupt none of it and
// every byte is accounted for.

const ALIGNMENT = 64;

/** Blocks of a range of addresses: first fit, neighbours joined when freed. */
export class Heap {
  /** Free ranges in order of address, as [start, end) pairs. */
  readonly #starts: number[];
  readonly #ends: number[];
  readonly #sizes: Map<number, number> = new Map();
  #end: number;
  #used = 0;
  #peak = 0;

  constructor(start: number, end: number) {
    this.#starts = [start];
    this.#ends = [end];
    this.#end = end;
  }

  /** Bytes handed out now, and the most there ever were. */
  get used(): number {
    return this.#used;
  }

  get peak(): number {
    return this.#peak;
  }

  get blocks(): number {
    return this.#sizes.size;
  }

  /** The address of a new block, a multiple of 64, or `undefined` where no free range is long enough. */
  allocate(bytes: number): number | undefined {
    const size = roundUp(Math.max(bytes, 1));
    const i = this.#ends.findIndex((end, index) => end - this.#starts[index]! >= size);
    if (i < 0) return undefined;
    const address = this.#starts[i]!;
    if (address + size === this.#ends[i]) this.#remove(i);
    else this.#starts[i] = address + size;
    this.#sizes.set(address, size);
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    return address;
  }

  /** Gives a block back. */
  free(address: number): void {
    const size = this.#sizes.get(address);
    if (size === undefined) throw new RangeError(`no block at ${address}`);
    this.#sizes.delete(address);
    this.#used -= size;
    this.#insert(address, address + size);
  }

  /** The start of the block that an address lies in, if it lies in any. */
  blockAt(address: number): number | undefined {
    if (this.#sizes.has(address)) return address;
    for (const [start, size] of this.#sizes) {
      if (address > start && address < start + size) return start;
    }
    return undefined;
  }

  /** Makes the addresses up to `end` available. */
  extend(end: number): void {
    this.#insert(this.#end, end);
    this.#end = end;
  }

  /** How many bytes the heap would have to grow by for a block of this size. */
  shortfall(bytes: number): number {
    const last = this.#ends.length - 1;
    const tail = last >= 0 && this.#ends[last] === this.#end ? this.#end - this.#starts[last]! : 0;
    return Math.max(0, roundUp(bytes) - tail);
  }

  #remove(i: number): void {
    this.#starts.splice(i, 1);
    this.#ends.splice(i, 1);
  }

  #insert(start: number, end: number): void {
    const i = this.#firstAfter(start);
    const joinsLeft = i > 0 && this.#ends[i - 1] === start;
    const joinsRight = i < this.#starts.length && this.#starts[i] === end;
    if (joinsLeft && joinsRight) {
      this.#ends[i - 1] = this.#ends[i]!;
      this.#remove(i);
    } else if (joinsLeft) this.#ends[i - 1] = end;
    else if (joinsRight) this.#starts[i] = start;
    else {
      this.#starts.splice(i, 0, start);
      this.#ends.splice(i, 0, end);
    }
  }

  #firstAfter(address: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
