import { AttentionError } from "../errors.ts";
import { bufferOf, byteOffsetOf, lengthOf } from "../typed-array.ts";
import { Heap, roundUp } from "./heap.ts";

type ViewOf<V> = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => V;

const PAGE = 65536;
/** Kernels keep their constants below this. */
const HEAP_START = PAGE;
const INITIAL_PAGES = 32;
/** The last page of 4 GiB is never handed out: a pointer to the end of it would wrap to 0. */
const MOST_PAGES = 65536 - 1;

/** A WebAssembly memory with a heap on it. Views are made per use: growth detaches those of an unshared memory. */
export class LinearMemory {
  #memory: WebAssembly.Memory | undefined;
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
    this.#memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: 65536, shared });
    this.#heap = new Heap(HEAP_START, INITIAL_PAGES * PAGE);
    this.#buffer = this.#memory.buffer;
    this.#bytes = new Uint8Array(this.#buffer);
    this.#u32 = new Uint32Array(this.#buffer);
    this.#f32 = new Float32Array(this.#buffer);
  }

  /** What kernels are given. */
  get memory(): WebAssembly.Memory {
    this.checkOpen();
    return this.#memory!;
  }

  /** @throws AttentionError `ERR_DISPOSED` once the engine is disposed */
  checkOpen(): void {
    if (this.#memory === undefined) throw new AttentionError("ERR_DISPOSED", "this engine is disposed");
  }

  /** Lets go of the memory itself: it can be collected, although somebody may hold on to the engine. */
  close(): void {
    this.#memory = undefined;
    this.#pages = 0;
    this.#view(new ArrayBuffer(0));
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
    const fits = this.#heap.used + roundUp(bytes) <= this.limit;
    const address = fits ? (this.#heap.allocate(bytes) ?? this.#growFor(bytes)) : undefined;
    if (address === undefined) throw this.#shortage(bytes, purpose);
    return address;
  }

  /**
   * Refuses what would not fit either once `passing` bytes of what is in use are given back.
   *
   * @throws AttentionError `ERR_MEMORY`
   */
  checkLimit(bytes: number, passing: number, purpose: string): void {
    if (this.#heap.used - passing + roundUp(bytes) > this.limit) throw this.#shortage(bytes, purpose);
  }

  #shortage(bytes: number, purpose: string): AttentionError {
    return new AttentionError(
      "ERR_MEMORY",
      `${purpose} needs ${bytes} bytes; ${this.#heap.used} of at most ${this.limit} bytes are in use`,
    );
  }

  /**
   * Gives a block back; one that a call in flight uses, as soon as that call has ended.
   *
   * @throws RangeError where it was given back already; nothing has changed then
   */
  free(address: number): void {
    if (this.#freeLater.has(address)) throw new RangeError(`no block at ${address}`);
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

  /**
   * Refuses a range that lies in no block, or not in one alone.
   *
   * @throws AttentionError `ERR_DISPOSED`
   */
  checkHeld(address: number, bytes: number): void {
    const block = this.#heap.blockAt(address);
    if (block === undefined || address + bytes > this.#heap.endOf(block))
      throw new AttentionError("ERR_DISPOSED", "an argument is the memory of a disposed tensor");
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

  /** Growing detaches views of an unshared memory, an engine's tensor among them: what this gives makes one anew. */
  follow<V extends Float32Array | Uint8Array>(view: V): () => V {
    if (bufferOf(view) !== this.#buffer) return () => view;
    const [offset, length] = [byteOffsetOf(view), lengthOf(view)];
    const type = (view.BYTES_PER_ELEMENT === 1 ? Uint8Array : Float32Array) as unknown as ViewOf<V>;
    return () => (this.#buffer === bufferOf(view) ? view : new type(this.#buffer, offset, length));
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
    this.#view(this.memory.buffer);
    this.#heap.extend(this.#pages * PAGE);
    return true;
  }

  #view(buffer: ArrayBufferLike): void {
    this.#buffer = buffer;
    this.#bytes = new Uint8Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#f32 = new Float32Array(buffer);
  }
}
