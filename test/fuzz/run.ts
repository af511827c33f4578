/** How much is drawn, and from where. */
import fc from "fast-check";

/** FUZZ_CALLS=200000 draws that many calls; by default there are as many as the usual test run has time for. */
export const CALLS: number = Number(process.env.FUZZ_CALLS ?? 24_000);

/** FUZZ_SEED draws the same again; the usual run draws half of its calls from 1 and half from a seed of its own. */
export const SEEDS: readonly number[] =
  process.env.FUZZ_SEED === undefined
    ? [1, Math.floor(Math.random() * 2 ** 31)]
    : [Number(process.env.FUZZ_SEED)];

/** Runs a property over draws of all seeds; fast-check says seed and path of what fails, and makes it smaller. */
export async function draw(
  share: number,
  seed: number,
  run: (g: fc.GeneratorValue) => Promise<void> | void,
): Promise<void> {
  const numRuns = Math.max(1, Math.round((CALLS * share) / SEEDS.length));
  await fc.assert(
    fc.asyncProperty(fc.gen(), async (g) => {
      await run(g);
    }),
    {
      numRuns,
      seed,
      endOnFailure: process.env.FUZZ_SHRINK === undefined,
      includeErrorInReport: true,
    } as never,
  );
}
