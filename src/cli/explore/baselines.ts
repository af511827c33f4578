/** Pure JavaScript on one head of the first tokens, which it can do in a fraction of a second. */
import { checkedBaselines } from "../measure/baselines.ts";
import { attentionFlops, measure } from "../measure/measure.ts";
import type { HeadSlice } from "./layer.ts";

/** How fast each baseline went through the slice. */
export interface Comparison {
  /** How many tokens the slice has; it is one head. */
  readonly tokens: number;
  readonly naive: { readonly gflops: number };
  readonly tuned: { readonly gflops: number };
}

/** Milliseconds for each. */
const budget = 250;

/** @param expected our own output for the slice, `[tokens, E]` */
export async function timeBaselines(
  slice: HeadSlice,
  causal: boolean,
  expected: Float32Array,
): Promise<Comparison> {
  const { tokens, E } = slice;
  const size = { B: 1, H: 1, K: 1, L: tokens, S: tokens, E, causal };
  const { naive, tuned } = checkedBaselines(slice, size, expected);
  const speed = async (run: () => void): Promise<{ gflops: number }> => ({
    gflops: attentionFlops(size) / (await measure(run, budget)) / 1e6,
  });
  return { tokens, naive: await speed(naive), tuned: await speed(tuned) };
}
