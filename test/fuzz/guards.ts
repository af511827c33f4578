/**
 * Guards around every block of linear memory: 64 bytes of a pattern before and behind it. The package has no door for
 * that, and needs none: this process alone has its allocator wrapped.
 */
import { expect } from "vitest";
import { LinearMemory as Built } from "../../build/modules/engine/linear-memory.js";
import type { LinearMemory } from "../../src/engine/linear-memory.ts";

const built = Built.prototype as unknown as LinearMemory;

const GUARD = 64;
const PATTERN = 0x5a;

/** The blocks that are out, by the address that was handed out. */
const blocks = new WeakMap<LinearMemory, Map<number, number>>();

/** Wraps the allocator; engines that are made from now on have guards. */
export function guardLinearMemory(): void {
  const { allocate, free, isPinned } = built;
  Object.assign(built, {
    allocate(this: LinearMemory, bytes: number, purpose: string): number {
      const size = Math.ceil(bytes / GUARD) * GUARD;
      const address = allocate.call(this, size + 2 * GUARD, purpose) + GUARD;
      this.bytes.fill(PATTERN, address - GUARD, address);
      this.bytes.fill(PATTERN, address + size, address + size + GUARD);
      blocksOf(this).set(address, size);
      return address;
    },
    free(this: LinearMemory, address: number): void {
      checkBlock(this, address);
      blocksOf(this).delete(address);
      free.call(this, address - GUARD);
    },
    isPinned(this: LinearMemory, address: number): boolean {
      return isPinned.call(this, address - GUARD);
    },
  });
}

/** Checks the guards of all blocks that are out. */
export function checkGuards(memory: LinearMemory): void {
  for (const address of blocksOf(memory).keys()) checkBlock(memory, address);
}

function blocksOf(memory: LinearMemory): Map<number, number> {
  const own = blocks.get(memory) ?? new Map<number, number>();
  blocks.set(memory, own);
  return own;
}

function checkBlock(memory: LinearMemory, address: number): void {
  const size = blocksOf(memory).get(address);
  if (size === undefined) return;
  for (const from of [address - GUARD, address + size])
    for (let i = from; i < from + GUARD; i++)
      if (memory.bytes[i] !== PATTERN)
        expect.fail(`linear memory: byte ${i - address} of a block of ${size} bytes was written`);
}
