/**
 * `npm run bench:efficient`: attention's efficient variants beside exact attention. First how far off they are, then
 * how long they take from 256 to 16,384 tokens and from which length each pays. Results are checked against float64
 * before anything is timed. Writes bench/results/efficient.json, which docs/efficient-attention.md is filled from.
 */
import path from "node:path";
import { parseArgs } from "node:util";
import { createEngine } from "wasm-attention";
import { type Errors, measureErrors } from "./efficient/errors.ts";
import { lengths, measureTimes, type Times } from "./efficient/times.ts";
import { describeMachine } from "./machine.ts";
import { projectRoot } from "./paths.ts";
import { formatMachine } from "./print.ts";
import { formatNumber, formatTable } from "./table.ts";
import { writeJson } from "./write.ts";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string", default: path.join(projectRoot, "bench", "results", "efficient.json") },
  },
});
const patience = options.quick ? { rounds: 1, milliseconds: 10 } : { rounds: 7, milliseconds: 60 };

const machine = describeMachine();
const engine = createEngine({ threads: 1 });
const { kernels } = engine.info();
console.log(`${formatMachine(machine)}, ${kernels} kernels, one thread\n`);
const errors = measureErrors(engine);
console.log(formatErrors(errors));
const times = await measureTimes(engine, patience, (L) => console.error(`${L} tokens`));
console.log(formatTimes(times));
await engine.dispose();
if (!options.quick || process.argv.includes("--json")) {
  const command = "npm run bench:efficient";
  writeJson(options.json, { date: new Date().toISOString(), command, machine, kernels, errors, times });
  console.log(`written: ${path.relative(process.cwd(), options.json)}`);
}

function formatErrors({ L, E, kinds }: Errors): string {
  const names = Object.keys(kinds[0].errors);
  const header = ["", ...kinds.map(({ name, spread }) => `${name}, ${spread}`)];
  const rows = names.map((name) => [name, ...kinds.map(({ errors }) => formatNumber(errors[name]))]);
  return `Error against exact attention, of ${L} tokens of ${E}, by kind and spread of scores\n${formatTable(header, rows)}\n`;
}

function formatTimes({ E, contenders }: Times): string {
  const rows = contenders.map(({ name, best, breakEven }) => [
    name,
    ...best.map(formatNumber),
    breakEven === null ? "" : String(breakEven),
  ]);
  return `Best ms, one head of ${E}\n${formatTable(["", ...lengths.map(String), "pays from"], rows)}\n`;
}
