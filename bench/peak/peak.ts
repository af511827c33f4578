import { listLoops } from "./source.ts";

/** What is used of the global, which neither the language's nor Node's declarations have. */
declare namespace WebAssembly {
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>);
  }
  class Instance {
    constructor(module: Module, imports: { env: Record<string, () => void> });
    readonly exports: Record<string, unknown>;
  }
}

type Loop = (rounds: number, factor: number, term: number) => number;

/** The fastest of a kernel set's loops on this machine and V8, to be run beside what is measured. */
export interface Peak {
  readonly loop: string;
  /** Operations of one `run`. */
  readonly flops: number;
  run(): void;
}

/** Rounds of one call: about half a millisecond, short enough to fall between two interruptions. */
const roundsPerCall = 10_000;
/** 0.9999^10000 = 0.37: what only multiplies stays far from subnormal. */
const factor = 0.9999;
const term = 0.0001;

/** Whether this V8 accepts the loops at all: relaxed SIMD takes Node 22. */
export function runsHere(bytes: Uint8Array<ArrayBuffer>): boolean {
  return WebAssembly.validate(bytes);
}

/** Tries all loops in turn, many times, and picks the one whose best call was fastest. */
export function createPeak(set: "strict" | "relaxed", bytes: Uint8Array<ArrayBuffer>): Peak {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { abort: () => {} } });
  const loops = listLoops(set).map(({ name, flopsPerRound }) => {
    const loop = exports[name] as Loop;
    const run = () => void loop(roundsPerCall, factor, term);
    return { loop: name, flops: flopsPerRound * roundsPerCall, run, best: Infinity };
  });
  // Short calls first: V8 moves a function to optimized code between calls, never inside one.
  for (const { loop } of loops) for (let i = 0; i < 200; i++) (exports[loop] as Loop)(100, factor, term);
  for (let turn = 0; turn < 30; turn++)
    for (const candidate of loops) {
      const start = performance.now();
      candidate.run();
      candidate.best = Math.min(candidate.best, performance.now() - start);
    }
  return loops.reduce((a, b) => (b.flops / b.best > a.flops / a.best ? b : a));
}
