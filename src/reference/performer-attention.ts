import type { PerformerScoreOptions } from "../efficient-options.ts";
import { headLayout, headShape, rowOffset } from "../validate/heads.ts";
import { type PerformerProblem, readPerformer } from "../validate/performer.ts";
import { type ReferenceInput, type ReferenceTensor, zeros } from "./tensor.ts";

/**
 * The Performer's attention in float64, for given directions: every weight as the product of two rows of features,
 * e^(w.x - |x|^2 / 2) with x the query or key times sqrt(scale), "Rethinking Attention with Performers" (Choromanski et
 * al. 2021). The largest feature of a row is 1 before epsilon is added; what a key was divided by multiplies its weight.
 *
 * @param query `[B, H, L, E]`, `[H, L, E]` or `[L, E]`; with `layout: "BLHE"` `[B, L, H, E]`, `[L, H, E]`
 * @param key `[B, K, S, E]`, of query's rank; K divides H. With `causal` S is L
 * @param value `[B, K, S, V]`
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { performerAttention } from "wasm-attention/reference";
 * const zeros = { data: new Float32Array(2), shape: [2, 1] }; // all keys weigh the same
 * const value = { data: Float32Array.of(1, 3), shape: [2, 1] };
 * const { output } = performerAttention(zeros, zeros, value, { features: { count: 8, seed: 1 } });
 * console.log(output.data); // Float64Array(2) [ 2, 2 ]
 * ```
 */
export function performerAttention(
  query: ReferenceInput,
  key: ReferenceInput,
  value: ReferenceInput,
  options: PerformerScoreOptions,
): { readonly output: ReferenceTensor } {
  const problem = readPerformer(query, key, value, options);
  const { B, H, K, L, V, rank, lengths, causal } = problem;
  const layout = options.layout ?? "BHLE";
  const out = headLayout(layout, [B, H, L, V]);
  const output = zeros(headShape(layout, [B, H, L, V], rank));
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++) {
      const kvHead = Math.floor(h / (H / K));
      const keys = Array.from({ length: lengths[b]! }, (_, j) => features(problem, "key", b, kvHead, j));
      for (let i = 0; i < L; i++) {
        const own = features(problem, "query", b, h, i);
        const seen = causal ? keys.slice(0, i + 1) : keys;
        const start = rowOffset(out, b, h, i);
        meanOfValues(problem, b, kvHead, weights(own, seen), output.data.subarray(start, start + V));
      }
    }
  return { output };
}

/** A row of features, the largest 1 before epsilon, and the logarithm of what they were divided by. */
interface Features {
  readonly values: Float64Array;
  readonly logScale: number;
}

function features(
  { features: directions, count, E, scale, epsilon, ...problem }: PerformerProblem,
  which: "query" | "key",
  b: number,
  h: number,
  i: number,
): Features {
  const view = problem[which];
  const start = rowOffset(view, b, h, i);
  const x = Float64Array.from({ length: E }, (_, e) => Math.sqrt(scale) * view.data[start + e]!);
  const products = Float64Array.from({ length: count }, (_, r) =>
    x.reduce((sum, xe, e) => sum + xe * directions[r * E + e]!, 0),
  );
  const largest = products.reduce((a, b) => Math.max(a, b), -Infinity);
  const squares = x.reduce((sum, xe) => sum + xe * xe, 0);
  return { values: products.map((t) => Math.exp(t - largest) + epsilon), logScale: largest - squares / 2 };
}

/** Weights of keys for one query, up to a factor that they share. */
function weights(query: Features, keys: readonly Features[]): Float64Array {
  const largest = keys.reduce((most, { logScale }) => Math.max(most, logScale), -Infinity);
  return Float64Array.from(keys, ({ values, logScale }) => {
    const product = values.reduce((sum, feature, r) => sum + feature * query.values[r]!, 0);
    return product * Math.exp(logScale - largest);
  });
}

function meanOfValues(
  { value }: PerformerProblem,
  b: number,
  kvHead: number,
  weights: Float64Array,
  output: Float64Array,
): void {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return;
  weights.forEach((weight, j) => {
    const start = rowOffset(value, b, kvHead, j);
    for (let v = 0; v < output.length; v++) output[v]! += (weight / total) * value.data[start + v]!;
  });
}
