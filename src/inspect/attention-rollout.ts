import type { CallOptions } from "../calls/call-options.ts";
import { engineFor } from "../default-engine.ts";
import { AttentionError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { sizeOf, type TensorLike } from "../tensor-like.ts";
import { float32 } from "../validate/floats.ts";
import { readEach } from "../validate/lists.ts";
import { readOptions } from "../validate/options.ts";
import { type RolloutSettings, readRolloutLayer, rolloutSettings } from "../validate/rollout.ts";

/** Options of `attentionRollout`. */
export interface RolloutOptions extends RolloutSettings, CallOptions {}

const names: ReadonlySet<string> = new Set(["heads", "residual", "signal", "engine"]);

/**
 * Attention rollout: Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers". How much of each input token reaches
 * each output through all layers, if what flows is what attention and the residual connections let through:
 *
 *   A'_l = rows of (1 - r) A_l + r I, each divided by its sum; rollout = A'_n ... A'_2 A'_1
 *
 * with A_l the layer's heads as one matrix and r = 0.5. The products are `matmul`'s. It sees neither values nor feed-forward
 * layers: a picture of routes, not of causes; `headMask` and `knockOutMask` test causes.
 *
 * @param layers weights of each layer, first to last: `[B, H, L, L]` (of `forward` with `needWeights` and
 *   `averageWeights: false`), `[H, L, L]`, or `[L, L]` of one head or a mean
 * @returns `[B, L, L]` for layers of rank 4, else `[L, L]`; row i is what output i has of the inputs, and sums to 1
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { attentionRollout } from "wasm-attention/inspect";
 * const toTheFirst = tensor([1, 0, 1, 0], [2, 2]);
 * const { data } = await attentionRollout([toTheFirst, toTheFirst]);
 * console.log(data); // Float32Array(4) [ 1, 0, 0.75, 0.25 ]
 * ```
 */
export async function attentionRollout(
  layers: readonly TensorLike[],
  options: RolloutOptions = {},
): Promise<Tensor> {
  const engine = engineFor(options);
  const { mixed, signal } = readLayers(layers, options);
  let result = mixed[0]!;
  for (const layer of mixed.slice(1)) result = await engine.matmul(layer, result, { signal });
  return result;
}

/**
 * The same here and now.
 *
 * @example
 * ```ts
 * import { MultiHeadAttention, tensor } from "wasm-attention";
 * import { attentionRolloutSync } from "wasm-attention/inspect";
 * const x = tensor(new Float32Array(2 * 7 * 8).fill(1), [2, 7, 8]);
 * const layers = [1, 2, 3].map((seed) => {
 *   const layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2, seed });
 *   return layer.forwardSync(x, { needWeights: true, averageWeights: false, causal: true }).weights!;
 * });
 * console.log(attentionRolloutSync(layers, { heads: "max" }).shape); // [ 2, 7, 7 ]
 * ```
 */
export function attentionRolloutSync(layers: readonly TensorLike[], options: RolloutOptions = {}): Tensor {
  const engine = engineFor(options);
  const { mixed } = readLayers(layers, options);
  return mixed.reduce((result, layer) => engine.matmulSync(layer, result));
}

/** A' of every layer. */
function readLayers(
  layers: readonly TensorLike[],
  given: RolloutOptions,
): { readonly mixed: Tensor[]; readonly signal: AbortSignal | undefined } {
  const options = readOptions(given, names);
  const settings = rolloutSettings(options);
  const read = readList(layers);
  return { mixed: read.map((layer) => mix(layer, settings)), signal: options.signal };
}

/** What each layer is, of the shape of the first. */
function readList(layers: readonly TensorLike[]): ReturnType<typeof readRolloutLayer>[] {
  let shape: readonly number[] | undefined;
  const read = readEach("layers", layers, (layer, n) => {
    const checked = readRolloutLayer(layer, shape, float32, `layers[${n}]`);
    shape = checked.shape;
    return checked;
  });
  if (read.length > 0) return read;
  throw new AttentionError("ERR_OPTION", '"layers" expected at least one tensor, got none');
}

/** One matrix of all heads and the residual connection, its rows summing to 1. */
function mix(
  { data, B, H, L, shape }: ReturnType<typeof readRolloutLayer>,
  { heads, residual }: ReturnType<typeof rolloutSettings>,
): Tensor {
  const result = new Tensor(new Float32Array(sizeOf(shape)), shape);
  const row = new Float64Array(L);
  for (let n = 0; n < B * L; n++) {
    const first = Math.floor(n / L) * H * L + (n % L);
    for (let j = 0; j < L; j++) {
      let fused = data[first * L + j]!;
      for (let h = 1; h < H; h++) {
        const weight = data[(first + h * L) * L + j]!;
        fused = heads === "mean" ? fused + weight : Math[heads](fused, weight);
      }
      row[j] = (1 - residual) * (heads === "mean" ? fused / H : fused);
    }
    row[n % L]! += residual;
    const sum = row.reduce((total, x) => total + x, 0);
    for (let j = 0; j < L; j++) result.data[n * L + j] = sum === 0 ? 0 : row[j]! / sum;
  }
  return result;
}
