// npm run bench:latency: what a call costs that is over in microseconds. From import to the first result, in processes of their
// own; the first calls of a process, warmed up and not; calls one after the other, and what they leave to the garbage
// collector. One head of 32 tokens of 64, which is checked before anything is timed.

import { execFileSync } from "node:child_process";
import path from "node:path";
import { describeMachine } from "./machine.ts";
import { projectRoot } from "./paths.ts";
import { formatNumber, formatTable } from "./table.ts";
import { writeJson } from "./write.ts";

const PROCESSES = 9;
/** Which of a process's first calls are shown. */
const SHOWN = [1, 2, 3, 5, 10, 20, 50, 100];

/** What one process says of itself. */
interface Report {
  readonly importMs: number;
  readonly firstMs: number;
  /** Of the first calls, each, in microseconds. */
  readonly callsUs: readonly number[];
  readonly steadyUs: { readonly engine: number; readonly plain: number; readonly async: number };
  readonly bytesPerCall: { readonly engine: number; readonly plain: number };
}

const child = path.join(import.meta.dirname, "latency", "process.js");

function measure(mode: "sync" | "async" | "warm"): Report[] {
  // No collection while allocations are counted: the young generation holds them all.
  const flags = ["--min-semi-space-size=128", "--max-semi-space-size=256", "--expose-gc"];
  return Array.from({ length: PROCESSES }, () => {
    const output = execFileSync(process.execPath, [...flags, child, mode], { encoding: "utf8" });
    return JSON.parse(output) as Report;
  });
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

const reports = { sync: measure("sync"), async: measure("async"), warm: measure("warm") };
const start = (mode: "sync" | "async") => {
  const totals = reports[mode].map(({ importMs, firstMs }) => importMs + firstMs);
  const imports = reports[mode].map(({ importMs }) => importMs);
  return { importMs: median(imports), bestMs: Math.min(...totals), medianMs: median(totals) };
};
const callsUs = (mode: "sync" | "warm") =>
  SHOWN.map((n) => median(reports[mode].map((report) => report.callsUs[n - 1])));
const best = (pick: (report: Report) => number) => Math.min(...reports.warm.map(pick));

const figures = {
  machine: describeMachine(),
  date: new Date().toISOString().slice(0, 10),
  command: "npm run bench:latency",
  start: { sync: start("sync"), async: start("async") },
  firstCalls: { calls: SHOWN, coldUs: callsUs("sync"), warmUs: callsUs("warm") },
  steadyUs: {
    engine: best(({ steadyUs }) => steadyUs.engine),
    plain: best(({ steadyUs }) => steadyUs.plain),
    async: best(({ steadyUs }) => steadyUs.async),
  },
  bytesPerCall: {
    engine: best(({ bytesPerCall }) => bytesPerCall.engine),
    plain: best(({ bytesPerCall }) => bytesPerCall.plain),
  },
};

console.log(`One head of 32 tokens of 64, ${figures.machine.cpu}, Node ${figures.machine.node}\n`);
console.log(
  formatTable(
    ["from import to the first result, ms", "import", "best", "median"],
    (["sync", "async"] as const).map((mode) => {
      const { importMs, bestMs, medianMs } = figures.start[mode];
      return [mode, ...[importMs, bestMs, medianMs].map(formatNumber)];
    }),
  ),
);
console.log();
console.log(
  formatTable(
    ["the nth call of a process, us", ...SHOWN.map(String)],
    [
      ["as it comes", ...figures.firstCalls.coldUs.map(formatNumber)],
      ["after warmUp()", ...figures.firstCalls.warmUs.map(formatNumber)],
    ],
  ),
);
console.log();
console.log(
  formatTable(
    ["one after the other", "us", "bytes a call"],
    [
      ["engine tensors and out", formatNumber(figures.steadyUs.engine), String(figures.bytesPerCall.engine)],
      ["plain arrays", formatNumber(figures.steadyUs.plain), String(figures.bytesPerCall.plain)],
      ["plain arrays, async", formatNumber(figures.steadyUs.async), ""],
    ],
  ),
);
const major = process.versions.node.split(".")[0];
const file = path.join(projectRoot, "bench", "results", `latency-${major}.json`);
writeJson(file, figures);
console.log(`\nwritten to ${path.relative(projectRoot, file)}`);
