/**
 * The median time of a piece of work, in milliseconds, repeated until `budget` milliseconds are spent:
 * a short text is not judged by one lucky call, nor by code that V8 has not compiled for speed yet.
 */
export async function measure(work: () => unknown, budget: number): Promise<number> {
  const times: number[] = [];
  const end = performance.now() + budget;
  do {
    const begun = performance.now();
    await work();
    times.push(performance.now() - begun);
  } while (performance.now() < end);
  times.sort((a, b) => a - b);
  return times[times.length >> 1]!;
}

/**
 * The arithmetic of attention, as everyone counts it: two products of 2 operations for each pair of
 * query and key, 4 * H * L * S * E. Pairs that causality excludes are not counted.
 */
export function attentionFlops(sizes: {
  readonly H: number;
  readonly L: number;
  readonly S: number;
  readonly E: number;
  readonly leading?: number;
  readonly causal: boolean;
}): number {
  const { H, L, S, E, leading = 0, causal } = sizes;
  return 4 * H * E * (causal ? (L * (L + 1)) / 2 + L * leading : L * S);
}
