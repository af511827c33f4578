// npm run soak [-- --calls 100000] [--nodes 24]: prints what the process holds at each tenth, and writes
// bench/results/soak-<node>.json.
import fs from "node:fs";
import { parseArgs } from "node:util";
import { describeMachine } from "../../bench/machine.ts";
import { type Sample, soak } from "./soak.ts";

const { values } = parseArgs({ options: { calls: { type: "string", default: "100000" } } });
const calls = Number(values.calls);
const columns = ["calls", "RSS", "heap", "linear used", "linear reserved", "threads"];
const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const print = (cells: readonly unknown[]) =>
  console.log(cells.map((cell) => String(cell).padStart(16)).join(""));

console.log(`Node ${process.version}, ${calls} calls`);
print(columns);
const start = performance.now();
const result = await soak(calls, ({ calls, rss, heap, linearUsed, linearReserved, threads }: Sample) =>
  print([calls, ...[rss, heap, linearUsed, linearReserved].map(megabytes), threads]),
);
const seconds = Math.round((performance.now() - start) / 1000);
console.log(`${JSON.stringify(result.counts)} in ${seconds} s`);
console.log(`growth after warm-up: ${(result.rssSlope / 1024).toFixed(2)} KiB per 1000 calls`);
for (const problem of result.problems.slice(0, 20)) console.log(`problem: ${problem}`);
console.log(result.problems.length === 0 ? "pass" : "FAIL");
const figures = {
  date: new Date().toISOString(),
  command: "npm run soak",
  machine: describeMachine(),
  seconds,
};
const file = `bench/results/soak-${process.versions.node.split(".")[0]}.json`;
fs.writeFileSync(file, `${JSON.stringify({ ...figures, ...result }, null, 2)}\n`);
process.exitCode = result.problems.length === 0 ? 0 : 1;
