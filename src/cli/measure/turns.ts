/** Times of several candidates, taken in turn: a machine changes its speed from one second to the next. */

/** Milliseconds of one run. */
export interface Timing {
  readonly best: number;
  readonly median: number;
}

export interface Patience {
  readonly rounds: number;
  /** Milliseconds that each candidate gets in a round; it runs once at least. */
  readonly milliseconds: number;
}

/** What is shorter is repeated within a sample, or the clock's own steps would show. */
const shortestSample = 0.2;

export function measureInTurn(candidates: readonly (() => void)[], patience: Patience): Timing[] {
  const samples = candidates.map((): number[] => []);
  const repeats = candidates.map((run) => Math.ceil(shortestSample / Math.max(timeOf(run, 3), 1e-4)));
  for (let round = 0; round < patience.rounds; round++)
    for (const [i, run] of candidates.entries()) {
      const end = performance.now() + patience.milliseconds;
      // The first run meets what the candidate before it left in the caches.
      if (repeats[i]! > 1) run();
      do samples[i]!.push(timeOf(run, repeats[i]!));
      while (performance.now() < end);
    }
  return samples.map((times) => {
    times.sort((a, b) => a - b);
    return { best: times[0]!, median: times[times.length >> 1]! };
  });
}

/** Milliseconds of one of `count` runs. */
function timeOf(run: () => void, count: number): number {
  const begun = performance.now();
  for (let i = 0; i < count; i++) run();
  return (performance.now() - begun) / count;
}
