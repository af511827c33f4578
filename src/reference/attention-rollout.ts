import { AttentionError } from "../errors.ts";
import { type RolloutSettings, readRolloutLayer, rolloutSettings } from "../validate/rollout.ts";
import { type ReferenceInput, type ReferenceTensor, zeros } from "./tensor.ts";

/**
 * Attention rollout in float64: Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers". Each layer's heads
 * become one matrix A, which with the residual connection is (1 - r) A + r I, every row divided by its sum; the
 * product of all layers, the last one leftmost, says how much of each input token reaches each output.
 *
 * @param layers weights of each layer, first to last: `[B, H, L, L]`, `[H, L, L]`, or `[L, L]` of one head
 * @returns `[B, L, L]` for rank 4, else `[L, L]`
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { attentionRollout } from "wasm-attention/reference";
 * const mean = { data: Float32Array.of(0.5, 0.5, 0.5, 0.5), shape: [2, 2] };
 * console.log(attentionRollout([mean, mean]).data); // Float64Array(4) [ 0.625, 0.375, 0.375, 0.625 ]
 * ```
 */
export function attentionRollout(
  layers: readonly ReferenceInput[],
  options: RolloutSettings = {},
): ReferenceTensor {
  const { heads, residual } = rolloutSettings(options);
  if (layers.length === 0) throw new AttentionError("ERR_OPTION", '"layers" expected at least one, got none');
  let result: ReferenceTensor | undefined;
  for (const layer of layers) {
    const { data, B, H, L, shape } = readRolloutLayer(layer, result?.shape);
    const mixed = zeros(shape);
    for (let b = 0; b < B; b++)
      for (let i = 0; i < L; i++) {
        const row = mixed.data.subarray((b * L + i) * L, (b * L + i + 1) * L);
        for (let j = 0; j < L; j++) {
          const ofHeads = Array.from({ length: H }, (_, h) => data[((b * H + h) * L + i) * L + j]!);
          const fused =
            heads === "mean" ? ofHeads.reduce((sum, x) => sum + x, 0) / H : Math[heads](...ofHeads);
          row[j] = (1 - residual) * fused + (i === j ? residual : 0);
        }
        const sum = row.reduce((total, x) => total + x, 0);
        if (sum !== 0) for (let j = 0; j < L; j++) row[j]! /= sum;
      }
    result = result === undefined ? mixed : product(mixed, result, B, L);
  }
  return result!;
}

function product(a: ReferenceTensor, b: ReferenceTensor, B: number, L: number): ReferenceTensor {
  const result = zeros(a.shape);
  for (let row = 0; row < B * L; row++)
    for (let j = 0; j < L; j++)
      for (let k = 0; k < L; k++)
        result.data[row * L + j]! += a.data[row * L + k]! * b.data[(Math.floor(row / L) * L + k) * L + j]!;
  return result;
}
