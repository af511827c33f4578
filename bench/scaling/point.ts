import type { Candidate, Timing } from "../measure.ts";

/** A candidate at a place on the axis of a chart. */
export interface Point extends Candidate {
  /** Length, batch or heads. */
  readonly x: number;
  readonly threads: number;
  /** How a cache stores numbers, and the window that it keeps. */
  readonly cache?: string;
  readonly window?: number;
  /** Bytes that a call takes in linear memory, inputs and outputs aside. */
  readonly callBytes?: number;
  /** Throws if the result is wrong. */
  check(): void;
}

export interface PointFigures {
  readonly x: number;
  readonly threads: number;
  readonly cache?: string;
  readonly window?: number;
  readonly callBytes?: number;
  readonly milliseconds: { readonly best: number; readonly median: number };
  /** 10^9 floating-point operations a second, by the best run. */
  readonly gigaflops: number;
  readonly samples: number;
}

export function summarizePoint(
  { x, threads, cache, window, callBytes, work }: Point,
  { best, median, samples }: Timing,
): PointFigures {
  return {
    x,
    threads,
    cache,
    window,
    callBytes,
    milliseconds: { best, median },
    gigaflops: work / best / 1e6,
    samples,
  };
}
