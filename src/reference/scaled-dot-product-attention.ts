import type { ScoreOptions as ReferenceAttentionOptions } from "../attention-options.ts";
import { type AttentionProblem, readAttention } from "../validate/attention.ts";
import { readFloats } from "../validate/floats.ts";
import { headLayout, headShape, rowOffset } from "../validate/heads.ts";
import { biasedScore, cappedScore, scaledScore } from "./scores.ts";
import { softmaxRow } from "./softmax-row.ts";
import { type ReferenceInput, type ReferenceTensor, zeros } from "./tensor.ts";

/** What the reference attention returns. B, or B and H, are dropped where query has rank 3, or 2. */
export interface ReferenceAttention {
  /** The query's layout and rank, V wide: `[B, H, L, V]` or `[B, L, H, V]`. */
  readonly output: ReferenceTensor;
  /** `[B, H, L]`: natural logarithm of the sum of the row's exponentials, the sink's included. */
  readonly logSumExp: ReferenceTensor;
  /** `[B, H, L, S]` */
  readonly weights: ReferenceTensor;
  /** `[B, H, L, S]`, where `returnScores` asks for them. */
  readonly scores?: ReferenceTensor | undefined;
}

/**
 * Scaled dot-product attention, softmax(scale * query keyT + bias) value, in float64: the formula of
 * "Attention Is All You Need" (Vaswani et al., 2017), with the options of this package.
 *
 * In this order: scale * similarity; softcap; additive mask and bias, ALiBi, relative bias; -infinity for
 * what boolean mask, causality, window and lengths exclude; sink; softmax; times value. A row with no key
 * to attend to has output 0, weights 0 and logSumExp -infinity. Excluded keys and values are never read
 * (but by `returnScores` `"scaled"` and `"capped"`). Grouped queries: head h uses key/value head
 * floor(h / (H/K)).
 *
 * @param query `[B, H, L, E]`, `[H, L, E]` or `[L, E]`; with `layout: "BLHE"` `[B, L, H, E]`, `[L, H, E]`
 * @param key `[B, K, S, E]`, of query's rank; K divides H
 * @param value `[B, K, S, V]`
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { scaledDotProductAttention } from "wasm-attention/reference";
 * const x = { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] };
 * const { weights } = scaledDotProductAttention(x, x, x, { causal: true });
 * // Row 0 attends to key 0 alone.
 * console.log(weights.data); // Float64Array(4) [ 1, 0, 0.3302384506733431, 0.6697615493266569 ]
 * ```
 */
export function scaledDotProductAttention(
  query: ReferenceInput,
  key: ReferenceInput,
  value: ReferenceInput,
  options: ReferenceAttentionOptions = {},
): ReferenceAttention {
  if (options.cuSeqlens) return attendPacked(query, key, value, options);
  const problem = readAttention(query, key, value, options);
  const { B, H, L, S, rank } = problem;
  const layout = options.layout ?? "BHLE";
  const V = problem.value.size;
  const out = headLayout(layout, [B, H, L, V]);
  const output = zeros(headShape(layout, [B, H, L, V], rank));
  const logSumExp = zeros([B, H, L].slice(4 - rank));
  const weights = zeros([B, H, L, S].slice(4 - rank));

  let rowIndex = 0;
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let i = 0; i < L; i++, rowIndex++) {
        const scores = Float64Array.from({ length: S }, (_, j) => biasedScore(problem, b, h, i, j));
        const softmax = softmaxRow(scores, problem.sinks?.[h]);
        logSumExp.data[rowIndex] = softmax.logSumExp;
        weights.data.set(softmax.weights, rowIndex * S);
        const start = rowOffset(out, b, h, i);
        addWeightedValues(problem, b, h, scores, softmax.weights, output.data.subarray(start, start + V));
      }
  const scores = options.returnScores && allScores(problem, options.returnScores);
  return scores ? { output, logSumExp, weights, scores } : { output, logSumExp, weights };
}

/** output = sum over keys of weight * value. A key whose score is -infinity is excluded: its value is not read. */
function addWeightedValues(
  { value, H, K }: AttentionProblem,
  b: number,
  h: number,
  scores: Float64Array,
  weights: Float64Array,
  output: Float64Array,
): void {
  const kvHead = Math.floor(h / (H / K));
  for (let j = 0; j < scores.length; j++) {
    if (scores[j] === -Infinity) continue;
    const start = rowOffset(value, b, kvHead, j);
    for (let e = 0; e < output.length; e++) output[e]! += weights[j]! * value.data[start + e]!;
  }
}

function allScores(problem: AttentionProblem, which: "scaled" | "capped" | "biased"): ReferenceTensor {
  const { B, H, L, S, rank } = problem;
  const score = { scaled: scaledScore, capped: cappedScore, biased: biasedScore }[which];
  const scores = zeros([B, H, L, S].slice(4 - rank));
  let index = 0;
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let i = 0; i < L; i++)
        for (let j = 0; j < S; j++) scores.data[index++] = score(problem, b, h, i, j);
  return scores;
}

/** Packed sequences, one after another. */
function attendPacked(
  query: ReferenceInput,
  key: ReferenceInput,
  value: ReferenceInput,
  options: ReferenceAttentionOptions,
): ReferenceAttention {
  const problem = readAttention(query, key, value, options);
  const { B, H, V, packed, lengths, offsets } = problem;
  const { queryStarts, keyStarts } = packed!;
  const total = queryStarts[B]!;
  const output = zeros([total, H, V]);
  const logSumExp = zeros([H, total]);
  for (let b = 0; b < B; b++) {
    const [first, end] = [queryStarts[b]!, queryStarts[b + 1]!];
    const part = scaledDotProductAttention(
      rows(query, first, end),
      rows(key, keyStarts[b]!, keyStarts[b + 1]!),
      rows(value, keyStarts[b]!, keyStarts[b + 1]!),
      {
        ...options,
        cuSeqlens: undefined,
        layout: "BLHE",
        kvLengths: [lengths[b]!],
        queryOffset: offsets[b]!,
      },
    );
    output.data.set(part.output.data, first * H * V);
    for (let h = 0; h < H; h++)
      logSumExp.data.set(
        part.logSumExp.data.subarray(h * (end - first), (h + 1) * (end - first)),
        h * total + first,
      );
  }
  return { output, logSumExp, weights: zeros([0]) };
}

/** Rows `first` to `end` of the first dimension. */
function rows(tensor: ReferenceInput, first: number, end: number): ReferenceInput {
  const { data, shape } = readFloats("tensor", tensor);
  const size = shape[1]! * shape[2]!;
  return {
    data: data.slice(first * size, end * size),
    shape: [end - first, shape[1]!, shape[2]!],
  } as ReferenceInput;
}
