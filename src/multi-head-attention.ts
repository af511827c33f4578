/// <reference lib="esnext.disposable" preserve="true" />

import type { Growth } from "./cache/growth.ts";
import { checkSameMemory } from "./cache/handle.ts";
import type { CallOptions } from "./calls/call-options.ts";
import { engineFor } from "./default-engine.ts";
import type { Call } from "./engine/program.ts";
import type { Runtime } from "./engine/runtime.ts";
import type { Engine } from "./engine.ts";
import { AttentionError } from "./errors.ts";
import { type ForwardResult, planPass } from "./layer/forward.ts";
import { WeightStore } from "./layer/packed-weights.ts";
import { followPass, type LayerState, type PassOptions, readPass } from "./layer/pass.ts";
import { type LayerRotary, readRotary } from "./layer/rotary.ts";
import { type LayerScoreOptions, readLayerScores, scoreNames } from "./layer/scores.ts";
import {
  checkDivides,
  initialWeights,
  type LayerSizes,
  type LayerWeights,
  readStateDict,
  type StateDict,
  writeStateDict,
} from "./layer/weights.ts";
import type { Tensor } from "./tensor.ts";
import { type TensorLike, unreadable } from "./tensor-like.ts";
import { checkFlag, checkWhole, readOptions } from "./validate/options.ts";

export type { ForwardResult } from "./layer/forward.ts";
export type { LayerRotary } from "./layer/rotary.ts";
export type { LayerScoreOptions } from "./layer/scores.ts";
export type { StateDict } from "./layer/weights.ts";
export type { HeadMask } from "./validate/head-mask.ts";

/** How a layer is made. */
export interface MultiHeadAttentionOptions extends LayerScoreOptions {
  /** E, the size of a token in and out. */
  readonly embedDim: number;
  /** H, the number of query heads. */
  readonly numHeads: number;
  /** K, the number of key/value heads; a divisor of H. Default H. */
  readonly numKvHeads?: number | undefined;
  /** D, the size of a head. Default E / H. */
  readonly headDim?: number | undefined;
  /** Size of a key and of a value token. Default E. */
  readonly kdim?: number | undefined;
  readonly vdim?: number | undefined;
  /** Whether projections have a bias. Default true. */
  readonly bias?: boolean | undefined;
  /** Append one learned key and value to every sequence. Default false. */
  readonly addBiasKv?: boolean | undefined;
  /** Append a key and a value of zeros. Default false. */
  readonly addZeroAttn?: boolean | undefined;
  /** RMS norm with a learned weight of each query and key head, before rotary positions, as in Qwen3. Default false. */
  readonly qkNorm?: boolean | undefined;
  /** Rotary positions, 0 to L - 1, of queries and keys; `true` for the defaults of `applyRotary`. Default false. */
  readonly rotary?: boolean | LayerRotary | undefined;
  /** Seed of the weights: the same seed gives the same weights on every machine. Default 0. */
  readonly seed?: number | undefined;
  /** The engine that computes. Default: one that is made on first use. */
  readonly engine?: Engine | undefined;
}

/** What a state dict does not say of its layer. */
export interface FromStateDictOptions extends LayerScoreOptions {
  readonly numHeads: number;
  readonly numKvHeads?: number | undefined;
  readonly addZeroAttn?: boolean | undefined;
  readonly rotary?: boolean | LayerRotary | undefined;
  readonly engine?: Engine | undefined;
}

/** Options of a pass. */
export interface ForwardOptions extends PassOptions, Pick<CallOptions, "signal"> {}

const forwardNames: ReadonlySet<string> = new Set([
  "keyPaddingMask",
  "attnMask",
  "causal",
  "headMask",
  "needWeights",
  "averageWeights",
  "cache",
  "lengths",
  "signal",
]);

const stateNames: ReadonlySet<string> = new Set([
  "numHeads",
  "numKvHeads",
  "addZeroAttn",
  "rotary",
  ...scoreNames,
  "engine",
]);

const optionNames: ReadonlySet<string> = new Set([
  "embedDim",
  "numHeads",
  "numKvHeads",
  "headDim",
  "kdim",
  "vdim",
  "bias",
  "addBiasKv",
  "addZeroAttn",
  "qkNorm",
  "rotary",
  ...scoreNames,
  "seed",
  "engine",
]);

/**
 * Multi-head attention, concat(head_1, ..., head_H) W_O with head_h = attention(Q W_Q, K W_K, V W_V): "Attention Is All
 * You Need" (Vaswani et al., 2017, section 3.2.2), with the parameters, and their names in a state dict, of PyTorch's
 * `nn.MultiheadAttention` (batch first). Masks keep this library's polarity: 1 = attend, where PyTorch's boolean
 * masks say 1 = ignore.
 *
 * @example
 * ```ts
 * import { MultiHeadAttention, tensor } from "wasm-attention";
 * const layer = new MultiHeadAttention({ embedDim: 64, numHeads: 4, seed: 1 });
 * const tokens = tensor(new Float32Array(2 * 10 * 64).fill(0.5), [2, 10, 64]);
 * const { output, weights } = await layer.forward(tokens, tokens, tokens, { causal: true, needWeights: true });
 * console.log(output.shape, weights?.shape); // [ 2, 10, 64 ] [ 2, 10, 10 ]
 * ```
 */
export class MultiHeadAttention {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headDim: number;
  readonly #layer: LayerState;
  readonly #engine: Engine | undefined;
  #store: WeightStore | undefined;
  #disposed = false;

  /**
   * A layer with weights as PyTorch initialises them, from a seed.
   *
   * @throws AttentionError `ERR_OPTION` for sizes that are no positive whole numbers or heads that do not divide
   */
  constructor(options: MultiHeadAttentionOptions);
  /** @internal */
  constructor(options: MultiHeadAttentionOptions, made: LayerState);
  constructor(given: MultiHeadAttentionOptions, state?: LayerState) {
    // Sizes that come with a state are known to be right.
    const options = state === undefined ? readOptions(given, optionNames) : given;
    const made = state ?? seeded(options);
    this.#layer = made;
    this.#engine = options.engine;
    this.embedDim = made.sizes.embedDim;
    this.numHeads = made.sizes.numHeads;
    this.numKvHeads = made.sizes.numKvHeads;
    this.headDim = made.sizes.headDim;
  }

  /**
   * A layer with the weights of a PyTorch `nn.MultiheadAttention`: `in_proj_weight` or `q_proj_weight`,
   * `k_proj_weight` and `v_proj_weight`, `in_proj_bias`, `bias_k`, `bias_v`, `out_proj.weight`, `out_proj.bias`. Sizes and
   * biases are what is there. The weights are copied.
   *
   * @throws AttentionError `ERR_OPTION` for a name that is missing or unknown, `ERR_SHAPE` for sizes that do not fit
   */
  static fromStateDict(stateDict: StateDict, given: FromStateDictOptions): MultiHeadAttention {
    const options = readOptions(given, stateNames);
    const { numHeads, numKvHeads, addZeroAttn = false, engine } = options;
    checkWhole("numHeads", numHeads, 1);
    checkFlag("addZeroAttn", addZeroAttn);
    const { sizes, weights } = readStateDict(stateDict, { numHeads, numKvHeads });
    return new MultiHeadAttention(
      { ...sizes, engine },
      {
        sizes,
        weights,
        addZeroAttn,
        rotary: readRotary(options.rotary ?? false, sizes.headDim),
        scores: readLayerScores(options, sizes, addZeroAttn || weights.biasKey !== undefined),
      },
    );
  }

  /** The weights by PyTorch's names; copies. */
  toStateDict(): Record<string, Tensor> {
    return writeStateDict(this.#layer.sizes, this.#layer.weights);
  }

  /**
   * One pass, off the event loop.
   *
   * @param query `[B, L, E]`, or `[L, E]` unbatched
   * @param key `[B, S, kdim]`; the query by default (self-attention)
   * @param value `[B, S, vdim]`; the key by default (cross-attention)
   * @returns `output` `[B, L, E]`, and with `needWeights` `weights` `[B, L, S']` (`[B, H, L, S']` with
   *   `averageWeights: false`), whose columns are the keys, then bias_k, then the zero key
   * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for arguments that do not fit, `ERR_DISPOSED`; a cache
   *   stays as it was then, and when the pass is aborted
   *
   * @example
   * ```ts
   * import { KVCache, MultiHeadAttention, tensor } from "wasm-attention";
   * const layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2, rotary: true });
   * using cache = new KVCache({ batch: 1, kvHeads: 2, headDim: 4, maxLength: 512 });
   * const prompt = tensor(new Float32Array(5 * 8).fill(1), [1, 5, 8]);
   * await layer.forward(prompt, { cache, causal: true });
   * const token = tensor(new Float32Array(8).fill(1), [1, 1, 8]);
   * const { output } = await layer.forward(token, { cache });
   * console.log(cache.lengths, output.shape); // [ 6 ] [ 1, 1, 8 ]
   * ```
   */
  forward(
    query: TensorLike,
    key?: TensorLike,
    value?: TensorLike,
    options?: ForwardOptions,
  ): Promise<ForwardResult>;
  /** Self-attention with options. */
  forward(query: TensorLike, options: ForwardOptions): Promise<ForwardResult>;
  async forward(query: TensorLike, ...rest: ForwardArguments): Promise<ForwardResult> {
    const { runtime } = engineFor({ engine: this.#engine });
    const { call, growth, store, signal } = this.#plan(runtime, query, rest);
    const run = (): Promise<ForwardResult> =>
      store.ready ? runtime.run(call, signal) : runtime.runAfter(() => this.#pack(store), call, signal);
    return growth ? growth.settle(run) : run();
  }

  /** One pass here and now; the same as `forward`. */
  forwardSync(
    query: TensorLike,
    key?: TensorLike,
    value?: TensorLike,
    options?: ForwardOptions,
  ): ForwardResult;
  forwardSync(query: TensorLike, options: ForwardOptions): ForwardResult;
  forwardSync(query: TensorLike, ...rest: ForwardArguments): ForwardResult {
    const { runtime } = engineFor({ engine: this.#engine });
    const { call, growth } = this.#plan(runtime, query, rest, (store) => store.packSync());
    const run = (): ForwardResult => runtime.runSync(call);
    return growth ? growth.settleSync(run) : run();
  }

  /** The call, and the growth of the cache that it ends with. */
  #plan(
    runtime: Runtime,
    query: TensorLike,
    rest: ForwardArguments,
    prepare?: (store: WeightStore) => void,
  ): {
    call: Call<ForwardResult>;
    growth: Growth | undefined;
    store: WeightStore;
    signal: AbortSignal | undefined;
  } {
    if (this.#disposed) throw new AttentionError("ERR_DISPOSED", "this layer is disposed");
    runtime.checkUsable();
    const given = forwardOptions(rest);
    const options = readOptions(given, forwardNames);
    const { signal } = options;
    const [key = query, value = key] = rest[0] === given ? [] : (rest as readonly TensorLike[]);
    const pass = readPass(this.#layer, query, key, value, options);
    const { cached } = pass;
    if (cached) checkSameMemory(cached.state, runtime.memory);
    const followed = followPass(pass, runtime.memory);
    const store = (this.#store ??= new WeightStore(this.#layer.weights, runtime));
    let growth: Growth | undefined;
    try {
      prepare?.(store);
      growth = cached?.state.grow(cached.counts, cached.rows);
      // Room for weights and pages may have made memory grow, which detaches the views of an engine's tensors.
      const call = planPass(this.#layer, store.packed, followed(), runtime.sizes, growth);
      return { call, growth, store, signal };
    } catch (error) {
      growth?.rollback();
      this.#giveUp(store);
      throw error;
    }
  }

  async #pack(store: WeightStore): Promise<void> {
    try {
      await store.pack();
    } catch (error) {
      this.#giveUp(store);
      throw error;
    }
  }

  /** Room for weights that nothing is in, nor on its way to, is given back. */
  #giveUp(store: WeightStore): void {
    if (store.ready || store.isPacking) return;
    store.dispose();
    if (this.#store === store) this.#store = undefined;
  }

  /** Gives the memory of the packed weights back. Twice is fine. */
  dispose(): void {
    this.#disposed = true;
    this.#store?.dispose();
    this.#store = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

type ForwardArguments =
  | readonly [key?: TensorLike, value?: TensorLike, options?: ForwardOptions]
  | readonly [options: ForwardOptions];

/** Options come last: fourth, or second where nothing but the query precedes them. */
function forwardOptions([second, third, fourth]: ForwardArguments): ForwardOptions {
  if (typeof second === "object" && second !== null && !hasData(second)) {
    if (third !== undefined || fourth !== undefined)
      throw new AttentionError("ERR_OPTION", "nothing may follow options that are the second argument");
    return second as ForwardOptions;
  }
  // Only what is absent may be absent: null is refused.
  return fourth === undefined ? {} : fourth;
}

function hasData(value: object): value is TensorLike {
  try {
    return "data" in value;
  } catch (cause) {
    throw unreadable("key", cause);
  }
}

function seeded(options: MultiHeadAttentionOptions): LayerState {
  const { embedDim, numHeads, bias = true, addBiasKv = false, addZeroAttn = false, qkNorm = false } = options;
  const { numKvHeads = numHeads, kdim = embedDim, vdim = embedDim } = options;
  for (const [name, size] of Object.entries({ embedDim, numHeads, numKvHeads, kdim, vdim }))
    checkWhole(name, size, 1);
  for (const [name, flag] of Object.entries({ bias, addBiasKv, addZeroAttn, qkNorm })) checkFlag(name, flag);
  checkDivides(numKvHeads, numHeads, "numHeads", "numKvHeads");
  if (options.headDim === undefined) checkDivides(numHeads, embedDim, "embedDim");
  const headDim = options.headDim ?? embedDim / numHeads;
  checkWhole("headDim", headDim, 1);
  const sizes: LayerSizes = { embedDim, numHeads, numKvHeads, headDim, kdim, vdim };
  const weights: LayerWeights = initialWeights(sizes, { bias, addBiasKv, qkNorm, seed: options.seed });
  const rotary = readRotary(options.rotary ?? false, headDim);
  return {
    sizes,
    weights,
    addZeroAttn,
    rotary,
    scores: readLayerScores(options, sizes, addZeroAttn || addBiasKv),
  };
}
