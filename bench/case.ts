import type { CacheType } from "./cache-types.ts";
import type { ExpectedRow } from "./check.ts";
import type { Candidate } from "./measure.ts";
import type { KernelSet } from "./ours.ts";
import type { Problem } from "./problem.ts";

/** One way to compute a case. */
export interface Entry extends Candidate {
  readonly group: "ours" | "tuned" | "naive" | "peer";
  readonly kernels?: KernelSet;
  readonly threads: number;
  /** How the package's cache stores numbers, in a `decode`. */
  readonly cache?: CacheType;
  /** A peer's operators. */
  readonly way?: string;
  /** Says what is wrong with the result, or nothing. Called once, before anything is timed. */
  check(): string | undefined | Promise<string | undefined>;
}

/** A shape with its inputs made and everything that can compute it. */
export interface Case {
  readonly name: string;
  readonly kind: Problem["kind"];
  readonly size: string;
  /** What `work` counts. */
  readonly unit: "FLOP" | "element";
  /** Of the whole case; an entry whose `work` is less computes a slice. */
  readonly work: number;
  readonly problem: Problem;
  /** As much of the problem as slow loops can be given, and the work in it. */
  readonly slice: { readonly problem: Problem; readonly work: number };
  /** What results are checked against. */
  readonly rows: readonly ExpectedRow[];
  readonly entries: readonly Entry[];
  dispose(): void;
}

/** The naive loops are given no more than this at a time: they would hold up the rounds. */
export const affordableWork = 7e7;

/** Checks all results, and says on the terminal which are wrong. */
export async function isRight({ kind, name, entries }: Case): Promise<boolean> {
  let right = true;
  for (const entry of entries) {
    const mismatch = await entry.check();
    if (mismatch === undefined) continue;
    console.error(`wrong result: ${kind} ${name}, ${entry.name}: ${mismatch}`);
    right = false;
  }
  return right;
}
