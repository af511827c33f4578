// Runs kernels on one thread: an instance of the kernels over the engine's memory.

import { PART_WORDS, STAGE_WORDS } from "./block.ts";
import { kernelNames } from "./generated/parameters.ts";

type KernelFunction = (parameters: number, tile: number, scratch: number, step: number) => void;

export class Executor {
  #memory: WebAssembly.Memory | undefined;
  #kernels: readonly KernelFunction[];
  #u32: Uint32Array;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory) {
    const { exports } = new WebAssembly.Instance(module, { env: { memory, abort } });
    this.#memory = memory;
    this.#kernels = kernelNames.map((name) => exports[name] as KernelFunction);
    this.#u32 = new Uint32Array(memory.buffer);
  }

  /** Lets go of kernels and memory. */
  close(): void {
    this.#memory = undefined;
    this.#kernels = [];
    this.#u32 = new Uint32Array(0);
  }

  /** Tiles of a stage, all its parts together. */
  tilesOf(table: number, stage: number): number {
    return this.#word(table, stage * STAGE_WORDS);
  }

  /** Steps of a tile of a stage. */
  stepsOf(table: number, stage: number, tile: number): number {
    return this.#word(this.#partOf(table, stage, tile), 2);
  }

  runStep(table: number, stage: number, tile: number, scratch: number, step: number): void {
    const part = this.#partOf(table, stage, tile);
    const kernel = this.#kernels[this.#word(part, 0)]!;
    kernel(this.#word(part, 1), tile - this.#word(part, 3), scratch, step);
  }

  /** Where the part of a stage is that a tile belongs to. */
  #partOf(table: number, stage: number, tile: number): number {
    let part = this.#word(table, stage * STAGE_WORDS + 1);
    while (tile >= this.#word(part, 4)) part += PART_WORDS * 4;
    return part;
  }

  /** A word of the table of stages, counted from an address in it. The view may predate a growth of the memory that it lies in. */
  #word(address: number, word: number): number {
    const index = (address >>> 2) + word;
    if (index >= this.#u32.length) this.#u32 = new Uint32Array(this.#memory!.buffer);
    return this.#u32[index]!;
  }
}

/** What AssemblyScript calls when an assertion of the debug kernels fails. */
function abort(_message: number, _file: number, line: number, column: number): never {
  throw new Error(`kernel assertion failed at ${line}:${column}`);
}
