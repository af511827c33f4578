import { compile } from "../compile.ts";
import type { KernelSet } from "../ours.ts";
import { createSource, listLoops } from "./source.ts";

type Loop = (rounds: number, factor: number, term: number, offset: number) => void;

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

/**
 * Tries all loops of a kernel set in turn, many times, and picks the one whose best call was fastest. Nothing where this V8
 * does not accept them: relaxed SIMD takes Node 22. V8 joins those of `wide` if its flag is set, which an engine with these
 * kernels does.
 */
export function createPeak(set: KernelSet): Peak | undefined {
  const bytes = compile(
    `peak-${set}`,
    createSource(set),
    set === "strict" ? ["simd"] : ["simd", "relaxed-simd"],
  );
  if (!WebAssembly.validate(bytes)) return undefined;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { abort: () => {} } });
  const loops = listLoops(set).map(({ name, flopsPerRound }) => {
    const loop = exports[name] as Loop;
    const run = () => loop(roundsPerCall, factor, term, 0);
    return { loop: name, flops: flopsPerRound * roundsPerCall, run, best: Infinity };
  });
  // Short calls first: V8 moves a function to optimized code between calls, never inside one.
  for (const { loop } of loops) for (let i = 0; i < 200; i++) (exports[loop] as Loop)(100, factor, term, 0);
  for (let turn = 0; turn < 30; turn++)
    for (const candidate of loops) {
      const start = performance.now();
      candidate.run();
      candidate.best = Math.min(candidate.best, performance.now() - start);
    }
  return loops.reduce((a, b) => (b.flops / b.best > a.flops / a.best ? b : a));
}
