/** The same attention in pure JavaScript, timed on a slice that it can do in a fraction of a second. */
import type { Heads } from "./layer.ts";
import { attentionFlops, measure } from "./measure.ts";

/** One head of the first tokens, and how fast each baseline went through it. */
export interface Baselines {
  /** How many tokens the slice has; it is one head. */
  readonly tokens: number;
  readonly naive: { readonly gflops: number };
  readonly tuned: { readonly gflops: number };
}

type Attend = (query: Float32Array, key: Float32Array, value: Float32Array, output: Float32Array) => void;

const mostTokens = 256;
const budget = 250;

/**
 * Times both baselines on one head. They must agree with `expected`, our own output for the slice
 * `[tokens, E]`: a baseline that computes something else is no measure.
 */
export async function timeBaselines(
  slice: HeadSlice,
  causal: boolean,
  expected: Float32Array,
): Promise<Baselines> {
  const { tokens, E, query, key, value } = slice;
  const flops = attentionFlops({ H: 1, L: tokens, S: tokens, E, causal });
  const time = async (attend: Attend): Promise<{ gflops: number }> => {
    const output = new Float32Array(tokens * E);
    attend(query, key, value, output);
    if (!agree(output, expected))
      throw new Error("a JavaScript baseline disagrees with the kernels on the same tokens");
    return { gflops: flops / (await measure(() => attend(query, key, value, output), budget)) / 1e6 };
  };
  const { naive, tuned } = await loadBaselines(tokens, E, causal);
  return { tokens, naive: await time(naive), tuned: await time(tuned) };
}

/** The one place that knows where the baselines are and how they are called. */
async function loadBaselines(
  tokens: number,
  E: number,
  causal: boolean,
): Promise<{ naive: Attend; tuned: Attend }> {
  const [naive, tuned] = await Promise.all([import("#baselines/naive"), import("#baselines/tuned")]);
  const size = { B: 1, H: 1, K: 1, L: tokens, S: tokens, E, causal };
  return {
    naive: (query, key, value, output) => naive.attention({ query, key, value }, size, output),
    tuned: (query, key, value, output) => tuned.attention({ query, key, value }, size, output),
  };
}

/** One head's rows, each tensor `[tokens, E]`. */
export interface HeadSlice {
  readonly tokens: number;
  readonly E: number;
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

/** The first tokens of one head, copied out of `[1, L, H, E]`. */
export function sliceHead(heads: Heads, head: number, most: number = mostTokens): HeadSlice {
  const { query, key, value, L, E, leading } = heads;
  const tokens = Math.min(L, most);
  return {
    tokens,
    E,
    query: headRows(query.data, heads, head, 0, tokens),
    key: headRows(key.data, heads, head, leading, tokens),
    value: headRows(value.data, heads, head, leading, tokens),
  };
}

/** `count` rows of one head from `[rows, H, E]`, as `[count, E]`. */
export function headRows(
  data: Float32Array,
  { H, E }: Pick<Heads, "H" | "E">,
  head: number,
  from: number,
  count: number,
): Float32Array {
  const rows = new Float32Array(count * E);
  for (let i = 0; i < count; i++) {
    const start = ((from + i) * H + head) * E;
    rows.set(data.subarray(start, start + E), i * E);
  }
  return rows;
}

function agree(values: Float32Array, expected: Float32Array): boolean {
  const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return values.every((value, i) => Math.abs(value - expected[i]!) <= 1e-4 * size);
}
