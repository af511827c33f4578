import { formatNumber, formatTable } from "../table.ts";
import type { ComparedCase, ComparedEntry } from "./figures.ts";

/** One case as a titled table, and what was refused below it. */
export function formatComparison({ name, kind, size, unit, work, entries, ways }: ComparedCase): string {
  const amount =
    unit === "FLOP" ? `${formatNumber(work / 1e9)} GFLOP` : `${formatNumber(work / 1e6)} million elements`;
  const rate = unit === "FLOP" ? "GFLOP/s" : "G elements/s";
  const header = ["", "best ms", "median ms", rate, "package x", "runs"];
  const refused = ways.flatMap(({ peer, threads, attempts }) =>
    attempts
      .filter((attempt) => attempt.refused !== undefined)
      .map((attempt) => `${peer}, ${threads} threads: ${attempt.way}: ${attempt.refused}`),
  );
  const chosen = entries.filter(({ way }) => way !== undefined).map((entry) => `${entry.name}: ${entry.way}`);
  return [
    `${kind} ${name}: ${size} (${amount})`,
    formatTable(header, entries.map(formatEntry)),
    ...chosen,
    ...refused,
  ].join("\n");
}

function formatEntry(entry: ComparedEntry): string[] {
  return [
    entry.slice < 1 ? `${entry.name} (1/${Math.round(1 / entry.slice)} run, scaled)` : entry.name,
    formatNumber(entry.milliseconds.best),
    formatNumber(entry.milliseconds.median),
    formatNumber(entry.giga.best),
    entry.packageTimes === null ? "" : formatNumber(entry.packageTimes),
    String(entry.samples),
  ];
}
