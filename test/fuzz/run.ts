/** How much is drawn, and from where. */
import fc from "fast-check";

/** FUZZ_CALLS=200000 draws that many calls; by default there are as many as the usual test run has time for. */
export const CALLS: number = Number(process.env.FUZZ_CALLS ?? 24_000);

/** The seeds of the usual run, which is to say the same today and tomorrow. FUZZ_SEED is another; "random" draws one. */
export const SEEDS: readonly number[] = seedsOf(process.env.FUZZ_SEED);

function seedsOf(seed: string | undefined): readonly number[] {
  if (seed === undefined) return [1, 71_043_475];
  return [seed === "random" ? Math.floor(Math.random() * 2 ** 31) : Number(seed)];
}

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
