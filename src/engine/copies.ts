// Copies between callers' arrays and linear memory, in slices where they are long, so that the event loop has its turns.

import { copyIn, copyOut, residentAddress, type Transfer } from "./block.ts";
import type { LinearMemory } from "./linear-memory.ts";
import { nextTurn } from "./platform.ts";
import type { Elements, OperandSpec, Program } from "./program.ts";

/** Inputs up to this many bytes are copied before an async call returns, larger ones in slices. */
export const COPY_AT_ONCE: number = 4 * 1024 * 1024;
/** Elements of one slice of a copy, about a millisecond's worth. */
const COPY_SLICE = 512 * 1024;

export async function copyAllIn(
  transfers: readonly Transfer[],
  memory: LinearMemory,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (bytesOf(transfers) <= COPY_AT_ONCE) {
    for (const transfer of transfers) copyIn(transfer, memory);
    return;
  }
  for (const transfer of transfers) {
    for (let from = 0; from < transfer.length; from += COPY_SLICE) {
      copyIn(transfer, memory, from, Math.min(from + COPY_SLICE, transfer.length));
      await nextTurn();
      signal?.throwIfAborted();
    }
  }
}

export async function copyAllOut(transfers: readonly Transfer[], memory: LinearMemory): Promise<void> {
  for (const transfer of transfers) {
    for (let from = 0; from < transfer.length; from += COPY_SLICE) {
      if (from > 0) await nextTurn();
      copyOut(transfer, memory, from, Math.min(from + COPY_SLICE, transfer.length));
    }
  }
}

/**
 * Readies a program for a wait: what lies in the engine's memory is known by its address, as growth of the memory detaches
 * views, and inputs are copied as far as they are promised to be when an async call returns.
 */
export function detach({ operands }: Program, memory: LinearMemory): void {
  const sources = operands.filter((operand) => residentAddress(operand, memory) === undefined);
  const bytes = sources.reduce((sum, { source }) => sum + (source?.byteLength ?? 0), 0);
  operands.forEach((operand, i) => {
    const address = residentAddress(operand, memory);
    if (address !== undefined) operands[i] = { bytes: operand.bytes, address };
    else if (operand.source && bytes <= COPY_AT_ONCE) operands[i] = copied(operand, operand.source);
  });
}

function copied(operand: OperandSpec, source: Elements): OperandSpec {
  return { ...operand, source: source.slice() };
}

function bytesOf(transfers: readonly Transfer[]): number {
  return transfers.reduce((sum, { elements, length }) => sum + length * elements.BYTES_PER_ELEMENT, 0);
}
