// A program bound to memory: one block holds copies of inputs, outputs, temporaries, parameter records, the table of
// stages and the scratch of every thread, so that a call allocates once and frees once.

import {
  kernelNames,
  type ParameterWriter,
  parameterWords,
  parameterWriters,
} from "./generated/parameters.ts";
import { roundUp } from "./heap.ts";
import type { LinearMemory } from "./linear-memory.ts";
import type { Elements, OperandSpec, Program, Stage } from "./program.ts";

/** Words of one entry of the table of stages: kernel, parameters, tiles, steps. */
export const STAGE_WORDS = 4;

export interface Block {
  readonly address: number;
  /** Address of each operand. */
  readonly addresses: readonly number[];
  /** Which operands are the caller's own memory in this engine: they are used where they are. */
  readonly resident: readonly boolean[];
  readonly table: number;
  readonly scratch: number;
  readonly scratchStride: number;
  readonly bytes: number;
}

/**
 * Lays a program out in memory and writes its parameters; the inputs are still to be copied.
 *
 * @param threads how many threads get scratch
 * @throws AttentionError `ERR_MEMORY`
 */
export function bind(program: Program, memory: LinearMemory, threads: number): Block {
  let bytes = 0;
  const reserve = (size: number): number => {
    const offset = bytes;
    bytes += roundUp(size);
    return offset;
  };
  const { operands, stages } = program;
  // Before the memory may grow, which detaches the views that say where resident data lies.
  const addresses = operands.map((operand) => residentAddress(operand, memory));
  const resident = addresses.map((address) => address !== undefined);
  const offsets = operands.map(({ base, bytes: size }, i) =>
    resident[i] || base !== undefined ? 0 : reserve(size),
  );
  let words = stages.length * STAGE_WORDS;
  let scratchStride = 0;
  for (const stage of stages) {
    words += parameterWords[stage.kernel];
    scratchStride = Math.max(scratchStride, roundUp(stage.scratch));
  }
  const tableOffset = reserve(words * 4);
  const scratchOffset = reserve(scratchStride * threads);
  const address = memory.allocate(bytes, program.name);
  operands.forEach(({ base, offset }, i) => {
    addresses[i] ??= base === undefined ? address + offsets[i]! : addresses[base]! + offset!;
  });
  writeAddressTables(operands, memory, addresses as number[]);
  const table = address + tableOffset;
  writeStages(stages, memory, table, addresses as number[]);
  const scratch = address + scratchOffset;
  return { address, addresses: addresses as number[], resident, table, scratch, scratchStride, bytes };
}

/** Where data lies that is in the engine's own memory already. */
function residentAddress({ source, target }: OperandSpec, memory: LinearMemory): number | undefined {
  const elements = source ?? target;
  return elements?.buffer === memory.buffer ? elements.byteOffset : undefined;
}

function writeAddressTables(
  operands: readonly OperandSpec[],
  memory: LinearMemory,
  addresses: readonly number[],
): void {
  operands.forEach(({ table }, i) => {
    table?.forEach((operand, n) => {
      memory.u32[(addresses[i]! >>> 2) + n] = addresses[operand]!;
    });
  });
}

function writeStages(
  stages: readonly Stage[],
  memory: LinearMemory,
  table: number,
  addresses: readonly number[],
): void {
  let entry = table >>> 2;
  let record = entry + stages.length * STAGE_WORDS;
  for (const { kernel, parameters, tiles, steps } of stages) {
    memory.u32[entry] = kernelNames.indexOf(kernel);
    memory.u32[entry + 1] = record * 4;
    memory.u32[entry + 2] = tiles;
    memory.u32[entry + 3] = steps;
    const write = parameterWriters[kernel] as ParameterWriter<typeof kernel>;
    (write as (...args: unknown[]) => void)(parameters, memory.u32, memory.f32, record, addresses);
    entry += STAGE_WORDS;
    record += parameterWords[kernel];
  }
}

/** Where a program uses the caller's own memory. */
export function residentAddresses(program: Program, memory: LinearMemory): number[] {
  const resident = program.operands
    .map((operand) => residentAddress(operand, memory))
    .filter((address) => address !== undefined);
  return [...resident, ...program.kept];
}

/** One copy between a caller's array and linear memory. */
export interface Transfer {
  readonly elements: Elements;
  readonly address: number;
}

export function inputsOf(program: Program, block: Block): Transfer[] {
  return transfers(program, block, (operand) => operand.source);
}

export function outputsOf(program: Program, block: Block): Transfer[] {
  return transfers(program, block, (operand) => operand.target);
}

function transfers(
  program: Program,
  block: Block,
  pick: (operand: OperandSpec) => Elements | undefined,
): Transfer[] {
  const result: Transfer[] = [];
  program.operands.forEach((operand, i) => {
    const elements = pick(operand);
    if (elements !== undefined && elements.length > 0 && !block.resident[i])
      result.push({ elements, address: block.addresses[i]! });
  });
  return result;
}

/** Copies a caller's elements in; all of them, or a range. */
export function copyIn(
  { elements, address }: Transfer,
  memory: LinearMemory,
  from = 0,
  to: number = elements.length,
): void {
  const part = from === 0 && to === elements.length ? elements : elements.subarray(from, to);
  const at = address + from * elements.BYTES_PER_ELEMENT;
  if (elements.BYTES_PER_ELEMENT === 1) memory.bytes.set(part as Uint8Array, at);
  else if (isFloat(elements)) memory.f32.set(part, at >>> 2);
  else memory.u32.set(part, at >>> 2);
}

/** Copies a result out; all of it, or a range. */
export function copyOut(
  { elements, address }: Transfer,
  memory: LinearMemory,
  from = 0,
  to: number = elements.length,
): void {
  const start = (address >>> 2) + from;
  elements.set(memory.f32.subarray(start, start + to - from), from);
}

function isFloat(elements: Elements): boolean {
  return elements[Symbol.toStringTag] === "Float32Array";
}
