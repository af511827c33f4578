import { type HeadView, headLayout, headShape, rowOffset } from "../validate/heads.ts";
import {
  type LinearAttentionProblem,
  type LinearAttentionTerms,
  readLinearAttention,
} from "../validate/linear-attention.ts";
import { type ReferenceInput, type ReferenceTensor, zeros } from "./tensor.ts";

/** Options of the reference linear attention. */
export type ReferenceLinearAttentionOptions = LinearAttentionTerms;

/** What the reference linear attention returns. */
export interface ReferenceLinearAttention {
  /** `[B, H, L, V]`, or `[B, L, H, V]` with `layout: "BLHE"`. */
  readonly output: ReferenceTensor;
  /** `[B, K, E, V]`: the state after the last token. */
  readonly state: ReferenceTensor;
}

/**
 * Linear attention in float64, token by token, as ONNX's LinearAttention (opset 27) defines it. Each key/value head has
 * a state S of E x V numbers. A token first forgets, row by row: S = exp(decay) S. Then it writes, S = S + k w^T, where
 * w is its value ("Transformers are RNNs", Katharopoulos et al., 2020) or, with `beta`, the delta rule's
 * beta (v - S^T (eraseGate k)), which replaces what is stored under its key ("Gated Delta Networks", Yang et al.,
 * 2024). Then the queries read: output = scale S^T q. Query head h reads key/value head floor(h / (H/K)).
 *
 * @param query `[B, H, L, E]`; with `layout: "BLHE"` `[B, L, H, E]`
 * @param key `[B, K, L, E]`; K divides H
 * @param value `[B, K, L, V]`
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { linearAttention } from "wasm-attention/reference";
 * const key = { data: Float32Array.of(1, 0, 1, 0), shape: [1, 1, 2, 2] }; // two tokens, the same key
 * const value = { data: Float32Array.of(5, 7), shape: [1, 1, 2, 1] };
 * const beta = { data: Float32Array.of(1, 1), shape: [1, 1, 2] };
 * const sum = linearAttention(key, key, value, { scale: 1 });
 * const replaced = linearAttention(key, key, value, { scale: 1, beta });
 * console.log(sum.output.data, replaced.output.data); // Float64Array(2) [ 5, 12 ] Float64Array(2) [ 5, 7 ]
 * ```
 */
export function linearAttention(
  query: ReferenceInput,
  key: ReferenceInput,
  value: ReferenceInput,
  options: ReferenceLinearAttentionOptions = {},
): ReferenceLinearAttention {
  const problem = readLinearAttention(query, key, value, options);
  const { B, H, K, L, E, V, layout, scale } = problem;
  const rows = headLayout(layout, [B, H, L, V]);
  const output = zeros(headShape(layout, [B, H, L, V], 4));
  const state = zeros([B, K, E, V]);
  if (problem.state) state.data.set(problem.state);

  const group = K === 0 ? 0 : H / K;
  for (let b = 0; b < B; b++)
    for (let k = 0; k < K; k++) {
      const at = (b * K + k) * E * V;
      const S = state.data.subarray(at, at + E * V);
      for (let t = 0; t < L; t++) {
        forget(S, problem, b, k, t);
        write(S, problem, b, k, t);
        for (let h = k * group; h < (k + 1) * group; h++) {
          const read = retrieve(S, rowOf(problem.query, b, h, t), V);
          const start = rowOffset(rows, b, h, t);
          for (let v = 0; v < V; v++) output.data[start + v] = scale * read[v]!;
        }
      }
    }
  return { output, state };
}

/** S = exp(decay) S, by rows. */
function forget(
  S: Float64Array,
  { decay, E, V }: LinearAttentionProblem,
  b: number,
  k: number,
  t: number,
): void {
  if (decay === undefined) return;
  const logarithms = rowOf(decay, b, k, t);
  for (let e = 0; e < E; e++) {
    const kept = Math.exp(logarithms[logarithms.length === 1 ? 0 : e]!);
    for (let v = 0; v < V; v++) S[e * V + v]! *= kept;
  }
}

/** S = S + k w^T. */
function write(S: Float64Array, problem: LinearAttentionProblem, b: number, k: number, t: number): void {
  const { E, V } = problem;
  const key = rowOf(problem.key, b, k, t);
  const written = writtenValue(S, problem, b, k, t);
  for (let e = 0; e < E; e++) for (let v = 0; v < V; v++) S[e * V + v]! += key[e]! * written[v]!;
}

/** The value, or what the delta rule makes of it. */
function writtenValue(
  S: Float64Array,
  problem: LinearAttentionProblem,
  b: number,
  k: number,
  t: number,
): Float64Array {
  const value = rowOf(problem.value, b, k, t);
  if (problem.beta === undefined) return value;
  const [beta] = rowOf(problem.beta, b, k, t);
  const gate = problem.eraseGate && rowOf(problem.eraseGate, b, k, t);
  const key = rowOf(problem.key, b, k, t).map((x, e) => x * (gate ? gate[e]! : 1));
  const stored = retrieve(S, key, problem.V);
  return value.map((x, v) => beta! * (x - stored[v]!));
}

/** S^T x. */
function retrieve(S: Float64Array, x: Float64Array, V: number): Float64Array {
  const sums = new Float64Array(V);
  x.forEach((factor, e) => {
    for (let v = 0; v < V; v++) sums[v]! += factor * S[e * V + v]!;
  });
  return sums;
}

function rowOf(view: HeadView, b: number, h: number, t: number): Float64Array {
  const start = rowOffset(view, b, h, t);
  return Float64Array.from(view.data.subarray(start, start + view.size));
}
