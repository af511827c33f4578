/**
 * `npm run bench`: the package, naive and tuned JavaScript and the machine's SIMD peak, measured in turn.
 * Every result is checked before anything is timed; after a mismatch there are no figures, and the exit
 * code is 1.
 */
import path from "node:path";
import { createAttentionCase } from "./attention-case.ts";
import { type Case, isRight } from "./case.ts";
import { type CaseFigures, rateOf, summarizeCase } from "./figures.ts";
import { describeMachine } from "./machine.ts";
import { createMatmulCase } from "./matmul-case.ts";
import { type Candidate, measureInTurn, type Patience } from "./measure.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { type Contender, createContenders, type PeakSet } from "./ours.ts";
import { resultsFile } from "./paths.ts";
import { createPeak, type Peak } from "./peak/peak.ts";
import { formatCase, formatMachine } from "./print.ts";
import { type Shape, shapes } from "./shapes.ts";
import { createSoftmaxCase } from "./softmax-case.ts";
import { formatCommand, writeJson } from "./write.ts";

type Peaks = Partial<Record<PeakSet, Peak>>;

const thorough: Patience = { rounds: 15, milliseconds: 60 };
const quick: Patience = { rounds: 4, milliseconds: 20 };

const legend = `FLOP: 4 B H L S E for attention (half of it causal), 2 M N K for products. Of peak, x naive and x tuned
compare best runs. The package reads and writes tensors of its engine, the baselines plain Float32Arrays.
Naive loops that would take too long run on a slice (one head, the first rows), scaled by counted FLOP.`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const options = parse(args);
  if (options === undefined) return 2;
  if (options === "help") return print(usage);
  const chosen = shapes.filter(({ name, kind }) => isWanted(`${kind} ${name}`, options.only));
  if (chosen.length === 0) {
    console.error(`no shape matches; there are: ${shapes.map(({ name }) => name).join(", ")}`);
    return 2;
  }

  const machine = describeMachine();
  const peaks = createPeaks(options.wide ? ["relaxed"] : ["strict", "relaxed"]);
  const sets = options.wide ? (["wide"] as const) : (Object.keys(peaks) as PeakSet[]);
  const contenders = createContenders(sets, machine.cores);
  print(`${formatMachine(machine)}\n`);

  const figures: CaseFigures[] = [];
  for (const shape of chosen) {
    const benchmark = createCase(shape, contenders);
    if (!(await isRight(benchmark))) return 1;
    const result = await measureCase(benchmark, peaks, options.quick ? quick : thorough);
    benchmark.dispose();
    figures.push(result);
    print(`${formatCase(result)}\n`);
  }
  print(legend);
  for (const { engine } of contenders) engine.dispose();

  const file =
    options.json ??
    (options.quick || options.only.length > 0 ? undefined : resultsFile(options.wide ? "wide-" : ""));
  if (file !== undefined) {
    const command = formatCommand("npm run bench", args);
    const loops = Object.fromEntries(Object.entries(peaks).map(([set, peak]) => [set, peak.loop]));
    writeJson(file, { date: new Date().toISOString(), command, machine, peakLoops: loops, cases: figures });
    print(`written: ${path.relative(process.cwd(), file)}`);
  }
  return 0;
}

function parse(args: string[]): Options | "help" | undefined {
  try {
    return readOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return undefined;
  }
}

function isWanted(text: string, only: readonly string[]): boolean {
  return only.length === 0 || only.some((part) => text.includes(part));
}

/** The peak of every one of these kernel sets that this V8 accepts. */
function createPeaks(sets: readonly PeakSet[]): Peaks {
  const peaks: Peaks = {};
  for (const set of sets) {
    const peak = createPeak(set);
    if (peak) peaks[set] = peak;
    else console.error(`${set} kernels: not on this Node version`);
  }
  return peaks;
}

function createCase(shape: Shape, contenders: readonly Contender[]): Case {
  switch (shape.kind) {
    case "attention":
      return createAttentionCase(shape.name, shape.size, contenders);
    case "matmul":
      return createMatmulCase(shape.name, shape.size, contenders.filter(isAlone));
    case "softmax":
      return createSoftmaxCase(shape.name, shape.size, contenders.filter(isAlone));
  }
}

function isAlone({ threads }: Contender): boolean {
  return threads === 1;
}

async function measureCase(benchmark: Case, peaks: Peaks, patience: Patience): Promise<CaseFigures> {
  const sets = Object.entries(peaks) as [PeakSet, Peak][];
  const peakCandidates = sets.map(
    ([set, { flops, run }]): Candidate => ({ name: `peak ${set}`, work: flops, run }),
  );
  const timings = await measureInTurn([...peakCandidates, ...benchmark.entries], patience);
  const rates = sets.map(([set, { flops }], i) => [set, rateOf(flops, timings[i])]);
  return summarizeCase(benchmark, timings.slice(sets.length), Object.fromEntries(rates));
}

function print(text: string): 0 {
  console.log(text);
  return 0;
}
