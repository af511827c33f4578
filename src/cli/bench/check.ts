import { scaledDotProductAttention } from "../../reference/index.ts";
import type { AttentionInputs, AttentionSize } from "../measure/baselines.ts";

const mostRows = 8;
/** Multiply-adds that the check may cost, about half a second of the readable reference. */
const affordable = 1e8;
/** Of the largest output: far above float32's rounding, far below what a wrong result has. */
const tolerance = 1e-4;

/**
 * The largest error of some rows against float64, relative to the largest output.
 *
 * @throws Error where it is too large: a wrong result has no speed
 */
export function largestError(
  output: Float32Array,
  { query, key, value }: AttentionInputs,
  { H, K, L, S, E, causal }: AttentionSize,
): number {
  const count = Math.min(H * L, Math.max(2, Math.min(mostRows, Math.floor(affordable / (2 * S * E)))));
  let error = 0;
  let largest = 0;
  for (let i = 0; i < count; i++) {
    const row = count === 1 ? 0 : Math.round((i * (H * L - 1)) / (count - 1));
    const kvHead = Math.floor(Math.floor(row / L) / (H / K));
    const of = (data: Float32Array, first: number, rows: number) => ({
      data: data.subarray(first * E, (first + rows) * E),
      shape: [rows, E],
    });
    const options = { causal, queryOffset: row % L };
    const keys = of(key, kvHead * S, S);
    const expected = scaledDotProductAttention(of(query, row, 1), keys, of(value, kvHead * S, S), options)
      .output.data;
    for (let e = 0; e < E; e++) {
      error = Math.max(error, Math.abs(output[row * E + e]! - expected[e]!));
      largest = Math.max(largest, Math.abs(expected[e]!));
    }
  }
  const relative = error / largest;
  if (!(relative <= tolerance))
    throw new Error(`the kernels are wrong by ${relative.toExponential(1)} on this machine`);
  return relative;
}
