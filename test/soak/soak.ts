/**
 * Many mixed calls in one process, as a service makes them for weeks: all operators, layers and caches, with and without
 * workers, from plain arrays and from engine tensors, some aborted, some refused, some tensors forgotten, engines that
 * come and go. Memory must not grow.
 */
import fs from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { AttentionError, createEngine, type Engine, type Tensor } from "wasm-attention";
import { Draws, kindsOfCalls, type MixedCall } from "../support/mixed-calls/mixed-calls.ts";
import type { FloatTensor } from "../support/random-tensors.ts";

/** What the process holds at one time, after a collection of garbage. Sizes are bytes. */
export interface Sample {
  readonly calls: number;
  readonly rss: number;
  readonly heap: number;
  readonly linearUsed: number;
  readonly linearReserved: number;
  /** Threads of the process, where the system says so. */
  readonly threads: number | undefined;
}

export interface SoakResult {
  readonly samples: readonly Sample[];
  /** Growth of the whole process from the third tenth to the last, bytes for each 1000 calls, by least squares. */
  readonly rssSlope: number;
  readonly counts: Readonly<Record<"sync" | "async" | "aborted" | "refused" | "engines", number>>;
  /** What speaks against it; none is a pass. */
  readonly problems: readonly string[];
}

/** Calls before the first sample that counts: code is compiled, the collector finds its pace. */
const WARM_UP_TENTHS = 3;
/** The process may grow by so much from there on: what lies fragmented in the system's allocator, not what is kept. */
const GROWTH_ALLOWED = 0.1;
const CALLS_PER_ENGINE = 500;
/** Until V8 has compiled everything for speed it takes some tens of megabytes for that: in short runs it goes on for long. */
const STILL_COMPILING = 64 * 2 ** 20;
const LONG_RUN = 20_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

export async function soak(
  calls: number,
  onSample: (sample: Sample) => void = () => {},
): Promise<SoakResult> {
  const run = new Soak();
  const samples: Sample[] = [];
  for (let tenth = 1; tenth <= 10; tenth++) {
    await run.callUntil(Math.round((calls * tenth) / 10));
    const sample = await run.sample();
    samples.push(sample);
    onSample(sample);
  }
  await run.end();
  const rssSlope = slopeOf(samples.slice(WARM_UP_TENTHS - 1));
  return {
    samples,
    rssSlope,
    counts: run.counts,
    problems: [...run.problems, ...judge(samples, rssSlope, calls)],
  };
}

class Soak {
  readonly counts = { sync: 0, async: 0, aborted: 0, refused: 0, engines: 0 };
  readonly problems: string[] = [];
  readonly #draws = new Draws(1);
  readonly #engines: Engine[] = [0, 1, 2].map((threads) => this.#create(threads));
  #calls = 0;

  async callUntil(calls: number): Promise<void> {
    while (this.#calls < calls) {
      if (this.#calls >= this.counts.engines * CALLS_PER_ENGINE) await this.#replaceEngine();
      // Some at once, on one engine, as requests of a service are.
      const engine = this.#draws.pick(this.#engines);
      const together = this.#draws.pick([1, 1, 1, 2, 5]);
      await Promise.all(Array.from({ length: together }, () => this.#call(engine)));
    }
  }

  async sample(): Promise<Sample> {
    // What is forgotten is given back some time after it is collected.
    for (let i = 0; i < 4; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const memories = this.#engines.map((engine) => engine.info().memory);
    const sum = (name: "used" | "reserved") => memories.reduce((total, memory) => total + memory[name], 0);
    return {
      calls: this.#calls,
      rss: process.memoryUsage.rss(),
      heap: process.memoryUsage().heapUsed,
      linearUsed: sum("used"),
      linearReserved: sum("reserved"),
      threads: countThreads(),
    };
  }

  async end(): Promise<void> {
    for (const engine of this.#engines) await engine.dispose();
  }

  async #call(engine: Engine): Promise<void> {
    this.#calls++;
    const placed: Tensor[] = [];
    const place = (x: FloatTensor) => this.#place(engine, x, placed);
    const draws = new Draws(this.#calls, this.#draws.chance() ? place : undefined);
    const [name, draw] = this.#draws.pick(Object.entries(kindsOfCalls));
    const call = draw(draws, engine);
    try {
      await this.#make(call, engine);
    } catch (error) {
      this.problems.push(`${name}: ${call.name}: ${error}`);
    }
    for (const tensor of placed) tensor.dispose();
  }

  async #make(call: MixedCall, engine: Engine): Promise<void> {
    const way = this.#draws.next();
    if (way < 0.1) this.#refuse(engine);
    else if (call.async === undefined || way < 0.5) {
      call.sync();
      this.counts.sync++;
    } else if (way < 0.9) {
      await call.async();
      this.counts.async++;
    } else await this.#abort(call);
  }

  /** Aborts before the call, at once, or some time later, which may be after its end. */
  async #abort(call: MixedCall): Promise<void> {
    const controller = new AbortController();
    const when = this.#draws.whole(0, 2);
    if (when === 0) controller.abort();
    const settled = call.async!(controller.signal).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (when === 1) controller.abort();
    if (when === 2) setTimeout(() => controller.abort(), 1);
    const error = await settled;
    if (error !== undefined && error !== controller.signal.reason) throw error;
    this.counts.aborted++;
  }

  #refuse(engine: Engine): void {
    const [a, b] = [this.#draws.floats([3, 4]), this.#draws.floats([5, 6])];
    const wrong = [
      () => engine.matmulSync(a, b),
      () => engine.softmaxSync(a, { axis: 7 }),
      () => engine.scaledDotProductAttentionSync(a, b, b),
      () => engine.tensor([2 ** 16, 2 ** 16]),
    ];
    try {
      this.#draws.pick(wrong)();
      this.problems.push("a wrong call went through");
    } catch (error) {
      if (!(error instanceof AttentionError)) this.problems.push(String(error));
    }
    this.counts.refused++;
  }

  /** A tensor in the engine's memory, disposed after the call; one in ten is forgotten instead. */
  #place(engine: Engine, x: FloatTensor, placed: Tensor[]): FloatTensor {
    const tensor = engine.tensor(x.shape);
    tensor.data.set(x.data);
    if (this.#draws.chance(0.9)) placed.push(tensor);
    return tensor;
  }

  #create(threads: number): Engine {
    this.counts.engines++;
    return createEngine({ threads, maxMemory: 2 ** 28 });
  }

  /** The oldest engine ends, or is forgotten, and another takes its place. */
  async #replaceEngine(): Promise<void> {
    const old = this.#engines.shift()!;
    const { threads, withoutWorkers } = old.info();
    this.#engines.push(this.#create(withoutWorkers === undefined ? threads : 0));
    if (this.#draws.chance()) await old.dispose();
  }
}

/** Least squares through the sizes of the process. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, one) => sum + of(one), 0) / samples.length;
  const [x, y] = [mean(({ calls }) => calls), mean(({ rss }) => rss)];
  const covariance = mean(({ calls, rss }) => (calls - x) * (rss - y));
  return (1000 * covariance) / mean(({ calls }) => (calls - x) ** 2);
}

function judge(samples: readonly Sample[], slope: number, calls: number): string[] {
  const [from, to] = [samples[WARM_UP_TENTHS - 1]!, samples.at(-1)!];
  const growth = (slope * (to.calls - from.calls)) / 1000;
  const allowed = GROWTH_ALLOWED * from.rss + (calls < LONG_RUN ? STILL_COMPILING : 0);
  const problems: string[] = [];
  if (growth > allowed)
    problems.push(`the process grew by ${growth} bytes in ${calls} calls, ${allowed} are allowed`);
  if (to.linearUsed !== 0) problems.push(`${to.linearUsed} bytes of linear memory are in use at the end`);
  const most = Math.max(...samples.map(({ threads }) => threads ?? 0));
  if (most > (samples[0]!.threads ?? 0) + 6) problems.push(`there were ${most} threads at a time`);
  return problems;
}

function countThreads(): number | undefined {
  if (process.platform !== "linux") return undefined;
  return Number(/^Threads:\s*(\d+)/m.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1]);
}
