/** From timings to what is printed and written. */
import type { CacheType } from "../cache-types.ts";
import { type Rate, rateOf } from "../figures.ts";
import type { Timing } from "../measure.ts";
import type { KernelSet } from "../ours.ts";
import type { Peak } from "../peak/peak.ts";
import type { Kernel } from "./kernel.ts";
import type { Reading } from "./reading.ts";

/** GFLOP/s that a loop in registers reaches on one thread. */
export interface PeakFigures extends Rate {
  readonly loop: string;
}

export interface BandwidthFigures {
  readonly level: string;
  /** That each thread reads over and over. */
  readonly bytes: number;
  readonly threads: number;
  /** 10^9 bytes a second, by all threads together. */
  readonly gigabytes: Rate;
}

export interface KernelFigures {
  readonly name: string;
  readonly size: string;
  readonly kernels: KernelSet;
  readonly flops: number;
  readonly bytes: number;
  /** Operations for each byte that must be moved. */
  readonly intensity: number;
  readonly milliseconds: { readonly best: number; readonly median: number };
  /** 10^9 operations, and bytes of those counted, a second, by the best run. */
  readonly gigaflops: number;
  readonly gigabytes: number;
  readonly samples: number;
  readonly step?: { readonly tokens: number; readonly cache: CacheType };
}

/** Tokens a second of a step over a cache, and how many times those of one token alone, by best runs. */
export function tokenRates(
  kernels: readonly KernelFigures[],
): { name: string; kernels: KernelSet; rate: number; ratio: number | undefined }[] {
  const rateOf = ({ step, milliseconds }: KernelFigures) => ((step?.tokens ?? 0) / milliseconds.best) * 1e3;
  const steps = kernels.filter(({ step }) => step !== undefined);
  return steps.map((one) => {
    const alone = steps.find(
      ({ step, kernels }) => step?.tokens === 1 && step.cache === one.step?.cache && kernels === one.kernels,
    );
    const rate = rateOf(one);
    return { name: one.name, kernels: one.kernels, rate, ratio: alone && rate / rateOf(alone) };
  });
}

export function summarizePeak({ loop, flops }: Peak, timing: Timing): PeakFigures {
  return { loop, ...rateOf(flops, timing) };
}

export function summarizeReading({ level, threads, work }: Reading, timing: Timing): BandwidthFigures {
  return { level: level.name, bytes: level.bytes, threads, gigabytes: rateOf(work, timing) };
}

export function summarizeKernel(
  { name, size, kernels, work, bytes, step }: Kernel,
  { best, median, samples }: Timing,
): KernelFigures {
  return {
    name,
    size,
    kernels,
    flops: work,
    bytes,
    intensity: work / bytes,
    milliseconds: { best, median },
    gigaflops: work / best / 1e6,
    gigabytes: bytes / best / 1e6,
    samples,
    ...(step && { step }),
  };
}
