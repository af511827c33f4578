/** Before anything is timed: everyone must compute the same, and it must be right. */
import { scaledDotProductAttention } from "wasm-attention/reference";
import type { AttentionInputs, AttentionSize } from "../../../src/cli/measure/baselines.ts";

/** Rows that are computed in float64. */
const mostRows = 8;
/** Of the largest output: far above float32's rounding, far below what a wrong result has. */
const tolerance = 1e-4;

/** The largest error of some rows of `output` against float64, relative to the largest value in them. */
export function errorOf(
  output: Float32Array,
  { query, key, value }: AttentionInputs,
  { H, K, L, S, E, causal }: AttentionSize,
): number {
  const count = Math.min(mostRows, H * L);
  let error = 0;
  let largest = 0;
  for (let n = 0; n < count; n++) {
    const row = count === 1 ? 0 : Math.round((n * (H * L - 1)) / (count - 1));
    const kvHead = Math.floor(Math.floor(row / L) / (H / K));
    const keys = (data: Float32Array) => ({
      data: data.subarray(kvHead * S * E, (kvHead + 1) * S * E),
      shape: [S, E],
    });
    const one = { data: query.subarray(row * E, (row + 1) * E), shape: [1, E] };
    const options = { causal, queryOffset: row % L };
    const exact = scaledDotProductAttention(one, keys(key), keys(value), options).output.data;
    exact.forEach((expected, e) => {
      error = Math.max(error, Math.abs(output[row * E + e]! - expected));
      largest = Math.max(largest, Math.abs(expected));
    });
  }
  return error / largest;
}

/** What is wrong with an output, if anything: against float64 in some rows, against another output in all. */
export function whatIsWrong(output: Float32Array, against: Float32Array, error: number): string | undefined {
  if (!(error <= tolerance)) return `wrong by ${error.toExponential(1)} against float64: not timed`;
  let size = 0;
  let apart = 0;
  for (let i = 0; i < against.length; i++) {
    size = Math.max(size, Math.abs(against[i]!));
    // Not Math.max: it must stay NaN.
    const distance = Math.abs(output[i]! - against[i]!);
    if (!(distance <= apart)) apart = distance;
  }
  return apart <= tolerance * size
    ? undefined
    : `differs from the naive loops by ${apart.toExponential(1)}: not timed`;
}
