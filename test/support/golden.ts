/**
 * The PyTorch goldens in `golden/torch` (its README gives the format), read as typed cases and translated
 * into arguments of this library.
 *
 *   for (const golden of attentionCases) {
 *     const { query, key, value, options } = attentionArguments(golden);
 *     const { output } = scaledDotProductAttention(query, key, value, options);
 *     expectClose(output.data, golden.tensor("out").data, torchTolerance(golden.tensor("out")), golden.name);
 *   }
 */
import { readdirSync, readFileSync } from "node:fs";
import type { MaskLike } from "../../src/attention-options.ts";
import type {
  ReferenceAttentionOptions,
  ReferenceLayerConfig,
  ReferenceLayerOptions,
} from "../../src/reference/index.ts";

/** A tensor of a golden, in a buffer of its own. */
export interface GoldenTensor<D = Float32Array> {
  readonly name: string;
  readonly data: D;
  readonly shape: readonly number[];
  /** Of an expected tensor: its largest finite magnitude. */
  readonly absmax: number;
  /** Of an expected tensor: the largest error of the same PyTorch code run in float32. */
  readonly torchError: number;
}

/** What every golden says of itself, and its tensors by name. */
export interface GoldenCase {
  readonly name: string;
  readonly features: readonly string[];
  /** Whether PyTorch's result holds NaN, for rows without any key: this library defines zeros there. */
  readonly nanExpected: boolean;
  /** How many such rows there are in all heads and batch entries. */
  readonly fullyMaskedRows: number;
  has(name: string): boolean;
  /** A float32 tensor. */
  tensor(name: string): GoldenTensor;
  /** A tensor of any type: float32, boolean (uint8) or integer (int64). */
  anyTensor(name: string): GoldenTensor<Float32Array | Uint8Array | BigInt64Array>;
}

/** A case of scaled dot-product attention. Tensors: q, k, v, ..., out, lse, sometimes weights. */
export interface AttentionCase extends GoldenCase {
  readonly kind: "sdpa" | "sdpa_fully_masked";
  readonly ctor: Readonly<Record<"B" | "H" | "Hkv" | "M" | "N" | "D" | "Dv", number>>;
  readonly call: AttentionCall;
}

interface AttentionCall {
  readonly scale: number;
  readonly causal: "top_left" | "bottom_right" | null;
  readonly q_offset: number;
  readonly window: { readonly left: number | null; readonly right: number | null } | null;
  readonly softcap: number | null;
  readonly mask: string | null;
  readonly bias: string | null;
  readonly alibi: { readonly slopes: string } | null;
  readonly t5: T5 | null;
  readonly rope: Rope | null;
  readonly qk_norm: { readonly type: "l2"; readonly eps: number } | null;
}

interface T5 {
  readonly bidirectional: boolean;
  readonly num_buckets: number;
  readonly max_distance: number;
  readonly table: string;
  readonly rel_buckets: string;
  readonly rel_first: number;
}

interface Rope {
  readonly style: "half" | "interleaved";
  readonly rotary_dim: number;
  readonly base: number;
  readonly cos_q: string;
  readonly sin_q: string;
  readonly cos_k: string;
  readonly sin_k: string;
}

/** A case of the layer. Tensors: query, key, value, masks, parameters, out, mostly attn_weights. */
export interface LayerCase extends GoldenCase {
  readonly kind: "mha" | "mha_fully_masked";
  readonly ctor: {
    readonly embed_dim: number;
    readonly num_heads: number;
    readonly bias: boolean;
    readonly add_bias_kv: boolean;
    readonly add_zero_attn: boolean;
    readonly kdim: number | null;
    readonly vdim: number | null;
  };
  readonly call: {
    readonly query: string;
    readonly key: string;
    readonly value: string;
    readonly key_padding_mask: string | null;
    readonly attn_mask: string | null;
    readonly need_weights: boolean;
    readonly average_attn_weights: boolean;
  };
  /** Names of the parameters, as in PyTorch's state dict. */
  readonly parameters: readonly string[];
}

/** A case of an encoder or decoder layer, or of an encoder. Tensors: inputs, masks, the whole state dict, out. */
export interface ModelCase extends GoldenCase {
  readonly kind: "encoder_layer" | "decoder_layer" | "encoder";
  /** Arguments of the one layer, or of each. */
  readonly layer: { readonly nhead: number; readonly norm_first: boolean; readonly layer_norm_eps: number };
  readonly layers: number;
  /** Names of tensors by PyTorch's names of the arguments. */
  readonly call: Readonly<Record<string, string | null>>;
  readonly parameters: readonly string[];
}

const folder = new URL("../golden/torch/", import.meta.url);

interface TensorEntry {
  readonly name: string;
  readonly role: "input" | "param" | "expect";
  readonly dtype: "float32" | "int64" | "uint8";
  readonly shape: readonly number[];
  readonly offset: number;
  readonly nbytes: number;
  readonly absmax?: number;
  readonly torch_f32_maxabs_err?: number;
}

/** Reads the description now, and the tensors when the first of them is asked for. */
function readCase(file: string): AttentionCase | LayerCase | ModelCase {
  const meta = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
  const entries = new Map<string, TensorEntry>(meta.tensors.map((entry: TensorEntry) => [entry.name, entry]));
  let bytes: ArrayBuffer | undefined;
  const anyTensor: GoldenCase["anyTensor"] = (name) => {
    const entry = entries.get(name);
    if (!entry) throw new Error(`${meta.name} has no tensor "${name}"`);
    bytes ??= new Uint8Array(readFileSync(new URL(`${meta.name}.bin`, folder))).buffer;
    const slice = bytes.slice(entry.offset, entry.offset + entry.nbytes);
    const types = { float32: Float32Array, int64: BigInt64Array, uint8: Uint8Array };
    const { absmax = Number.NaN, torch_f32_maxabs_err: torchError = Number.NaN } = entry;
    return { name, data: new types[entry.dtype](slice), shape: entry.shape, absmax, torchError };
  };
  const parameters = [...entries.values()].filter((entry) => entry.role === "param");
  return {
    name: meta.name,
    kind: meta.kind,
    features: meta.features,
    ctor: meta.ctor,
    layer: meta.ctor.layer ?? meta.ctor,
    layers: meta.ctor.num_layers ?? 1,
    call: meta.call,
    nanExpected: meta.nan_expected,
    fullyMaskedRows: meta.fully_masked_rows ?? 0,
    parameters: parameters.map((entry) => entry.name),
    has: (name) => entries.has(name),
    anyTensor,
    tensor(name) {
      const tensor = anyTensor(name);
      if (!(tensor.data instanceof Float32Array)) throw new Error(`${meta.name}: "${name}" is not float32`);
      return tensor as GoldenTensor;
    },
  };
}

const cases = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .sort()
  .map(readCase);

export const attentionCases: readonly AttentionCase[] = cases.filter(
  (golden): golden is AttentionCase => golden.kind === "sdpa" || golden.kind === "sdpa_fully_masked",
);

export const layerCases: readonly LayerCase[] = cases.filter(
  (golden): golden is LayerCase => golden.kind === "mha" || golden.kind === "mha_fully_masked",
);

export const modelCases: readonly ModelCase[] = cases.filter(
  (golden): golden is ModelCase => !golden.kind.startsWith("sdpa") && !golden.kind.startsWith("mha"),
);

/** A rotary embedding to be applied to query and key before the attention. Tables are `[L or S, R/2]`. */
export interface GoldenRope {
  readonly interleaved: boolean;
  readonly rotaryDim: number;
  readonly base: number;
  readonly query: { readonly cos: GoldenTensor; readonly sin: GoldenTensor };
  readonly key: { readonly cos: GoldenTensor; readonly sin: GoldenTensor };
}

export interface AttentionArguments {
  readonly query: GoldenTensor;
  readonly key: GoldenTensor;
  readonly value: GoldenTensor;
  readonly options: ReferenceAttentionOptions;
  /** Present where query and key must be rotated first. */
  readonly rope?: GoldenRope;
}

/** A case of kind sdpa as arguments of `scaledDotProductAttention`. */
export function attentionArguments(golden: AttentionCase): AttentionArguments {
  const { call, ctor } = golden;
  // Its q_offset follows from the kind of causality; were it ever independent, this would miss it.
  if (call.q_offset !== (call.causal === "bottom_right" ? ctor.N - ctor.M : 0))
    throw new Error(`${golden.name}: a q_offset of its own`);
  const bias = call.bias ? golden.tensor(call.bias) : undefined;
  const options: ReferenceAttentionOptions = {
    scale: call.scale,
    ...(call.causal && { causal: call.causal === "top_left" ? "top-left" : "bottom-right" }),
    ...(call.window && { window: [call.window.left ?? -1, call.window.right ?? -1] }),
    ...(call.softcap !== null && { softcap: call.softcap }),
    ...(call.mask && { mask: golden.anyTensor(call.mask) as GoldenTensor<Uint8Array> }),
    ...(bias && { bias }),
    ...(call.alibi && { alibiSlopes: golden.tensor(call.alibi.slopes) }),
    ...(call.t5 && { relativeBias: relativeBias(golden, call.t5) }),
    ...(call.qk_norm && { similarity: "cosine" }),
  };
  const [query, key, value] = [golden.tensor("q"), golden.tensor("k"), golden.tensor("v")];
  return { query, key, value, options, ...(call.rope && { rope: rotary(golden, call.rope) }) };
}

function relativeBias(golden: GoldenCase, t5: T5): ReferenceAttentionOptions["relativeBias"] {
  return { table: golden.tensor(t5.table), bidirectional: t5.bidirectional, maxDistance: t5.max_distance };
}

function rotary(golden: GoldenCase, rope: Rope): GoldenRope {
  return {
    interleaved: rope.style === "interleaved",
    rotaryDim: rope.rotary_dim,
    base: rope.base,
    query: { cos: golden.tensor(rope.cos_q), sin: golden.tensor(rope.sin_q) },
    key: { cos: golden.tensor(rope.cos_k), sin: golden.tensor(rope.sin_k) },
  };
}

export interface LayerArguments {
  readonly stateDict: Readonly<Record<string, GoldenTensor>>;
  readonly config: ReferenceLayerConfig;
  readonly query: GoldenTensor;
  /** Absent for self-attention. */
  readonly key: GoldenTensor | undefined;
  /** Absent where it is the key. */
  readonly value: GoldenTensor | undefined;
  readonly options: ReferenceLayerOptions;
}

/** A case of kind mha as arguments of the layer. */
export function layerArguments(golden: LayerCase): LayerArguments {
  const { call, ctor } = golden;
  const padding = call.key_padding_mask ? golden.anyTensor(call.key_padding_mask) : undefined;
  const attention = call.attn_mask ? golden.anyTensor(call.attn_mask) : undefined;
  return {
    stateDict: Object.fromEntries(golden.parameters.map((name) => [name, golden.tensor(name)])),
    config: { numHeads: ctor.num_heads, addZeroAttn: ctor.add_zero_attn },
    query: golden.tensor(call.query),
    key: call.key === call.query ? undefined : golden.tensor(call.key),
    value: call.value === call.key ? undefined : golden.tensor(call.value),
    options: {
      needWeights: call.need_weights,
      averageWeights: call.average_attn_weights,
      ...(padding && { keyPaddingMask: flipped(padding) }),
      ...(attention && { attnMask: flipped(splitHeads(attention, ctor.num_heads)) }),
    },
  };
}

/** PyTorch's layer marks what to ignore, this library what to attend to. Additive masks stay as they are. */
export function flipped(mask: ReturnType<GoldenCase["anyTensor"]>): MaskLike {
  if (mask.data instanceof Float32Array) return { data: mask.data, shape: mask.shape };
  return { data: Uint8Array.from(mask.data as Uint8Array, (ignore) => 1 - ignore), shape: mask.shape };
}

/** PyTorch's `[B*H, L, S]` is `[B, H, L, S]` here. */
function splitHeads<T extends { readonly shape: readonly number[] }>(mask: T, H: number): T {
  if (mask.shape.length !== 3) return mask;
  const [count, L, S] = mask.shape as [number, number, number];
  return { ...mask, shape: [count / H, H, L, S] };
}
