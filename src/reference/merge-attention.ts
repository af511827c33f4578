import type { Layout } from "../attention-options.ts";
import { headShape, rowOffset } from "../validate/heads.ts";
import { type MergeProblem, readParts } from "../validate/merge.ts";
import { checkOptions } from "../validate/score-options.ts";
import { type ReferenceInput, type ReferenceTensor, zeros } from "./tensor.ts";

/** Attention over some of the keys, as the reference attention returns it, or the kernels with `returnLogSumExp`. */
export interface ReferencePart {
  /** `[B, H, L, V]`, or `[B, L, H, V]` with `layout: "BLHE"`; rank 3 drops B, rank 2 B and H. */
  readonly output: ReferenceInput;
  /** `[B, H, L]`, or what is left of it. */
  readonly logSumExp?: ReferenceInput;
}

/** Options of the reference merge. */
export interface ReferenceMergeOptions {
  /** Order of the outputs' dimensions. Default `"BHLE"`. */
  readonly layout?: Layout;
}

/**
 * Attention over disjoint sets of keys becomes attention over all of them: with the largest logSumExp m,
 * w = e^(logSumExp - m) of each part, output = sum w output / sum w, logSumExp = m + ln sum w ("Online
 * normalizer calculation for softmax", Milakov and Gimelshein, 2018). A part whose logSumExp is -infinity has
 * no keys and weighs nothing; without any key the output is 0 and logSumExp -infinity.
 *
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { mergeAttention, scaledDotProductAttention } from "wasm-attention/reference";
 * const row = (...data: number[]) => ({ data: Float64Array.from(data), shape: [1, data.length] });
 * const near = scaledDotProductAttention(row(1), row(0), row(10)); // one key, of score 0
 * const far = scaledDotProductAttention(row(1), row(Math.log(3)), row(50)); // another, of score ln 3
 * console.log(mergeAttention([near, far]).output.data[0]?.toFixed(4)); // 40.0000
 * ```
 */
export function mergeAttention(
  parts: readonly ReferencePart[],
  options: ReferenceMergeOptions = {},
): { output: ReferenceTensor; logSumExp: ReferenceTensor } {
  checkOptions({ layout: options.layout });
  const layout = options.layout ?? "BHLE";
  const problem = readParts(parts, layout);
  const { batch: B, heads: H, length: L, size: V } = problem.layout;
  const output = zeros(headShape(layout, [B, H, L, V], problem.rank));
  const logSumExp = zeros([B, H, L].slice(4 - problem.rank));
  for (let b = 0, row = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let i = 0; i < L; i++, row++) {
        const start = rowOffset(problem.layout, b, h, i);
        logSumExp.data[row] = mergeRow(problem, row, start, output.data.subarray(start, start + V));
      }
  return { output, logSumExp };
}

/** Merges one row into `output`, which is 0; returns its logSumExp. */
function mergeRow({ parts }: MergeProblem, row: number, start: number, output: Float64Array): number {
  const attended = parts.filter(({ logSumExp }) => logSumExp[row] !== -Infinity);
  if (attended.length === 0) return -Infinity;
  const logarithms = attended.map(({ logSumExp }) => logSumExp[row]!);
  const maximum = Math.max(...logarithms);
  const weights = logarithms.map((logarithm) => Math.exp(logarithm - maximum));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  attended.forEach((part, n) => {
    for (let v = 0; v < output.length; v++) output[v]! += (weights[n]! / sum) * part.output[start + v]!;
  });
  return maximum + Math.log(sum);
}
