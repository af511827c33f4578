/**
 * `npm run bench:peers`, on one Node version: the package and other runtimes, measured in turn. Whose result is wrong is
 * not timed; if it is the package's, there are no figures, and the exit code is 1. bench/peers must be installed.
 */
import path from "node:path";
import { isRight } from "../case.ts";
import { describeMachine } from "../machine.ts";
import { measureInTurn, type Patience } from "../measure.ts";
import { type Options, readOptions } from "../options.ts";
import { type Contender, createContenders } from "../ours.ts";
import { resultsFile } from "../paths.ts";
import { createOnnxRuntimeNode } from "../peers/onnxruntime-node.ts";
import { createOnnxRuntimeWeb } from "../peers/onnxruntime-web.ts";
import type { Peer } from "../peers/peer.ts";
import { createTfjsCpu } from "../peers/tfjs-cpu.ts";
import { createTfjsWasm } from "../peers/tfjs-wasm.ts";
import { formatMachine } from "../print.ts";
import { formatCommand, writeJson } from "../write.ts";
import { cases, type NamedCase } from "./cases.ts";
import { type ComparedCase, summarizeComparison } from "./figures.ts";
import { enter, type Participant } from "./peer-entry.ts";
import { formatComparison } from "./print.ts";

const thorough: Patience = { rounds: 12, milliseconds: 60, pause: 50 };
const quick: Patience = { rounds: 5, milliseconds: 30, pause: 50 };

const legend = `"package x" says how many times as fast the package is on as many threads, by best runs; below 1 the other one is
faster. The package reads and writes tensors of its engine. A peer computes in the fastest of its ways that gives the right
result; arrays and tensors for it are laid out as it likes best, and made beforehand.`;

const args = process.argv.slice(2);
const code = await main(readOptions(args) as Options);
// Some peers keep threads that do not end by themselves.
process.exit(code);

async function main(options: Options): Promise<number> {
  const chosen = cases.filter(({ name }) => isWanted(name, options.only));
  if (chosen.length === 0) {
    console.error(`no case matches; there are: ${cases.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const machine = describeMachine();
  const peers = [createOnnxRuntimeNode(), createOnnxRuntimeWeb(), createTfjsWasm(), createTfjsCpu()];
  const contenders = createContenders(["auto"], machine.cores);
  console.log(`${formatMachine(machine)}, ${contenders[0].kernels} kernels`);
  console.log(`${peers.map(({ name, version }) => `${name} ${version}`).join(", ")}\n`);

  const figures: ComparedCase[] = [];
  for (const one of chosen) {
    const compared = await compare(one, contenders, peers, options.quick ? quick : thorough);
    if (compared === undefined) return 1;
    figures.push(compared);
    console.log(`${formatComparison(compared)}\n`);
  }
  console.log(legend);

  if (options.json !== undefined || options.only.length === 0) {
    const file = options.json ?? resultsFile("peers-");
    writeJson(file, {
      date: new Date().toISOString(),
      command: formatCommand("npm run bench:peers", args),
      machine,
      kernels: contenders[0].kernels,
      peers: Object.fromEntries(peers.map(({ name, version }) => [name, version])),
      cases: figures,
    });
    console.log(`written: ${path.relative(process.cwd(), file)}`);
  }
  return 0;
}

function isWanted(name: string, only: readonly string[]): boolean {
  return only.length === 0 || only.some((part) => name.includes(part));
}

async function compare(
  { create }: NamedCase,
  contenders: readonly Contender[],
  peers: readonly Peer[],
  patience: Patience,
): Promise<ComparedCase | undefined> {
  const benchmark = create(contenders);
  if (!(await isRight(benchmark))) return undefined;
  const participants: Participant[] = [];
  for (const peer of peers)
    for (const threads of new Set(contenders.map((contender) => contender.threads)))
      participants.push(await enter(peer, benchmark, threads));
  const entries = [...benchmark.entries, ...participants.flatMap(({ entry }) => entry ?? [])];
  const timings = await measureInTurn(entries, patience);
  const compared = summarizeComparison({ ...benchmark, entries }, participants, timings);
  for (const { dispose } of participants) await dispose();
  benchmark.dispose();
  return compared;
}
