import { scoreNames } from "../calls/attention.ts";
import type { CallOptions } from "../calls/call-options.ts";
import { engineFor } from "../default-engine.ts";
import type { StatisticsScoreOptions } from "../statistics-options.ts";
import { Tensor } from "../tensor.ts";
import type { TensorLike } from "../tensor-like.ts";
import { float32, readFloats } from "../validate/floats.ts";
import { checkChoice, readOptions } from "../validate/options.ts";
import { valueless } from "../validate/statistics.ts";

/** Weights in bytes, for pictures: weight = map * scale, within scale / 2. */
export interface AttentionMaps {
  /** The shape of the weights. */
  readonly maps: Tensor<Uint8Array>;
  /** What a step of a byte is worth: one for each row, `[..., L]`, or for each head, `[...]`. */
  readonly scales: Tensor;
}

/** Whether every row or every head has a scale of its own. */
export interface MapScale {
  /** `"row"`: the largest weight of each row is 255. `"head"`: of each matrix, so that rows compare. Default `"row"`. */
  readonly per?: "row" | "head" | undefined;
}

/** Options of `attentionMaps`. */
export interface MapOptions extends MapScale, Omit<StatisticsScoreOptions, "topK">, CallOptions {}

const scaleNames: ReadonlySet<string> = new Set(["per"]);
const names: ReadonlySet<string> = new Set([...scoreNames, ...scaleNames, "signal", "engine"]);

/**
 * All weights of an attention as bytes: a quarter of the memory of `returnWeights`, once it is there. For texts and pictures of
 * some thousand tokens; `attentionStatistics` is for the rest.
 *
 * @param query `[B, H, L, E]` and lower ranks, as in `scaledDotProductAttention`
 * @param key `[B, K, S, E]`
 * @returns `maps` `[B, H, L, S]`
 * @throws AttentionError as `scaledDotProductAttention`
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { attentionMaps } from "wasm-attention/inspect";
 * const x = tensor([0, 0, 2, 0], [2, 2]);
 * const { maps, scales } = await attentionMaps(x, x, { causal: true });
 * console.log(maps.data); // Uint8Array(4) [ 255, 0, 15, 255 ]
 * console.log((maps.data[3]! * scales.data[1]!).toFixed(4)); // 0.9442
 * ```
 */
export async function attentionMaps(
  query: TensorLike,
  key: TensorLike,
  options: MapOptions = {},
): Promise<AttentionMaps> {
  const engine = engineFor(options);
  const { per, ...what } = readOptions(options, names);
  checkScale(per);
  const all = { ...what, engine, returnWeights: true };
  // Read once: a key whose getters change would be another one each time.
  const keys = readFloats("key", key, float32) as TensorLike;
  const { weights } = await engine.scaledDotProductAttention(query, keys, valueless(keys), all);
  return quantizeWeights(weights!, { per });
}

/**
 * Weights as bytes: those that a layer or an attention returned. The largest of a row, or head, becomes 255 and sets the scale;
 * no weight is off by more than half of that, 0.2% of the largest. NaN becomes 0.
 *
 * @param weights `[..., L, S]`, none of them negative
 * @throws AttentionError `ERR_DTYPE`, `ERR_SHAPE`, `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { quantizeWeights } from "wasm-attention/inspect";
 * const { maps } = quantizeWeights(tensor([0.5, 0.5, 1, 0], [2, 2]), { per: "head" });
 * console.log(maps.data); // Uint8Array(4) [ 128, 128, 255, 0 ]
 * ```
 */
export function quantizeWeights(weights: TensorLike, options: MapScale = {}): AttentionMaps {
  const { per } = readOptions(options, scaleNames);
  checkScale(per);
  const { data, shape } = readFloats("weights", weights, float32);
  const size = shape.slice(per === "head" ? -2 : -1).reduce((product, n) => product * n, 1);
  const kept = shape.slice(0, per === "head" ? -2 : -1);
  const maps = new Uint8Array(data.length);
  const scales = new Float32Array(size === 0 ? 0 : data.length / size);
  for (let n = 0; n < scales.length; n++) {
    const part = data.subarray(n * size, (n + 1) * size);
    let largest = 0;
    for (const weight of part) if (weight > largest) largest = weight;
    scales[n] = largest / 255;
    if (largest === 0) continue;
    for (let j = 0; j < size; j++) maps[n * size + j] = Math.round((part[j]! / largest) * 255);
  }
  return { maps: new Tensor(maps, shape), scales: new Tensor(scales, kept) };
}

function checkScale(per: unknown): void {
  if (per !== undefined) checkChoice("per", per, ["row", "head"]);
}
