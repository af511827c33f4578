import type { LinformerScoreOptions } from "../efficient-options.ts";
import { type HeadView, headLayout, headShape, rowOffset } from "../validate/heads.ts";
import { type Projection, readLinformer } from "../validate/linformer.ts";
import { scaledDotProductAttention } from "./scaled-dot-product-attention.ts";
import { type ReferenceInput, type ReferenceTensor, zeros } from "./tensor.ts";

/**
 * Linformer's attention in float64, softmax(scale Q (E K)^T) (F V): "Linformer: Self-Attention with Linear Complexity"
 * (Wang et al. 2020).
 *
 * @param query `[B, H, L, E]`, `[H, L, E]` or `[L, E]`; with `layout: "BLHE"` `[B, L, H, E]`, `[L, H, E]`
 * @param key `[B, K, S, E]`, of query's rank; K divides H
 * @param value `[B, K, S, V]`
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { linformerAttention } from "wasm-attention/reference";
 * const query = { data: Float32Array.of(1, 0), shape: [1, 2] };
 * const key = { data: Float32Array.of(2, 0, 0, 0), shape: [2, 2] };
 * const value = { data: Float32Array.of(1, 3), shape: [2, 1] };
 * const keyProjection = { data: Float32Array.of(0.5, 0.5), shape: [1, 2] }; // all keys are one
 * console.log(linformerAttention(query, key, value, { keyProjection }).output.data); // Float64Array(1) [ 2 ]
 * ```
 */
export function linformerAttention(
  query: ReferenceInput,
  key: ReferenceInput,
  value: ReferenceInput,
  options: LinformerScoreOptions,
): { readonly output: ReferenceTensor } {
  const problem = readLinformer(query, key, value, options);
  const { rank, projected: P, scale } = problem;
  const layout = options.layout ?? "BHLE";
  const shorten = (projection: Projection, rows: HeadView): ReferenceTensor => {
    const sizes = [rows.batch, rows.heads, P, rows.size] as const;
    return {
      data: project(projection, rows, P, headLayout(layout, sizes)),
      shape: headShape(layout, sizes, rank),
    };
  };
  const keys = shorten(problem.keyProjection, problem.key);
  const values = shorten(problem.valueProjection, problem.value);
  const { output } = scaledDotProductAttention(query, keys, values, { scale, layout });
  return { output };
}

/** The projection times the rows of each head. */
function project(
  { data: factors, perHead }: Projection,
  rows: HeadView,
  P: number,
  result: ReturnType<typeof headLayout>,
): Float64Array {
  const { batch, heads, length: S, size, data } = rows;
  const projected = zeros([batch, heads, P, size]).data;
  for (let b = 0; b < batch; b++)
    for (let k = 0; k < heads; k++)
      for (let p = 0; p < P; p++)
        for (let e = 0; e < size; e++) {
          let sum = 0;
          for (let j = 0; j < S; j++)
            sum += factors[((perHead ? k * P : 0) + p) * S + j]! * data[rowOffset(rows, b, k, j) + e]!;
          projected[rowOffset(result, b, k, p) + e] = sum;
        }
  return projected;
}
