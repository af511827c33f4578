import { Bench } from "tinybench";

/** Something to time: `run` does `work` units (floating-point operations, elements) each time it is called. */
export interface Candidate {
  readonly name: string;
  readonly work: number;
  run(): void;
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
export function measureInTurn(candidates: readonly Candidate[], patience: Patience): Timing[] {
  const timers = candidates.map((candidate) => createTimer(candidate, patience.milliseconds));
  for (let round = 0; round < patience.rounds; round++) for (const timer of timers) timer.takeSamples();
  return timers.map((timer) => timer.summarize());
}

function createTimer(candidate: Candidate, milliseconds: number) {
  const repeats = countRepeats(candidate);
  const bench = new Bench({
    time: milliseconds,
    iterations: 1,
    warmup: false,
    throws: true,
    retainSamples: true,
  });
  bench.add(candidate.name, () => {
    for (let i = 0; i < repeats; i++) candidate.run();
  });
  const task = bench.tasks[0];
  const samples: number[] = [];
  return {
    takeSamples() {
      task.reset();
      bench.runSync();
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

/** Warms the candidate up for some 100 ms (V8 optimizes what has run), then sees how short a run is. */
function countRepeats(candidate: Candidate): number {
  const start = performance.now();
  let best = Infinity;
  for (let i = 0; i < 3 || (i < 2000 && performance.now() - start < 100); i++) {
    const before = performance.now();
    candidate.run();
    best = Math.min(best, performance.now() - before);
  }
  return Math.max(1, Math.ceil(shortestSample / Math.max(best, 1e-4)));
}
