import type { Findings } from "./explore.ts";

/** What the numbers are made of: nobody should take untrained weights for a trained model. */
export function explanation({ options, sizes }: Pick<Findings, "options" | "sizes">): string {
  const positions = options.positions === "none" ? "no positions" : `${options.positions} positions`;
  const text = `a seeded random embedding of ${sizes.embedDim} numbers a token, ${positions}`;
  if (options.weights !== undefined)
    return `The weights are those of ${options.weights}; the text enters as ${text}.`;
  if (options.projections === "none")
    return `Query, key and value are the text itself: ${text}, seed ${options.seed}.`;
  return `Nothing here is trained: the weights are random, seed ${options.seed}, and the text enters as ${text}.`;
}
