import { AttentionError } from "../errors.ts";
import { Heap } from "./heap.ts";

const PAGE = 65536;
/** Kernels keep their constants below this. */
const HEAP_START = PAGE;
const INITIAL_PAGES = 32;
/** The last page of 4 GiB is never handed out: a pointer to the end of it would wrap to 0. */
const MOST_PAGES = 65536 - 1;

/** A WebAssembly memory with a heap on it. Views are made per use: growth detaches those of an unshared memory. */
export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  readonly limit: number;
  readonly #heap: Heap;
  /** How many calls in flight use a block, and which blocks were given back meanwhile. */
  readonly #pins: Map<number, number> = new Map();
  readonly #freeLater: Set<number> = new Set();
  #pages = INITIAL_PAGES;
  #buffer: ArrayBufferLike;
  #bytes: Uint8Array;
  #u32: Uint32Array;
  #f32: Float32Array;

  /** @param limit the most bytes that may be handed out */
  constructor(shared: boolean, limit: number) {
    this.shared = shared;
    this.limit = limit;
    this.memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: 65536, shared });
    this.#heap = new Heap(HEAP_START, INITIAL_PAGES * PAGE);
    this.#buffer = this.memory.buffer;
    this.#bytes = new Uint8Array(this.#buffer);
    this.#u32 = new Uint32Array(this.#buffer);
    this.#f32 = new Float32Array(this.#buffer);
  }

  get buffer(): ArrayBufferLike {
    return this.#buffer;
  }

  get u32(): Uint32Array {
    return this.#u32;
  }

  get f32(): Float32Array {
    return this.#f32;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get used(): number {
    return this.#heap.used;
  }

  get peak(): number {
    return this.#heap.peak;
  }

  /** Bytes that the memory has grown to. */
  get reserved(): number {
    return this.#pages * PAGE;
  }

  /**
   * Hands out a block, growing the memory where it must.
   *
   * @throws AttentionError `ERR_MEMORY` where the limit or the machine does not allow it; nothing has changed then.
   */
  allocate(bytes: number, purpose: string): number {
    const fits = this.#heap.used + bytes <= this.limit;
    const address = fits ? (this.#heap.allocate(bytes) ?? this.#growFor(bytes)) : undefined;
    if (address === undefined)
      throw new AttentionError(
        "ERR_MEMORY",
        `${purpose} needs ${bytes} bytes; ${this.#heap.used} of at most ${this.limit} bytes are in use`,
      );
    return address;
  }

  /** Gives a block back; one that a call in flight uses, as soon as that call has ended. */
  free(address: number): void {
    if (this.#pins.has(address)) this.#freeLater.add(address);
    else this.#heap.free(address);
  }

  /**
   * Keeps the blocks that some addresses lie in until `unpin`, whatever becomes of the tensors they belong to.
   *
   * @throws AttentionError `ERR_DISPOSED` where an address lies in no block any more; nothing is pinned then
   */
  pin(addresses: readonly number[]): number[] {
    const blocks = addresses.map((address) => {
      const block = this.#heap.blockAt(address);
      if (block === undefined)
        throw new AttentionError("ERR_DISPOSED", "an argument is the memory of a disposed tensor");
      return block;
    });
    for (const block of blocks) this.#pins.set(block, (this.#pins.get(block) ?? 0) + 1);
    return blocks;
  }

  /** Whether a call in flight uses a block. */
  isPinned(block: number): boolean {
    return this.#pins.has(block);
  }

  unpin(blocks: readonly number[]): void {
    for (const block of blocks) {
      const count = this.#pins.get(block)! - 1;
      if (count > 0) this.#pins.set(block, count);
      else {
        this.#pins.delete(block);
        if (this.#freeLater.delete(block)) this.#heap.free(block);
      }
    }
  }

  #growFor(bytes: number): number | undefined {
    const needed = Math.ceil(this.#heap.shortfall(bytes) / PAGE);
    // A quarter more than asked for, so that many small growths do not add up.
    const generous = Math.min(Math.max(needed, this.#pages >> 2), MOST_PAGES - this.#pages);
    if (!this.#grow(generous) || generous < needed) {
      if (generous === needed || this.#pages + needed > MOST_PAGES || !this.#grow(needed)) return undefined;
    }
    return this.#heap.allocate(bytes);
  }

  #grow(pages: number): boolean {
    if (pages <= 0) return false;
    try {
      this.memory.grow(pages);
    } catch {
      return false;
    }
    this.#pages += pages;
    this.#buffer = this.memory.buffer;
    this.#bytes = new Uint8Array(this.#buffer);
    this.#u32 = new Uint32Array(this.#buffer);
    this.#f32 = new Float32Array(this.#buffer);
    this.#heap.extend(this.#pages * PAGE);
    return true;
  }
}
