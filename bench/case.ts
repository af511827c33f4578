import type { Candidate } from "./measure.ts";
import type { KernelSet } from "./ours.ts";

/** One way to compute a case. */
export interface Entry extends Candidate {
  readonly group: "ours" | "tuned" | "naive";
  readonly kernels?: KernelSet;
  readonly threads: number;
  /** Says what is wrong with the result, or nothing. Called once, before anything is timed. */
  check(): string | undefined;
}

/** A shape with its inputs made and everything that can compute it. */
export interface Case {
  readonly name: string;
  readonly kind: "attention" | "matmul" | "softmax";
  readonly size: string;
  /** What `work` counts. */
  readonly unit: "FLOP" | "element";
  /** Of the whole case; an entry whose `work` is less computes a slice. */
  readonly work: number;
  readonly entries: readonly Entry[];
  dispose(): void;
}

/** The naive loops are given no more than this at a time: they would hold up the rounds. */
export const affordableWork = 7e7;
