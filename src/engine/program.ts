// What a call is, before an engine runs it: operands (what memory it needs, what goes in and out) and stages (which
// kernel, with which parameters, over how many tiles). A plan builds it; an engine binds the operands to addresses.

import type { Block } from "./block.ts";
import type { KernelSizes } from "./generated/kernels.ts";
import type { KernelName, ParametersOf } from "./generated/parameters.ts";

/** An operand of a program, by number. */
export type Operand = number;

/** The element arrays that cross the border to linear memory. */
export type Elements = Float32Array | Uint8Array | Int32Array | Uint32Array;

/** One operand: bytes of the call's block, or a part of another operand. */
export interface OperandSpec {
  readonly bytes: number;
  /** Copied in before the first stage, unless it lies in the engine's memory already. */
  readonly source?: Elements;
  /** Copied out after the last stage, unless it lies in the engine's memory already. */
  readonly target?: Float32Array;
  /** Where it lies in the engine's memory already, once that is settled. */
  readonly address?: number;
  readonly base?: Operand;
  readonly offset?: number;
  /** The operands whose addresses are its contents, one 32-bit word each. */
  readonly table?: readonly Operand[];
}

/** What runs between two barriers: tiles that are independent of one another, those of one kernel or of several parts. */
export type Stage = readonly StagePart[];

/** A kernel over some tiles. */
export interface StagePart<K extends KernelName = KernelName> {
  readonly kernel: K;
  readonly parameters: ParametersOf[K];
  readonly tiles: number;
  /** A tile of long work is run in steps, so that nothing waits for it longer than a millisecond. */
  readonly steps: number;
  /** Scratch that one thread needs, bytes. */
  readonly scratch: number;
}

/** A call under construction. */
export class Program {
  /** Names the call in errors and traces. */
  readonly name: string;
  readonly operands: OperandSpec[] = [];
  readonly stages: Stage[] = [];
  /** Blocks of linear memory that kernels reach through tables of addresses: they are kept while the program runs. */
  readonly kept: number[] = [];
  /** Where it lay when it ran here and now; one that is run again mostly gets the same place. */
  bound: Block | undefined;
  /** About how many floating-point operations it takes: whether threads are worth waking. */
  work = 0;
  /** The stage that `together` is making. */
  #together: StagePart[] | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Data that kernels read. */
  input(source: Elements): Operand {
    return this.operands.push({ bytes: source.byteLength, source }) - 1;
  }

  /** The addresses of other operands, for a kernel that reads any number of them; written when they are known. */
  addressTable(operands: readonly Operand[]): Operand {
    return this.operands.push({ bytes: operands.length * 4, table: operands }) - 1;
  }

  /** Data that kernels write, delivered into `target`. */
  output(target: Float32Array): Operand {
    return this.operands.push({ bytes: target.byteLength, target }) - 1;
  }

  /** Memory between stages. */
  temporary(bytes: number): Operand {
    return this.operands.push({ bytes }) - 1;
  }

  /** A place inside another operand. */
  within(base: Operand, offset: number): Operand {
    return this.operands.push({ bytes: 0, base, offset }) - 1;
  }

  /** Keeps blocks of linear memory from being given back before the program has run; 0 is none. */
  keep(addresses: Iterable<number>): void {
    for (const address of addresses) if (address !== 0) this.kept.push(address);
  }

  /** Adds a stage; one without tiles is left out. */
  stage<K extends KernelName>(
    kernel: K,
    parameters: ParametersOf[K],
    cut: {
      readonly tiles: number;
      readonly steps?: number;
      readonly scratch?: number;
      readonly work: number;
    },
  ): void {
    if (cut.tiles === 0) return;
    this.work += cut.work;
    const part = { kernel, parameters, tiles: cut.tiles, steps: cut.steps ?? 1, scratch: cut.scratch ?? 0 };
    if (this.#together) this.#together.push(part);
    else this.stages.push([part]);
  }

  /** Makes one stage of those that `add` adds: none of them may read or write what another one writes. Not to be nested. */
  together<R>(add: () => R): R {
    const parts: StagePart[] = [];
    this.#together = parts;
    const result = add();
    this.#together = undefined;
    if (parts.length > 0) this.stages.push(parts);
    return result;
  }
}

/** A program whose kernels take their operands in panels: how wide these are, the kernel set of its engine says. */
export class PanelProgram extends Program {
  readonly sizes: KernelSizes;

  constructor(name: string, sizes: KernelSizes) {
    super(name);
    this.sizes = sizes;
  }
}

/** What an operator gives an engine: the program, and what to hand to the caller once it has run. */
export interface Call<R> {
  readonly program: Program;
  readonly result: R;
  /** What stops it, where it runs asynchronously. */
  readonly signal?: AbortSignal | undefined;
  /** The engine that the options name. */
  readonly engine?: unknown;
}
