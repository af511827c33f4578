/** Attention problems by their sizes, and the one check that every kernel's answer to them must pass. */
import type { AttentionOptions } from "wasm-attention";
import { type ReferenceAttention, scaledDotProductAttention } from "wasm-attention/reference";
import { expectAccurate, plainTolerance } from "./accuracy.ts";
import type { Attention, Operators, What } from "./backends.ts";
import { type PlainAttention, plainAttention } from "./plain-float32.ts";
import { type FloatTensor, normal } from "./random-tensors.ts";

/** B batch, H query heads, K key/value heads, L queries, S keys, E and V head sizes; those that are absent are 1. */
export interface Sizes {
  readonly B?: number;
  readonly H?: number;
  /** Default H. */
  readonly K?: number;
  readonly L: number;
  readonly S: number;
  readonly E: number;
  /** Default E. */
  readonly V?: number;
}

export type AttentionWhat = What<AttentionOptions>;

export interface AttentionProblem {
  readonly query: FloatTensor;
  readonly key: FloatTensor;
  readonly value: FloatTensor;
  readonly options: AttentionWhat;
}

/** Query, key and value of these sizes, `[B, H, L, E]` and so on, normally distributed. */
export function attentionInputs(
  sizes: Sizes,
  seed = 1,
  layout: "BHLE" | "BLHE" = "BHLE",
): Pick<AttentionProblem, "query" | "key" | "value"> {
  const { B = 1, H = 1, K = H, L, S, E, V = E } = sizes;
  const shape = (heads: number, length: number, size: number) =>
    layout === "BHLE" ? [B, heads, length, size] : [B, length, heads, size];
  return {
    query: normal(shape(H, L, E), 3 * seed),
    key: normal(shape(K, S, E), 3 * seed + 1),
    value: normal(shape(K, S, V), 3 * seed + 2),
  };
}

export function attentionProblem(sizes: Sizes, options: AttentionWhat = {}, seed = 1): AttentionProblem {
  return { ...attentionInputs(sizes, seed, options.layout), options };
}

/** Drops leading dimensions of 1: rank 3 has no batch, rank 2 no heads either. */
export function ofRank(rank: number, { query, key, value, options }: AttentionProblem): AttentionProblem {
  const cut = ({ data, shape }: FloatTensor) => ({
    data,
    shape: options.layout === "BLHE" && rank === 2 ? [shape[1]!, shape[3]!] : shape.slice(4 - rank),
  });
  return { query: cut(query), key: cut(key), value: cut(value), options };
}

const solved = new WeakMap<AttentionProblem, { exact: ReferenceAttention; plain: PlainAttention }>();

/** The exact answer and that of the plain float32 algorithm; computed once for all backends. */
export function solve(problem: AttentionProblem): { exact: ReferenceAttention; plain: PlainAttention } {
  let solution = solved.get(problem);
  if (solution === undefined) {
    const { query, key, value, options } = problem;
    const { returnWeights: _, returnLogSumExp: __, ...what } = options;
    solution = {
      exact: scaledDotProductAttention(query, key, value, what),
      plain: plainAttention(query, key, value, what),
    };
    solved.set(problem, solution);
  }
  return solution;
}

const results = ["output", "logSumExp", "weights"] as const;

/** Attends, and compares what comes back with the reference, as exact as the plain algorithm allows. */
export async function expectAttention(
  operators: Operators,
  problem: AttentionProblem,
  names: readonly (typeof results)[number][] = results,
): Promise<Attention> {
  const { query, key, value, options } = problem;
  const actual = await operators.scaledDotProductAttention(query, key, value, {
    ...options,
    returnLogSumExp: true,
    returnWeights: true,
  });
  const { exact, plain } = solve(problem);
  for (const name of names)
    expectAccurate(actual[name]!, exact[name], plainTolerance(exact[name].data, plain[name]), name);
  return actual;
}
