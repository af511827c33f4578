/** Multi-head attention in plain float32, product by product: the measure of what the layer may err. */
import type { ReferenceLayerConfig } from "../../src/reference/index.ts";
import { combineMasks, type LayerMask } from "../../src/reference/layer-mask.ts";
import { type Projection, readLayerWeights } from "../../src/reference/layer-weights.ts";
import { plainAttention, plainMatmul } from "./plain-float32.ts";
import type { FloatTensor } from "./random-tensors.ts";

export interface PlainLayer {
  readonly output: Float32Array;
  /** `[B, H, L, S']` */
  readonly weights: Float32Array;
  /** `[B, L, S']` */
  readonly averageWeights: Float32Array;
}

/** Query, key and value are `[B, length, size]`, or `[length, size]`. */
export function plainLayer(
  stateDict: Readonly<Record<string, FloatTensor>>,
  { numHeads: H, addZeroAttn, scale, relativeBias, window }: ReferenceLayerConfig,
  [query, key, value]: readonly [FloatTensor, FloatTensor, FloatTensor],
  masks: LayerMask,
): PlainLayer {
  const layer = readLayerWeights(stateDict);
  const batched = query.shape.length === 3;
  const [B, L] = batched ? (query.shape as [number, number]) : [1, query.shape[0]!];
  const S = key.shape.at(-2)!;
  const E = layer.embedDim;
  const project = (x: FloatTensor, { weight, bias }: Projection): Float32Array =>
    plainMatmul(x, weight as FloatTensor, { transposeB: true, bias: bias as FloatTensor | undefined });
  const zero = addZeroAttn ? new Float32Array(E) : undefined;
  const append = (rows: Float32Array, ...more: (ArrayLike<number> | undefined)[]): Float32Array => {
    const extra = more.filter((row) => row !== undefined);
    const all = Array.from({ length: B }, (_, b) => [rows.subarray(b * S * E, (b + 1) * S * E), ...extra]);
    return Float32Array.from(all.flat().flatMap((part) => Array.from(part)));
  };
  const keys = append(project(key, layer.key), layer.biasKey, zero);
  const values = append(project(value, layer.value), layer.biasValue, zero);
  const width = keys.length / (B * E);
  const heads = (data: Float32Array, length: number) => ({ data, shape: [B, length, H, E / H] });
  // Of B = 0 the width is not to be had from the keys.
  const extra = B === 0 ? 0 : width - S;
  const attention = plainAttention(
    heads(project(query, layer.query), L),
    heads(keys, B === 0 ? S : width),
    heads(values, B === 0 ? S : width),
    {
      layout: "BLHE",
      scale,
      relativeBias,
      window: window === undefined ? undefined : [window - 1, -1],
      ...combineMasks(masks, { B, H, L, S, extra }, batched),
    },
  );
  const output = project({ data: attention.output, shape: [B, L, E] }, layer.output);
  return { output, weights: attention.weights, averageWeights: meanOverHeads(attention.weights, B, H) };
}

function meanOverHeads(weights: Float32Array, B: number, H: number): Float32Array {
  const size = weights.length / (B * H || 1);
  const mean = new Float32Array(B * size);
  for (let b = 0; b < B; b++)
    for (let n = 0; n < size; n++) {
      let sum = 0;
      for (let h = 0; h < H; h++) sum = Math.fround(sum + weights[(b * H + h) * size + n]!);
      mean[b * size + n] = sum / H;
    }
  return mean;
}
