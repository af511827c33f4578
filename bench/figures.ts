/** From timings to the figures that are printed and written. */
import type { CacheType } from "./cache-types.ts";
import type { Case, Entry } from "./case.ts";
import type { Timing } from "./measure.ts";
import { type KernelSet, type PeakSet, peakSetOf } from "./ours.ts";

/** Billions of operations or elements a second, by the best run and by the median. */
export interface Rate {
  readonly best: number;
  readonly median: number;
}

export interface EntryFigures {
  readonly name: string;
  readonly group: Entry["group"];
  readonly kernels: KernelSet | null;
  readonly threads: number;
  readonly cache?: CacheType;
  readonly way?: string;
  /** Milliseconds for the whole case; scaled by counted work where only a slice was run. */
  readonly milliseconds: Rate;
  /** 10^9 FLOP (attention, matmul) or elements (softmax) a second. */
  readonly giga: Rate;
  /** How much of the case was run: 1, or a slice's share. */
  readonly slice: number;
  readonly samples: number;
  /** Of the kernel set's peak, measured in the same rounds, for each thread. */
  readonly shareOfPeak: number | null;
  readonly timesNaive: number | null;
  readonly timesTuned: number | null;
}

export interface CaseFigures {
  readonly name: string;
  readonly kind: Case["kind"];
  readonly size: string;
  readonly unit: Case["unit"];
  readonly work: number;
  /** GFLOP/s in this case's rounds. */
  readonly peaks: Partial<Record<PeakSet, Rate>>;
  readonly entries: readonly EntryFigures[];
}

export function rateOf(work: number, { best, median }: Timing): Rate {
  return { best: work / best / 1e6, median: work / median / 1e6 };
}

/** `timings` in the order of the case's entries. */
export function summarizeCase(
  benchmark: Case,
  timings: readonly Timing[],
  peaks: Partial<Record<PeakSet, Rate>>,
): CaseFigures {
  const { name, kind, size, unit, work, entries } = benchmark;
  const rates = entries.map((entry, i) => rateOf(entry.work, timings[i]));
  const bestOf = (group: Entry["group"]) => rates[entries.findIndex((entry) => entry.group === group)]?.best;
  const over = (giga: Rate, best: number | undefined) => (best === undefined ? null : giga.best / best);
  const figures = entries.map((entry, i): EntryFigures => {
    const giga = rates[i];
    const ours = entry.group === "ours";
    const peak = unit === "FLOP" && entry.kernels ? peaks[peakSetOf(entry.kernels)] : undefined;
    return {
      name: entry.name,
      group: entry.group,
      kernels: entry.kernels ?? null,
      threads: entry.threads,
      ...(entry.cache && { cache: entry.cache }),
      ...(entry.way && { way: entry.way }),
      milliseconds: { best: work / giga.best / 1e6, median: work / giga.median / 1e6 },
      giga,
      slice: entry.work / work,
      samples: timings[i].samples,
      shareOfPeak: peak ? giga.best / (peak.best * entry.threads) : null,
      timesNaive: entry.group === "naive" ? null : over(giga, bestOf("naive")),
      timesTuned: ours ? over(giga, bestOf("tuned")) : null,
    };
  });
  return { name, kind, size, unit, work, peaks, entries: figures };
}
