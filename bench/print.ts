import type { CaseFigures, EntryFigures } from "./figures.ts";
import type { Machine } from "./machine.ts";
import { formatNumber, formatTable } from "./table.ts";

export function formatMachine({ cpu, cores, memoryGiB, platform, node, v8 }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}, Node ${node}, V8 ${v8}`;
}

/** One case as a titled table. */
export function formatCase({ name, kind, size, unit, work, peaks, entries }: CaseFigures): string {
  const amount =
    unit === "FLOP" ? `${formatNumber(work / 1e9)} GFLOP` : `${formatNumber(work / 1e6)} million elements`;
  const peakText =
    unit === "FLOP"
      ? `; peak ${Object.entries(peaks)
          .map(([set, rate]) => `${set} ${formatNumber(rate.best)}`)
          .join(", ")} GFLOP/s a thread`
      : "";
  const rate = unit === "FLOP" ? "GFLOP/s" : "G elements/s";
  const header = ["", "best ms", "median ms", rate, "of peak", "x naive", "x tuned", "runs"];
  return `${kind} ${name}: ${size} (${amount}${peakText})\n${formatTable(header, entries.map(formatEntry))}`;
}

function formatEntry(entry: EntryFigures): string[] {
  const optional = (x: number | null, suffix = "") => (x === null ? "" : `${formatNumber(x)}${suffix}`);
  return [
    entry.slice < 1 ? `${entry.name} (1/${Math.round(1 / entry.slice)} run, scaled)` : entry.name,
    formatNumber(entry.milliseconds.best),
    formatNumber(entry.milliseconds.median),
    formatNumber(entry.giga.best),
    entry.shareOfPeak === null ? "" : `${(entry.shareOfPeak * 100).toFixed(0)}%`,
    optional(entry.timesNaive),
    optional(entry.timesTuned),
    String(entry.samples),
  ];
}
