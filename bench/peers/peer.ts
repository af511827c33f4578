/** What the benchmark knows of another runtime. */
import type { Problem } from "../problem.ts";

/** One of the ways in which a peer can compute a problem. */
export interface Way {
  /** Its operators. */
  readonly name: string;
  /** Makes it ready to run; rejects where the peer refuses it. */
  prepare(): Promise<PreparedWay>;
}

export interface PreparedWay {
  run(): void | Promise<void>;
  /** The result of the last run, laid out as the problem has it. */
  read(): Float32Array;
  dispose(): void | Promise<void>;
}

export interface Peer {
  readonly name: string;
  readonly version: string;
  /** Whether it is given a slice of what is too much for plain loops. */
  readonly slow?: boolean;
  /**
   * All ways that are worth a try. The caller checks each and keeps the fastest that is right.
   *
   * @returns none where the peer does not have the problem, or not on as many threads
   */
  waysFor(problem: Problem, threads: number): readonly Way[];
}
