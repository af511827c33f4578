// npm run bench:responsiveness: what everybody else notices of long calls. How soon an abort is through, how long a call
// of a millisecond takes behind one of seconds, and how late the event loop's timers come while attention runs flat out; with a
// core left free, with none, and without workers.

import os from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { createEngine, type Engine, type TensorLike } from "wasm-attention";
import { scaledDotProductAttention } from "wasm-attention/reference";
import { describeMachine } from "./machine.ts";
import { projectRoot } from "./paths.ts";
import { createRandom } from "./random.ts";
import { formatNumber, formatTable } from "./table.ts";
import { writeJson } from "./write.ts";

const ABORTS = 40;
const SHORT_CALLS = 40;
const LOOP_SECONDS = 6;
const E = 64;

/** Milliseconds: in the middle, of one in a hundred, and at most. */
interface Delays {
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

interface Figures {
  readonly threads: number;
  readonly longCallMs: number;
  readonly shortCallMs: number;
  readonly abort: Delays;
  readonly shortBehindLong: Delays;
  /** Of the event loop; and with nothing to do, for comparison. */
  readonly loop: Delays;
  readonly idleLoop: Delays;
}

const random = createRandom(5);
const tensorOf = (...shape: number[]): TensorLike => ({
  data: random(shape.reduce((a, b) => a * b)),
  shape,
});
const long = tensorOf(12, 8192, E);
const short = tensorOf(12, 96, E);

function summarize(milliseconds: readonly number[]): Delays {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { median: at(0.5), p99: at(0.99), max: at(1) };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

async function check(engine: Engine): Promise<void> {
  const { output } = await engine.scaledDotProductAttention(short, short, short);
  const exact = scaledDotProductAttention(short, short, short).output.data;
  if (!exact.every((x, i) => Math.abs(x - output.data[i]) < 1e-4)) throw new Error("a result is wrong");
}

/** From abort() to the rejection, at any time of a call. */
async function measureAborts(engine: Engine): Promise<Delays> {
  const delays: number[] = [];
  for (let i = 0; i < ABORTS; i++) {
    const controller = new AbortController();
    const { signal } = controller;
    const ended = engine.scaledDotProductAttention(long, long, long, { signal }).then(
      () => Promise.reject(new Error("it ended before it was stopped")),
      () => performance.now(),
    );
    await sleep(20 + ((i * 37) % 80));
    const start = performance.now();
    controller.abort();
    delays.push((await ended) - start);
  }
  return summarize(delays);
}

/** Short calls, one after the other, while a long one computes. */
async function measureShortCalls(engine: Engine): Promise<Delays> {
  const controller = new AbortController();
  const { signal } = controller;
  const longCall = Promise.allSettled([engine.scaledDotProductAttention(long, long, long, { signal })]);
  const delays: number[] = [];
  for (let i = 0; i < SHORT_CALLS; i++) {
    await sleep(5);
    delays.push(await timed(() => engine.scaledDotProductAttention(short, short, short)));
  }
  if (engine.info().running === 0) throw new Error("the long call ended too soon");
  controller.abort();
  await longCall;
  return summarize(delays);
}

/** How late timers of a millisecond come, while a service answers calls without a pause. */
async function measureLoop(engine: Engine | undefined): Promise<Delays> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  const end = performance.now() + LOOP_SECONDS * 1e3;
  const answer = async () => {
    while (performance.now() < end) await engine!.scaledDotProductAttention(short, short, short);
  };
  histogram.enable();
  if (engine === undefined) await sleep(LOOP_SECONDS * 1e3);
  else await Promise.all(Array.from({ length: 8 }, answer));
  histogram.disable();
  const ms = (nanoseconds: number) => nanoseconds / 1e6;
  return { median: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), max: ms(histogram.max) };
}

async function measure(threads: number): Promise<Figures> {
  const engine = createEngine({ threads });
  await check(engine);
  await engine.warmUp();
  const shortCalls: number[] = [];
  for (let i = 0; i < 50; i++)
    shortCalls.push(await timed(() => engine.scaledDotProductAttention(short, short, short)));
  const figures = {
    threads,
    longCallMs: await timed(() => engine.scaledDotProductAttention(long, long, long)),
    shortCallMs: summarize(shortCalls).median,
    abort: await measureAborts(engine),
    shortBehindLong: await measureShortCalls(engine),
    loop: await measureLoop(engine),
    idleLoop: await measureLoop(undefined),
  };
  await engine.dispose();
  return figures;
}

const cores = os.availableParallelism();
const figures: Figures[] = [];
for (const threads of new Set([Math.max(1, cores - 1), cores, 0])) figures.push(await measure(threads));

const delays = ({ median, p99, max }: Delays) => [median, p99, max].map(formatNumber).join(" / ");
console.log(
  formatTable(
    ["ms: median / p99 / most", ...figures.map(({ threads }) => `${threads} workers of ${cores} cores`)],
    [
      ["a long call alone", ...figures.map(({ longCallMs }) => formatNumber(longCallMs))],
      ["a short call alone", ...figures.map(({ shortCallMs }) => formatNumber(shortCallMs))],
      ["from abort() to the rejection", ...figures.map(({ abort }) => delays(abort))],
      ["a short call while a long one runs", ...figures.map((f) => delays(f.shortBehindLong))],
      ["delay of the event loop, flat out", ...figures.map(({ loop }) => delays(loop))],
      ["delay of the event loop, idle", ...figures.map(({ idleLoop }) => delays(idleLoop))],
    ],
  ),
);
const machine = describeMachine();
const file = path.join(
  projectRoot,
  "bench",
  "results",
  `responsiveness-${machine.node.slice(1).split(".")[0]}.json`,
);
writeJson(file, {
  machine,
  date: new Date().toISOString().slice(0, 10),
  command: "npm run bench:responsiveness",
  long: "12 heads of 8192 tokens of 64",
  short: "12 heads of 96 tokens of 64",
  figures,
});
console.log(`\nwritten to ${path.relative(projectRoot, file)}`);
