import { setTimeout } from "node:timers/promises";
import { Bench } from "tinybench";

/** Something to time: `run` does `work` units (floating-point operations, elements) each time it is called. */
export interface Candidate {
  readonly name: string;
  readonly work: number;
  /** Done when it returns, or when the promise that it returns settles. */
  run(): void | Promise<void>;
}

/** Milliseconds for one run. */
export interface Timing {
  readonly best: number;
  readonly median: number;
  readonly samples: number;
}

export interface Patience {
  readonly rounds: number;
  /** Time a candidate gets in each round; at least one sample is taken whatever it costs. */
  readonly milliseconds: number;
  /** Milliseconds of rest before a candidate's samples: threads of the one before it may spin on after its last run. */
  readonly pause?: number;
}

/** Shorter calls are repeated within a sample, or the clock's steps and its own cost would show. */
const shortestSample = 0.2;

/**
 * Times candidates in turn, round after round, and keeps each one's best and median over all rounds.
 *
 * Machines are shared and change speed by a third within seconds. One candidate after the other would
 * give whoever came at the wrong moment the blame; in turn, all meet the same weather. tinybench takes
 * the samples of one round of one candidate, this function does the turns.
 */
export async function measureInTurn(candidates: readonly Candidate[], patience: Patience): Promise<Timing[]> {
  const timers: Timer[] = [];
  for (const candidate of candidates) timers.push(await createTimer(candidate, patience.milliseconds));
  for (let round = 0; round < patience.rounds; round++)
    for (const timer of timers) {
      if (patience.pause !== undefined) await setTimeout(patience.pause);
      await timer.takeSamples();
    }
  return timers.map((timer) => timer.summarize());
}

interface Timer {
  takeSamples(): Promise<void>;
  summarize(): Timing;
}

async function createTimer(candidate: Candidate, milliseconds: number): Promise<Timer> {
  const { repeats, async } = await warmUp(candidate);
  const bench = new Bench({
    time: milliseconds,
    iterations: 1,
    warmup: false,
    throws: true,
    retainSamples: true,
  });
  // What is synchronous is timed without a promise: awaiting one costs as much as a very short call.
  const sample = async
    ? async () => {
        for (let i = 0; i < repeats; i++) await candidate.run();
      }
    : () => {
        for (let i = 0; i < repeats; i++) candidate.run();
      };
  bench.add(candidate.name, sample, { async });
  const task = bench.tasks[0];
  const samples: number[] = [];
  return {
    async takeSamples() {
      task.reset();
      if (async) await bench.run();
      else bench.runSync();
      const { result } = task;
      if (result.state !== "completed") throw new Error(`${candidate.name}: ${result.state}`);
      for (const sample of result.latency.samples ?? []) samples.push(sample / repeats);
    },
    summarize(): Timing {
      samples.sort((a, b) => a - b);
      const middle = samples.length >> 1;
      const median = samples.length % 2 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
      return { best: samples[0], median, samples: samples.length };
    },
  };
}

/** Runs that are enough to warm up with, and a time after which fewer are. */
const enoughRuns = 2000;
const longestWarmUp = 1000;

/** Warms the candidate up for some 100 ms (V8 optimizes what has run), then sees how short a run is. */
async function warmUp(candidate: Candidate): Promise<{ repeats: number; async: boolean }> {
  const start = performance.now();
  let best = Infinity;
  let async = false;
  const isEnough = (runs: number, elapsed: number) =>
    runs >= enoughRuns || elapsed > longestWarmUp || (runs >= 3 && elapsed > 100);
  for (let i = 0; !isEnough(i, performance.now() - start); i++) {
    const before = performance.now();
    const running = candidate.run();
    if (running) {
      async = true;
      await running;
    }
    best = Math.min(best, performance.now() - before);
  }
  return { repeats: Math.max(1, Math.ceil(shortestSample / Math.max(best, 1e-4))), async };
}
