// Runs kernels on one thread: an instance of the kernels over the engine's memory.

import { STAGE_WORDS } from "./block.ts";
import { kernelNames } from "./generated/parameters.ts";

type KernelFunction = (parameters: number, tile: number, scratch: number, step: number) => void;

export class Executor {
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: readonly KernelFunction[];
  #u32: Uint32Array;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory) {
    const { exports } = new WebAssembly.Instance(module, { env: { memory, abort } });
    this.#memory = memory;
    this.#kernels = kernelNames.map((name) => exports[name] as KernelFunction);
    this.#u32 = new Uint32Array(memory.buffer);
  }

  /** Steps of the tiles of a stage. */
  stepsOf(table: number, stage: number): number {
    return this.#word(table, stage, 3);
  }

  tilesOf(table: number, stage: number): number {
    return this.#word(table, stage, 2);
  }

  runStep(table: number, stage: number, tile: number, scratch: number, step: number): void {
    const kernel = this.#kernels[this.#word(table, stage, 0)]!;
    kernel(this.#word(table, stage, 1), tile, scratch, step);
  }

  /** A word of the table of stages. The view may predate a growth of the memory that the table lies in. */
  #word(table: number, stage: number, word: number): number {
    const index = (table >>> 2) + stage * STAGE_WORDS + word;
    if (index >= this.#u32.length) this.#u32 = new Uint32Array(this.#memory.buffer);
    return this.#u32[index]!;
  }
}

/** What AssemblyScript calls when an assertion of the debug kernels fails. */
function abort(_message: number, _file: number, line: number, column: number): never {
  throw new Error(`kernel assertion failed at ${line}:${column}`);
}
