// What a pass through a layer is given, checked: tokens, masks, a cache.

import type { MaskLike } from "../attention-options.ts";
import type { CacheState } from "../cache/cache-state.ts";
import { stateOf } from "../cache/handle.ts";
import { largest } from "../cache/largest.ts";
import { readCounts } from "../calls/append.ts";
import { describe } from "../describe.ts";
import type { LinearMemory } from "../engine/linear-memory.ts";
import { AttentionError } from "../errors.ts";
import type { KVCache } from "../kv-cache.ts";
import { shapeError } from "../tensor.ts";
import { readTensor, type TensorLike, type VectorLike } from "../tensor-like.ts";
import { type HeadMask, readHeadMask } from "../validate/head-mask.ts";
import { checkFlag } from "../validate/options.ts";
import { given } from "../validate/score-options.ts";
import { combineMasks, type OperatorMasks } from "./masks.ts";
import type { LayerTables } from "./rotary.ts";
import type { LayerScores } from "./scores.ts";
import type { LayerSizes, LayerWeights } from "./weights.ts";

/** Options of a pass that say what is computed. Masks keep this library's polarity: 1 = attend. */
export interface PassOptions {
  /** Which keys are there: `[B, S]` (unbatched `[S]`), boolean or additive. */
  readonly keyPaddingMask?: MaskLike | undefined;
  /** `[L, S]`, `[H, L, S]` or `[B, H, L, S]`, boolean or additive. */
  readonly attnMask?: MaskLike | undefined;
  /** Query i attends to keys 0 to i. Default false. */
  readonly causal?: boolean | undefined;
  /** Also return the weights. Default false. */
  readonly needWeights?: boolean | undefined;
  /** Average the weights over the heads. Default true. */
  readonly averageWeights?: boolean | undefined;
  /**
   * A factor on what each head gives to the output projection, `[H]` or `[B, H]`: 0 ablates a head, 1 leaves it as it is.
   * Weights that are returned do not change.
   */
  readonly headMask?: HeadMask | undefined;
  /**
   * Self-attention over the tokens that the cache holds and those of this pass, which are appended to it: S is then the
   * length of its longest entry, this pass included. Rotary positions go on where the cache ends.
   */
  readonly cache?: KVCache | undefined;
  /** Beside a cache: how many of the L tokens each entry has, the first ones. Default L for all. */
  readonly lengths?: VectorLike | undefined;
}

/** @internal A layer as a pass sees it. */
export interface LayerState {
  readonly sizes: LayerSizes;
  readonly weights: LayerWeights;
  readonly addZeroAttn: boolean;
  /** Rotary tables of so many positions from 0 on, where the layer rotates. */
  readonly rotary: LayerTables | undefined;
  readonly scores: LayerScores;
}

/** @internal Checked input: rows of tokens. */
export interface Tokens {
  readonly data: Float32Array;
  readonly batch: number;
  readonly length: number;
}

/** @internal A pass whose arguments are known good. */
export interface Pass {
  readonly query: Tokens;
  readonly key: Tokens;
  readonly value: Tokens;
  readonly masks: OperatorMasks;
  /** `[B, H]`. */
  readonly headFactors: Float32Array | undefined;
  readonly batched: boolean;
  /** Keys that follow the S keys: bias_k, the zero key. */
  readonly extra: number;
  /** Where the keys go and come from, and how many of each entry's tokens go there. */
  readonly cached: CachedPass | undefined;
  readonly needWeights: boolean;
  readonly averageWeights: boolean;
}

/** @internal The part of a pass that concerns its cache. */
export interface CachedPass {
  readonly state: CacheState;
  readonly counts: readonly number[];
  /** L. */
  readonly rows: number;
}

/** @internal Growing memory detaches views of an engine's tensors: what this gives is the pass with views made anew. */
export function followPass(pass: Pass, memory: LinearMemory): () => Pass {
  const { query, key, value, masks } = pass;
  const [q, k, v] = [query, key, value].map(({ data }) => memory.follow(data));
  const mask = masks.mask && memory.follow(masks.mask.data);
  const bias = masks.bias && memory.follow(masks.bias.data);
  return () => {
    const data = q!();
    const same = (other: Tokens, follow: () => Float32Array): Float32Array =>
      other.data === query.data ? data : follow();
    return {
      ...pass,
      query: { ...query, data },
      key: { ...key, data: same(key, k!) },
      value: { ...value, data: same(value, v!) },
      masks: {
        ...masks,
        mask: masks.mask && { ...masks.mask, data: mask!() },
        bias: masks.bias && { ...masks.bias, data: bias!() },
      },
    };
  };
}

/** @internal Checks the arguments of a pass. What it returns holds views: they are good until memory grows. */
export function readPass(
  layer: LayerState,
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  options: PassOptions,
): Pass {
  const { sizes } = layer;
  const { needWeights = false, averageWeights = true, causal = false } = options;
  for (const [name, flag] of Object.entries({ needWeights, averageWeights, causal })) checkFlag(name, flag);
  const rows = readTensor("query", query);
  const batched = rows.shape.length !== 2;
  const q = readTokens("query", rows, ["B", "L", "E"], { E: sizes.embedDim }, batched);
  const k = readTokens(
    "key",
    key === query ? rows : key,
    ["B", "S", "kdim"],
    { B: q.batch, kdim: sizes.kdim },
    batched,
  );
  const v = readTokens(
    "value",
    value === query ? rows : value,
    ["B", "S", "vdim"],
    { B: q.batch, S: k.length, vdim: sizes.vdim },
    batched,
  );
  const extra = (layer.weights.biasKey ? 1 : 0) + (layer.addZeroAttn ? 1 : 0);
  const cached = readCache(layer, options, q, query === key && key === value);
  const S = cached === undefined ? k.length : lengthWith(cached);
  const scoreSizes = { B: q.batch, H: sizes.numHeads, L: q.length, S, extra, batched };
  const masks = combineMasks({ ...options, causal }, scoreSizes);
  const headFactors = given(options.headMask, (mask) => readHeadMask(mask, q.batch, sizes.numHeads));
  return {
    query: q,
    key: k,
    value: v,
    masks,
    headFactors,
    batched,
    extra,
    cached,
    needWeights,
    averageWeights,
  };
}

/** Checks a cache against the layer and its tokens. */
function readCache(
  { sizes, weights, addZeroAttn }: LayerState,
  { cache, lengths }: PassOptions,
  { batch: B, length: L }: Tokens,
  oneInput: boolean,
): CachedPass | undefined {
  if (cache === undefined && lengths === undefined) return undefined;
  const state = stateOf(cache);
  if (state === undefined)
    throw new AttentionError("ERR_OPTION", `"cache" expected a KVCache, got ${describe(cache)}`);
  if (!oneInput)
    throw new AttentionError("ERR_OPTION", '"cache" is for self-attention: key and value must be the query');
  if (weights.biasKey || addZeroAttn)
    throw new AttentionError("ERR_OPTION", '"cache" cannot be combined with addBiasKv or addZeroAttn');
  const { kvHeads, headDim, valueDim } = state.format;
  const [K, D] = [sizes.numKvHeads, sizes.headDim];
  const fits = state.entries.length === B && kvHeads === K && headDim === D && valueDim === D;
  if (!fits)
    throw shapeError("cache", `batch, kvHeads, headDim, valueDim of [B=${B}, K=${K}, D=${D}, D=${D}]`, [
      state.entries.length,
      kvHeads,
      headDim,
      valueDim,
    ]);
  const counts = readCounts(lengths, B, L, "L");
  state.checkSettled();
  state.checkRoom(counts);
  return { state, counts, rows: L };
}

/** Tokens of the longest entry once those of this pass are there. */
function lengthWith({ state, counts }: CachedPass): number {
  return largest(state.lengths.map((length, b) => length + counts[b]!));
}

function readTokens(
  name: string,
  tensor: TensorLike,
  letters: readonly [string, string, string],
  known: Readonly<Record<string, number>>,
  batched: boolean,
): Tokens {
  const { data, shape } = readTensor(name, tensor);
  const expected = batched ? letters : letters.slice(1);
  const fits =
    shape.length === expected.length &&
    expected.every((letter, d) => (known[letter] ?? shape[d]) === shape[d]);
  if (!fits) {
    const sizes = expected.map((letter) => (letter in known ? `${letter}=${known[letter]}` : letter));
    throw shapeError(name, `shape [${sizes.join(", ")}]`, shape);
  }
  return { data, batch: batched ? shape[0]! : 1, length: shape[batched ? 1 : 0]! };
}
