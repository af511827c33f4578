/**
 * `npm run bench:roofline`, on one Node version and one thread: how fast registers are computed with and memory is read, and where
 * each kernel stands under these roofs. All in turn; results are checked before anything is timed.
 */
import path from "node:path";
import { describeMachine } from "../machine.ts";
import { type Candidate, measureInTurn, type Patience, type Timing } from "../measure.ts";
import { type Options, readOptions } from "../options.ts";
import { createContenders, type KernelSet } from "../ours.ts";
import { resultsFile } from "../paths.ts";
import { createPeak, type Peak } from "../peak/peak.ts";
import { formatMachine } from "../print.ts";
import { formatNumber, formatTable } from "../table.ts";
import { formatCommand, writeJson } from "../write.ts";
import {
  type BandwidthFigures,
  type KernelFigures,
  type PeakFigures,
  summarizeKernel,
  summarizePeak,
  summarizeReading,
  tokenRates,
} from "./figures.ts";
import type { Kernel } from "./kernel.ts";
import { createKernels } from "./kernels.ts";
import { createReadings, type Reading } from "./reading.ts";

const thorough: Patience = { rounds: 12, milliseconds: 60 };
const quick: Patience = { rounds: 3, milliseconds: 20 };

interface Figures {
  readonly peaks: Partial<Record<KernelSet, PeakFigures>>;
  readonly bandwidths: readonly BandwidthFigures[];
  readonly kernels: readonly KernelFigures[];
}

const args = process.argv.slice(2);
process.exitCode = await main(readOptions(args) as Options);

async function main({ quick: hurried, only, wide, json }: Options): Promise<number> {
  const machine = describeMachine();
  console.log(formatMachine(machine));
  const figures = await measure(machine.cores, wide, only, hurried ? quick : thorough);
  if (figures === undefined) return 1;
  print(figures);

  if (json !== undefined || (only.length === 0 && !hurried)) {
    const file = json ?? resultsFile(wide ? "roofline-wide-" : "roofline-");
    const command = formatCommand("npm run bench:roofline", args);
    writeJson(file, { date: new Date().toISOString(), command, machine, ...figures });
    console.log(`written: ${path.relative(process.cwd(), file)}`);
  }
  return 0;
}

async function measure(
  cores: number,
  wide: boolean,
  only: readonly string[],
  patience: Patience,
): Promise<Figures | undefined> {
  const peaks = new Map<KernelSet, Peak>();
  const addPeak = (set: KernelSet) => {
    const peak = createPeak(set);
    if (peak) peaks.set(set, peak);
  };
  for (const set of wide ? (["relaxed"] as const) : (["strict", "relaxed"] as const)) addPeak(set);
  const contenders = createContenders(wide ? ["wide"] : [...peaks.keys()], 1);
  // After the engine, which sets the flag that joins its loops.
  if (wide) addPeak("wide");
  const kernels = createKernels(contenders).filter(
    ({ name }) => only.length === 0 || only.some((part) => name.includes(part)),
  );
  const alone = await createReadings(1);
  const together = await createReadings(cores);
  const readings = [...alone.readings, ...(cores > 1 ? together.readings : [])];

  const figures = (await areRight([...readings, ...kernels]))
    ? await measureAll(peaks, readings, kernels, patience)
    : undefined;
  for (const { dispose } of [alone, together]) await dispose();
  for (const { engine } of contenders) await engine.dispose();
  return figures;
}

async function areRight(checked: readonly (Reading | Kernel)[]): Promise<boolean> {
  let right = true;
  for (const { name, check } of checked) {
    const mismatch = await check();
    if (mismatch === undefined) continue;
    console.error(`wrong result: ${name}: ${mismatch}`);
    right = false;
  }
  return right;
}

async function measureAll(
  peaks: ReadonlyMap<KernelSet, Peak>,
  readings: readonly Reading[],
  kernels: readonly Kernel[],
  patience: Patience,
): Promise<Figures> {
  const loops = [...peaks].map(([set, { flops, run }]): Candidate => ({ name: set, work: flops, run }));
  const candidates = [...loops, ...readings, ...kernels];
  const timings = await measureInTurn(candidates, patience);
  const timingOf = (i: number): Timing => timings[i];
  return {
    peaks: Object.fromEntries([...peaks].map(([set, peak], i) => [set, summarizePeak(peak, timingOf(i))])),
    bandwidths: readings.map((reading, i) => summarizeReading(reading, timingOf(peaks.size + i))),
    kernels: kernels.map((kernel, i) => summarizeKernel(kernel, timingOf(peaks.size + readings.length + i))),
  };
}

function print({ peaks, bandwidths, kernels }: Figures): void {
  const peakRows = Object.entries(peaks).map(([set, { loop, best }]) => [set, loop, formatNumber(best)]);
  console.log(`\n${formatTable(["peak", "loop", "GFLOP/s"], peakRows)}`);
  const readRows = bandwidths.map(({ level, bytes, threads, gigabytes }) => [
    level,
    formatNumber(bytes / 1024),
    String(threads),
    formatNumber(gigabytes.best),
  ]);
  console.log(`\n${formatTable(["read from", "KiB a thread", "threads", "GB/s"], readRows)}`);
  const header = ["kernel", "size", "kernels", "FLOP/byte", "best ms", "GFLOP/s", "GB/s", "runs"];
  const rows = kernels.map((kernel) => [
    kernel.name,
    kernel.size,
    kernel.kernels,
    ...[kernel.intensity, kernel.milliseconds.best, kernel.gigaflops, kernel.gigabytes].map(formatNumber),
    String(kernel.samples),
  ]);
  console.log(`\n${formatTable(header, rows)}`);
  const tokenRows = tokenRates(kernels).map(({ name, kernels: set, rate, ratio }) => [
    name,
    set,
    formatNumber(rate),
    ratio === undefined ? "" : formatNumber(ratio),
  ]);
  if (tokenRows.length > 0)
    console.log(`\n${formatTable(["step", "kernels", "tokens/s", "x one query"], tokenRows)}`);
}
