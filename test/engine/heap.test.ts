/** Where things lie in linear memory: against a model that knows every unit of 64 bytes. */
import { describe, expect, it } from "vitest";
import { Heap } from "../../src/engine/heap.ts";
import { LinearMemory } from "../../src/engine/linear-memory.ts";
import { generator } from "../support/random-tensors.ts";

const UNIT = 64;

interface Block {
  readonly address: number;
  readonly units: number;
}

/** Which units are in use: the model, which shares nothing with the heap. */
class Map64 {
  readonly #inUse: Uint8Array;
  used = 0;

  constructor(end: number) {
    this.#inUse = new Uint8Array(end / UNIT);
  }

  /** Marks a block; false where any of it is in use already. */
  take({ address, units }: Block): boolean {
    const part = this.#inUse.subarray(address / UNIT, address / UNIT + units);
    if (part.length !== units || part.includes(1)) return false;
    part.fill(1);
    this.used += units * UNIT;
    return true;
  }

  give({ address, units }: Block): void {
    this.#inUse.fill(0, address / UNIT, address / UNIT + units);
    this.used -= units * UNIT;
  }
}

/** Sizes from a record to a prompt's keys, most of them small, in bytes. */
function drawSize(next: () => number): number {
  return next() < 0.3 ? 30_720 : Math.floor(2 ** (4 + 14 * next() * next()));
}

describe("a million allocations and frees", () => {
  it.each([1, 2, 3])("never overlap, and leave nothing behind, seed %i", (seed) => {
    const next = generator(seed);
    const [start, end] = [65_536, 2 ** 28];
    const heap = new Heap(start, end);
    const model = new Map64(end);
    // A call's block is gone at once, a page of a cache later, a tensor much later.
    const lives = [8, 400, 4000].map((most) => ({ most, blocks: [] as Block[] }));
    const free = (blocks: Block[]) => {
      const [block] = blocks.splice(Math.floor(next() * blocks.length), 1);
      model.give(block!);
      heap.free(block!.address);
    };
    let overlaps = 0;
    let highest = 0;
    for (let i = 0; i < 333_333; i++) {
      const { most, blocks } = lives[Math.floor(3 * next())]!;
      if (blocks.length >= most * (0.5 + next() / 2)) free(blocks);
      const bytes = drawSize(next);
      const block = { address: heap.allocate(bytes)!, units: Math.ceil(bytes / UNIT) };
      if (!model.take(block)) overlaps++;
      blocks.push(block);
      highest = Math.max(highest, block.address + block.units * UNIT);
    }
    expect(overlaps).toBe(0);
    expect([heap.used, heap.blocks]).toEqual([
      model.used,
      lives.reduce((sum, { blocks }) => sum + blocks.length, 0),
    ]);
    // What lies between blocks takes less than a third of what they take at most.
    expect((highest - start) / heap.peak).toBeLessThan(1.33);
    for (const { blocks } of lives) while (blocks.length > 0) free(blocks);
    expect([heap.used, heap.blocks, model.used]).toEqual([0, 0, 0]);
    // All of it is one range again.
    expect(heap.allocate(end - start)).toBe(start);
    expect(heap.allocate(1)).toBeUndefined();
  });
});

describe("a heap", () => {
  it("takes the last range that fits, though others of about its length are too short", () => {
    const heap = new Heap(0, 64 * 1000);
    const blocks = [100, 103, 101].flatMap((units) => [heap.allocate(units * UNIT)!, heap.allocate(UNIT)!]);
    const rest = heap.allocate((1000 - 307) * UNIT)!;
    for (const i of [0, 2, 4]) heap.free(blocks[i]!);
    expect(heap.allocate(103 * UNIT)).toBe(blocks[2]);
    expect(heap.allocate(102 * UNIT)).toBeUndefined();
    expect(heap.allocate(101 * UNIT)).toBe(blocks[4]);
    expect(heap.allocate(100 * UNIT)).toBe(blocks[0]);
    expect([heap.allocate(1), rest]).toEqual([undefined, 307 * UNIT]);
  });

  it("refuses to free what is no block, or no longer one, and is as it was", () => {
    const heap = new Heap(UNIT, 2 ** 20);
    const [a, b, c] = [heap.allocate(1000)!, heap.allocate(2000)!, heap.allocate(3000)!];
    heap.free(b);
    const { used } = heap;
    for (const address of [b, a + UNIT, a + 1, 0, 2 ** 20, -UNIT, Number.NaN])
      expect(() => heap.free(address)).toThrow(`no block at ${address}`);
    expect([heap.used, heap.blocks]).toEqual([used, 2]);
    // The range of b is there once, not twice.
    expect([heap.allocate(2000), heap.allocate(2000)! > c]).toEqual([b, true]);
  });

  it("finds the block that an address lies in, among thousands", () => {
    const next = generator(5);
    const heap = new Heap(65_536, 65_536);
    heap.extend(2 ** 20);
    heap.extend(2 ** 31);
    const blocks = Array.from({ length: 20_000 }, () => {
      const bytes = drawSize(next);
      return { address: heap.allocate(bytes)!, bytes: Math.ceil(bytes / UNIT) * UNIT };
    });
    const gone = blocks.filter(() => next() < 0.5);
    for (const { address } of gone) heap.free(address);
    const freed = new Set(gone);
    const wrong = blocks.filter((block) => {
      const { address, bytes } = block;
      const found = [0, 1, bytes / 2, bytes - 1].map((offset) => heap.blockAt(address + offset));
      return found.some((start) => start !== (freed.has(block) ? undefined : address));
    });
    expect(wrong).toEqual([]);
    expect([0, 65_535, 2 ** 31, 2 ** 40].map((address) => heap.blockAt(address))).toEqual(
      new Array(4).fill(undefined),
    );
  });

  it("says how much it must grow", () => {
    const heap = new Heap(0, 10 * UNIT);
    expect([heap.shortfall(10 * UNIT), heap.shortfall(11 * UNIT)]).toEqual([0, UNIT]);
    const address = heap.allocate(4 * UNIT)!;
    expect(heap.shortfall(7 * UNIT)).toBe(UNIT);
    const rest = heap.allocate(6 * UNIT)!;
    heap.free(address);
    expect([heap.shortfall(1), heap.shortfall(5 * UNIT), rest]).toEqual([UNIT, 5 * UNIT, 4 * UNIT]);
  });
});

describe("a block that a call uses", () => {
  it("is given back once, when the call has ended", () => {
    const memory = new LinearMemory(false, 2 ** 30);
    const address = memory.allocate(1000, "a test");
    const pinned = memory.pin([address, address + 500]);
    memory.free(address);
    expect(memory.used).toBe(1024);
    expect(() => memory.free(address)).toThrow(`no block at ${address}`);
    memory.unpin(pinned);
    expect(memory.used).toBe(0);
    expect(() => memory.free(address)).toThrow(`no block at ${address}`);
    expect(() => memory.pin([address])).toThrow("an argument is the memory of a disposed tensor");
  });
});
