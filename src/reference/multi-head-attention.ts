import type { MaskLike, ScoreOptions } from "../attention-options.ts";
import { AttentionError } from "../errors.ts";
import { readFloats } from "../validate/floats.ts";
import { type HeadMask, readHeadMask } from "../validate/head-mask.ts";
import { checkWhole } from "../validate/options.ts";
import { combineMasks, type LayerMask } from "./layer-mask.ts";
import { type LayerWeights, project, type ReferenceStateDict, readLayerWeights } from "./layer-weights.ts";
import { scaledDotProductAttention } from "./scaled-dot-product-attention.ts";
import { type ReferenceInput, type ReferenceTensor, zeros } from "./tensor.ts";

/** What a state dict does not say about its layer. */
export interface ReferenceLayerConfig extends Pick<ScoreOptions, "scale" | "relativeBias"> {
  readonly numHeads: number;
  /** Append a key and a value of zeros. Default false. */
  readonly addZeroAttn?: boolean | undefined;
  /** A query attends to no key but its own and the `window` - 1 before it. Default unbounded. */
  readonly window?: number | undefined;
}

/** Options of one pass through the layer. Masks keep this library's polarity: 1 = attend. */
export interface ReferenceLayerOptions extends LayerMask {
  /** Which keys are there: `[B, S]` (unbatched `[S]`), boolean or additive. */
  readonly keyPaddingMask?: MaskLike | undefined;
  /** `[L, S]`, `[H, L, S]` or `[B, H, L, S]`, boolean or additive. */
  readonly attnMask?: MaskLike | undefined;
  /** Query i attends to keys 0 to i. */
  readonly causal?: boolean | undefined;
  /** A factor on what each head gives to the output projection, `[H]` or `[B, H]`: 0 ablates a head. */
  readonly headMask?: HeadMask | undefined;
  /** Return the weights. Default false. */
  readonly needWeights?: boolean | undefined;
  /** Average the weights over the heads. Default true. */
  readonly averageWeights?: boolean | undefined;
}

/** What the layer returns. */
export interface ReferenceLayerResult {
  /** `[B, L, E]`, or `[L, E]` for unbatched queries. */
  readonly output: ReferenceTensor;
  /** `[B, L, S']`, or `[B, H, L, S']` if not averaged. S' = the S keys, then bias_k, then the zero key. */
  readonly weights?: ReferenceTensor | undefined;
}

/**
 * Multi-head attention, concat(head_1, ..., head_H) W_O with head_h = attention(Q W_Q, K W_K, V W_V):
 * "Attention Is All You Need" (Vaswani et al., 2017, section 3.2.2), with the parameters, and their names,
 * of PyTorch's `nn.MultiheadAttention`. `bias_k`, `bias_v` and the zero key are appended after the
 * projection and never masked. A query with nothing to attend to gives the output projection's bias.
 *
 * @param query `[B, L, E]`, or `[L, E]` unbatched
 * @param key `[B, S, kdim]`; the query by default
 * @param value `[B, S, vdim]`; the key by default
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { multiHeadAttention } from "wasm-attention/reference";
 * const identity = { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] };
 * const weights = {
 *   q_proj_weight: identity, k_proj_weight: identity, v_proj_weight: identity, "out_proj.weight": identity,
 * };
 * const x = { data: new Float32Array(6), shape: [3, 2] };
 * console.log(multiHeadAttention(weights, { numHeads: 2 }, x).output.shape); // [ 3, 2 ]
 * ```
 */
export function multiHeadAttention(
  stateDict: ReferenceStateDict,
  config: ReferenceLayerConfig,
  query: ReferenceInput,
  key: ReferenceInput = query,
  value: ReferenceInput = key,
  options: ReferenceLayerOptions = {},
): ReferenceLayerResult {
  const layer = readLayerWeights(stateDict);
  const H = config.numHeads;
  checkWhole("numHeads", H, 1);
  if (layer.embedDim % H !== 0)
    throw new AttentionError("ERR_OPTION", `"numHeads" expected a divisor of E=${layer.embedDim}, got ${H}`);
  const batched = readFloats("query", query).shape.length === 3;
  const q = project("query", withBatch("query", query, batched), layer.query);
  const k = project("key", withBatch("key", key, batched), layer.key);
  const v = project("value", withBatch("value", value, batched), layer.value);
  const [B, L] = q.shape as [number, number];
  const S = k.shape[1]!;
  const [keys, values] = appendRows(k, v, layer, config.addZeroAttn ?? false);
  const extra = keys.shape[1]! - S;

  const attention = scaledDotProductAttention(splitHeads(q, H), splitHeads(keys, H), splitHeads(values, H), {
    layout: "BLHE",
    scale: config.scale,
    relativeBias: config.relativeBias,
    window: config.window === undefined ? undefined : [config.window - 1, -1],
    ...combineMasks(options, { B, H, L, S, extra }, batched),
  });
  if (options.headMask !== undefined) scaleHeads(attention.output, readHeadMask(options.headMask, B, H));
  const concatenated = { data: attention.output.data, shape: [B, L, layer.embedDim] };
  const output = project("heads", concatenated, layer.output);
  const result = { output: batched ? output : { ...output, shape: output.shape.slice(1) } };
  if (!options.needWeights) return result;
  const weights = (options.averageWeights ?? true) ? averageHeads(attention.weights) : attention.weights;
  return { ...result, weights: batched ? weights : { ...weights, shape: weights.shape.slice(1) } };
}

/** `[L, E]` becomes `[1, L, E]`. */
function withBatch(name: string, x: ReferenceInput, batched: boolean): ReferenceInput {
  const { data, shape } = readFloats(name, x);
  if (shape.length !== (batched ? 3 : 2))
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" expected ${batched ? "[B, length, size]" : "[length, size]"}, got [${shape.join(", ")}]`,
    );
  return { data, shape: batched ? shape : [1, ...shape] } as ReferenceInput;
}

/** A projection writes the heads of a token side by side: `[B, L, E]` is `[B, L, H, E/H]`. */
function splitHeads({ data, shape }: ReferenceTensor, H: number): ReferenceTensor {
  const [B, length, E] = shape as [number, number, number];
  return { data, shape: [B, length, H, E / H] };
}

/** Multiplies heads, `[B, L, H, D]`, by their factors, `[B, H]`. */
function scaleHeads({ data, shape }: ReferenceTensor, factors: Float32Array): void {
  const [, L, H, D] = shape as [number, number, number, number];
  for (let n = 0; n < data.length; n++) {
    const [b, h] = [Math.floor(n / (L * H * D)), Math.floor(n / D) % H];
    data[n]! *= factors[b * H + h]!;
  }
}

/** Appends bias_k and bias_v, then the zero key and value, where the layer has them. */
function appendRows(
  keys: ReferenceTensor,
  values: ReferenceTensor,
  layer: LayerWeights,
  addZeroAttn: boolean,
): [ReferenceTensor, ReferenceTensor] {
  let [k, v] = [keys, values];
  if (layer.biasKey) k = appendRow(k, layer.biasKey);
  if (layer.biasValue) v = appendRow(v, layer.biasValue);
  if (!addZeroAttn) return [k, v];
  const zero = new Float64Array(layer.embedDim);
  return [appendRow(k, zero), appendRow(v, zero)];
}

function appendRow({ data, shape }: ReferenceTensor, row: Float32Array | Float64Array): ReferenceTensor {
  const [B, length, E] = shape as [number, number, number];
  const result = zeros([B, length + 1, E]);
  for (let b = 0; b < B; b++) {
    const entry = data.subarray(b * length * E, (b + 1) * length * E);
    result.data.set(entry, b * (length + 1) * E);
    result.data.set(row, b * (length + 1) * E + length * E);
  }
  return result;
}

function averageHeads({ data, shape }: ReferenceTensor): ReferenceTensor {
  const [B, H, L, columns] = shape as [number, number, number, number];
  const average = zeros([B, L, columns]);
  const size = L * columns;
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let n = 0; n < size; n++) average.data[b * size + n]! += data[(b * H + h) * size + n]! / H;
  return average;
}
