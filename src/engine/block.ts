// A program bound to memory: one block holds copies of inputs, outputs, temporaries, the table of stages, parameter
// records and the scratch of every thread, so that a call allocates once and frees once.

import { AttentionError } from "../errors.ts";
import { bufferOf, byteOffsetOf, lengthOf } from "../typed-array.ts";
import {
  kernelNames,
  type ParameterWriter,
  parameterWords,
  parameterWriters,
} from "./generated/parameters.ts";
import { roundUp } from "./heap.ts";
import type { LinearMemory } from "./linear-memory.ts";
import type { Elements, OperandSpec, Program, Stage } from "./program.ts";

/** Words of one entry of the table of stages: tiles, and where the entries of its parts are. */
export const STAGE_WORDS = 2;
/** Words of one part of a stage: kernel, parameters, steps, and of the stage's tiles the part's first and the one after its last. */
export const PART_WORDS = 5;

export interface Block {
  readonly address: number;
  /** Address of each operand. */
  readonly addresses: readonly number[];
  readonly table: number;
  readonly scratch: number;
  readonly scratchStride: number;
  readonly bytes: number;
  readonly threads: number;
  /** What is no memory of the engine already: to be copied in before the first stage, and out after the last. */
  readonly inputs: readonly Transfer[];
  readonly outputs: readonly Transfer[];
}

/**
 * Lays a program out in memory and writes its parameters; the inputs are still to be copied. A program that has lain
 * somewhere before costs little more than its parameters where it gets the same place again.
 *
 * @param threads how many threads get scratch
 * @throws AttentionError `ERR_MEMORY`
 */
export function bind(program: Program, memory: LinearMemory, threads: number): Block {
  const { bound } = program;
  if (bound === undefined || bound.threads !== threads) return layOut(program, memory, threads, undefined);
  const address = memory.allocate(bound.bytes, program.name);
  if (address !== bound.address) return layOut(program, memory, threads, address);
  writeBlock(program, memory, bound);
  return bound;
}

/** @param given where there is room for it already */
function layOut(program: Program, memory: LinearMemory, threads: number, given: number | undefined): Block {
  const { operands } = program;
  const { resident, offsets, tableOffset, scratchOffset, scratchStride, bytes } = measure(
    program,
    memory,
    threads,
  );
  const address = given ?? memory.allocate(bytes, program.name);
  const addresses: number[] = [];
  operands.forEach(({ base, offset }, i) => {
    const own = base === undefined ? address + offsets[i]! : addresses[base]! + offset!;
    addresses.push(resident[i] ?? own);
  });
  const block: Block = {
    address,
    addresses,
    table: address + tableOffset,
    scratch: address + scratchOffset,
    scratchStride,
    bytes,
    threads,
    inputs: transfers(operands, addresses, resident, ({ source }) => source),
    outputs: transfers(operands, addresses, resident, ({ target }) => target),
  };
  writeBlock(program, memory, block);
  program.bound = block;
  return block;
}

/** Where the parts of a block lie in it. */
interface Layout {
  /** The addresses of operands that are the caller's own memory in this engine: they are used where they are. */
  readonly resident: readonly (number | undefined)[];
  readonly offsets: readonly number[];
  readonly tableOffset: number;
  readonly scratchOffset: number;
  readonly scratchStride: number;
  readonly bytes: number;
}

function measure({ operands, stages }: Program, memory: LinearMemory, threads: number): Layout {
  let bytes = 0;
  const reserve = (size: number): number => {
    const offset = bytes;
    bytes += roundUp(size);
    return offset;
  };
  const resident = operands.map((operand) => residentAddress(operand, memory));
  const offsets = operands.map(({ base, bytes: size }, i) =>
    resident[i] !== undefined || base !== undefined ? 0 : reserve(size),
  );
  let words = tableWords(stages);
  let scratchStride = 0;
  for (const stage of stages)
    for (const { kernel, scratch } of stage) {
      words += parameterWords[kernel];
      scratchStride = Math.max(scratchStride, roundUp(scratch));
    }
  const tableOffset = reserve(words * 4);
  const scratchOffset = reserve(scratchStride * threads);
  return { resident, offsets, tableOffset, scratchOffset, scratchStride, bytes };
}

/** Bytes of the block that a program will take. */
export function blockBytes(program: Program, memory: LinearMemory, threads: number): number {
  return measure(program, memory, threads).bytes;
}

function writeBlock({ operands, stages }: Program, memory: LinearMemory, block: Block): void {
  writeAddressTables(operands, memory, block.addresses);
  writeStages(stages, memory, block.table, block.addresses);
}

/**
 * Where data lies that is in the engine's own memory already.
 *
 * @throws AttentionError `ERR_DISPOSED` for memory that is no tensor's any more
 */
export function residentAddress(
  { address: known, source, target, bytes }: OperandSpec,
  memory: LinearMemory,
): number | undefined {
  if (known !== undefined) return known;
  const elements = source ?? target;
  if (elements === undefined || bufferOf(elements) !== memory.buffer) return undefined;
  const address = byteOffsetOf(elements);
  memory.checkHeld(address, bytes);
  return address;
}

function writeAddressTables(
  operands: readonly OperandSpec[],
  memory: LinearMemory,
  addresses: readonly number[],
): void {
  for (let i = 0; i < operands.length; i++) {
    const { table } = operands[i]!;
    if (table === undefined) continue;
    for (let n = 0; n < table.length; n++) memory.u32[(addresses[i]! >>> 2) + n] = addresses[table[n]!]!;
  }
}

/** Words of the table of stages with the entries of their parts; the parameter records follow it. */
function tableWords(stages: readonly Stage[]): number {
  let words = stages.length * STAGE_WORDS;
  for (const stage of stages) words += stage.length * PART_WORDS;
  return words;
}

function writeStages(
  stages: readonly Stage[],
  { u32, f32 }: LinearMemory,
  table: number,
  addresses: readonly number[],
): void {
  let entry = table >>> 2;
  let part = entry + stages.length * STAGE_WORDS;
  let record = entry + tableWords(stages);
  for (const stage of stages) {
    u32[entry + 1] = part * 4;
    let tile = 0;
    for (const { kernel, parameters, tiles, steps } of stage) {
      u32[part] = kernelNames.indexOf(kernel);
      u32[part + 1] = record * 4;
      u32[part + 2] = steps;
      u32[part + 3] = tile;
      tile += tiles;
      u32[part + 4] = tile;
      const write = parameterWriters[kernel] as ParameterWriter<typeof kernel>;
      (write as (...args: unknown[]) => void)(parameters, u32, f32, record, addresses);
      part += PART_WORDS;
      record += parameterWords[kernel];
    }
    u32[entry] = tile;
    entry += STAGE_WORDS;
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
  /** How many there were when the call began. */
  readonly length: number;
  readonly address: number;
}

function transfers(
  operands: readonly OperandSpec[],
  addresses: readonly number[],
  resident: readonly (number | undefined)[],
  pick: (operand: OperandSpec) => Elements | undefined,
): Transfer[] {
  const result: Transfer[] = [];
  operands.forEach((operand, i) => {
    const elements = pick(operand);
    if (elements === undefined || operand.bytes === 0 || resident[i] !== undefined) return;
    const length = operand.bytes / elements.BYTES_PER_ELEMENT;
    result.push({ elements, length, address: addresses[i]! });
  });
  return result;
}

/** Copies a caller's elements in; all of them, or a range. */
export function copyIn(
  { elements, length, address }: Transfer,
  memory: LinearMemory,
  from = 0,
  to: number = length,
): void {
  checkThere(elements, length);
  const part = from === 0 && to === length ? elements : elements.subarray(from, to);
  const at = address + from * elements.BYTES_PER_ELEMENT;
  if (elements.BYTES_PER_ELEMENT === 1) memory.bytes.set(part as Uint8Array, at);
  else if (isFloat(elements)) memory.f32.set(part, at >>> 2);
  else memory.u32.set(part, at >>> 2);
}

/** Copies a result out; all of it, or a range. */
export function copyOut(
  { elements, length, address }: Transfer,
  memory: LinearMemory,
  from = 0,
  to: number = length,
): void {
  checkThere(elements, length);
  const start = (address >>> 2) + from;
  elements.set(memory.f32.subarray(start, start + to - from), from);
}

/** A call takes time: its caller may have transferred or resized a buffer meanwhile. */
function checkThere(elements: Elements, length: number): void {
  if (lengthOf(elements) === length) return;
  throw new AttentionError(
    "ERR_DISPOSED",
    "the buffer of an argument was detached or resized during the call",
  );
}

function isFloat(elements: Elements): boolean {
  return elements[Symbol.toStringTag] === "Float32Array";
}
