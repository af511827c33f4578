/** Time against length, and the length from which an approximation is faster than what it would replace. */
import type { Engine } from "wasm-attention";
import { measureInTurn, type Patience, type Timing } from "../measure.ts";
import { type Contender, contenders, createProblem, disposeProblem, E, type Problem } from "./contenders.ts";

export const lengths = [256, 512, 1024, 2048, 4096, 8192, 16384];

export interface ContenderTimes {
  readonly name: string;
  readonly replaces: string | null;
  /** Milliseconds by length. */
  readonly best: readonly number[];
  readonly median: readonly number[];
  /** Tokens from which on it is faster than what it replaces; 0 = at every length measured, null = at none. */
  readonly breakEven: number | null;
}

export interface Times {
  readonly E: number;
  readonly lengths: readonly number[];
  readonly contenders: readonly ContenderTimes[];
}

/** Checks every contender at every length, then times all of a length in turn. */
export async function measureTimes(
  engine: Engine,
  patience: Patience,
  progress: (L: number) => void,
): Promise<Times> {
  const timings: Timing[][] = [];
  for (const L of lengths) {
    progress(L);
    const problem = createProblem(engine, L);
    const candidates = contenders.map((contender) => ({
      name: contender.name,
      work: L,
      run: prepare(contender, problem),
    }));
    timings.push(await measureInTurn(candidates, patience));
    disposeProblem(problem);
  }
  return { E, lengths, contenders: contenders.map((contender, n) => summarize(contender, n, timings)) };
}

/** Of the largest number in a row. Means of values need less; sums with weights of either sign cancel. */
const allowed = 2e-4;

function prepare({ name, prepare }: Contender, problem: Problem): () => void {
  const { run, rowOf } = prepare(problem);
  const { L } = problem;
  const output = run();
  for (const i of [0, 3, L / 2 + 1, L - 1]) {
    const row = Array.from(rowOf(i));
    const tolerance = allowed * Math.max(1, ...row.map(Math.abs));
    row.forEach((x, e) => {
      const actual = output[i * E + e];
      if (!(Math.abs(actual - x) <= tolerance))
        throw new Error(`${name}, ${L} tokens, row ${i}: ${actual}, expected ${x} within ${tolerance}`);
    });
  }
  return run;
}

function summarize({ name, replaces }: Contender, n: number, timings: readonly Timing[][]): ContenderTimes {
  const best = timings.map((timed) => timed[n].best);
  const other = contenders.findIndex((contender) => contender.name === replaces);
  return {
    name,
    replaces: replaces ?? null,
    best,
    median: timings.map((timed) => timed[n].median),
    breakEven:
      other < 0
        ? null
        : findCrossing(
            best,
            timings.map((timed) => timed[other].best),
          ),
  };
}

/** Where the ratio of two times last passes 1: between two lengths, a straight line of logarithms. */
function findCrossing(times: readonly number[], others: readonly number[]): number | null {
  const ratios = times.map((time, n) => Math.log(time / others[n]));
  const last = ratios.findLastIndex((ratio) => ratio >= 0);
  if (last < 0) return 0;
  if (last === ratios.length - 1) return null;
  const part = ratios[last] / (ratios[last] - ratios[last + 1]);
  return Math.round(lengths[last] * (lengths[last + 1] / lengths[last]) ** part);
}
