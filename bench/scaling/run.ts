/**
 * `npm run bench:scaling`, on one Node version: speed against length, batch and heads, and the time of a decoder's step
 * against the tokens so far. Results are checked before anything is timed.
 */
import path from "node:path";
import { describeMachine } from "../machine.ts";
import { measureInTurn, type Patience } from "../measure.ts";
import { type Options, readOptions } from "../options.ts";
import { resultsFile } from "../paths.ts";
import { formatMachine } from "../print.ts";
import { formatNumber, formatTable } from "../table.ts";
import { formatCommand, writeJson } from "../write.ts";
import { createAttentionPoint } from "./attention.ts";
import { createCaches, shape, window } from "./decode.ts";
import { type Point, type PointFigures, summarizePoint } from "./point.ts";

const thorough: Patience = { rounds: 7, milliseconds: 60 };
const quick: Patience = { rounds: 3, milliseconds: 30 };

const lengths = [128, 256, 512, 1024, 2048, 4096, 8192, 16384];
const batches = [1, 2, 4, 8, 16];
const headCounts = [1, 2, 4, 8, 16, 32];
const cacheLengths = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];

/** What is held fixed in each series, in words; `decode` has more to it. */
const series = {
  lengths: { of: "one head of 64", sizes: lengths.map((L) => ({ B: 1, H: 1, L })) },
  batches: { of: "12 heads of 64, 128 tokens", sizes: batches.map((B) => ({ B, H: 12, L: 128 })) },
  heads: { of: "heads of 64, 512 tokens", sizes: headCounts.map((H) => ({ B: 1, H, L: 512 })) },
};
const axes = { lengths: lengths, batches: batches, heads: headCounts };

const args = process.argv.slice(2);
process.exitCode = await main(readOptions(args) as Options);

async function main({ quick: hurried, only, json }: Options): Promise<number> {
  const machine = describeMachine();
  const patience = hurried ? quick : thorough;
  const isWanted = (name: string) => only.length === 0 || only.some((part) => name.includes(part));
  console.log(formatMachine(machine));

  const figures: Record<string, { of: string; points: PointFigures[] }> = {};
  for (const name of Object.keys(series).filter(isWanted) as (keyof typeof series)[]) {
    figures[name] = { of: series[name].of, points: await measureSeries(name, machine.cores, patience) };
    print(name, figures[name].of, figures[name].points);
  }
  if (isWanted("decode")) {
    const { H, K, E } = shape;
    const of = `${H} query heads, ${K} key/value heads of ${E}, one token a step; window of ${window}`;
    figures.decode = { of, points: await measureDecoding(patience) };
    print("decode", of, figures.decode.points);
  }

  if (json !== undefined || only.length === 0) {
    const file = json ?? resultsFile("scaling-");
    const command = formatCommand("npm run bench:scaling", args);
    writeJson(file, { date: new Date().toISOString(), command, machine, ...figures });
    console.log(`written: ${path.relative(process.cwd(), file)}`);
  }
  return 0;
}

/** All points of a series in turn. */
async function measureSeries(
  name: keyof typeof series,
  cores: number,
  patience: Patience,
): Promise<PointFigures[]> {
  const threadCounts = cores > 1 ? [1, 2] : [1];
  const points = series[name].sizes.flatMap(({ B, H, L }, i) =>
    threadCounts.map((threads) =>
      createAttentionPoint(axes[name][i], { B, H, K: H, L, S: L, E: 64, causal: false }, threads),
    ),
  );
  const figures = await measurePoints(points, patience);
  for (const { dispose } of points) await dispose();
  return figures;
}

/** All caches in turn at each length: they grow, and do not come back. */
async function measureDecoding(patience: Patience): Promise<PointFigures[]> {
  const most = Math.max(...cacheLengths);
  const { caches, dispose } = createCaches(most);
  const figures: PointFigures[] = [];
  for (const tokens of cacheLengths)
    figures.push(
      ...(await measurePoints(
        caches.map((cache) => cache.at(tokens)),
        patience,
      )),
    );
  await dispose();
  return figures;
}

async function measurePoints(points: readonly Point[], patience: Patience): Promise<PointFigures[]> {
  for (const { check } of points) check();
  const timings = await measureInTurn(points, patience);
  return points.map((point, i) => summarizePoint(point, timings[i]));
}

function print(name: string, of: string, points: readonly PointFigures[]): void {
  const header = [name, "threads", "cache", "best ms", "median ms", "GFLOP/s", "KiB a call", "runs"];
  const rows = points.map(
    ({ x, threads, cache, window: kept, callBytes, milliseconds, gigaflops, samples }) => [
      String(x),
      String(threads),
      kept === undefined ? (cache ?? "") : `window ${kept}`,
      formatNumber(milliseconds.best),
      formatNumber(milliseconds.median),
      formatNumber(gigaflops),
      callBytes === undefined ? "" : formatNumber(callBytes / 1024),
      String(samples),
    ],
  );
  console.log(`\n${of}\n${formatTable(header, rows)}`);
}
