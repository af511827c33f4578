import type { CallOptions } from "../calls/call-options.ts";
import type { Engine } from "../engine.ts";
import { checkDivides, type StateDict, takeStateDict } from "../layer/weights.ts";
import { type ForwardResult, MultiHeadAttention } from "../multi-head-attention.ts";
import type { Tensor } from "../tensor.ts";
import type { TensorLike } from "../tensor-like.ts";
import { checkFlag, checkNumber, checkWhole, readOptions } from "../validate/options.ts";
import { planForward, readForwardOptions } from "./forward.ts";
import type {
  MultiheadAttentionForwardOptions,
  MultiheadAttentionOptions,
} from "./multihead-attention-options.ts";
import { checkStateDict } from "./parameters.ts";

const optionNames: ReadonlySet<string> = new Set([
  "dropout",
  "bias",
  "add_bias_kv",
  "add_zero_attn",
  "kdim",
  "vdim",
  "batch_first",
  "seed",
  "engine",
]);

/**
 * `torch.nn.MultiheadAttention` (https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html) by
 * PyTorch's names, defaults and masks, over this package's `MultiHeadAttention`: `batch_first` is false, weights are
 * returned unless `need_weights` is false, and **boolean masks say 1 = ignore**, the opposite of
 * `scaled_dot_product_attention`. Always in evaluation mode. A query with no key to attend to gives heads of zeros,
 * where PyTorch gives NaN.
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { MultiheadAttention } from "wasm-attention/torch";
 * const mha = new MultiheadAttention(8, 2, { batch_first: true });
 * const x = tensor(new Float32Array(3 * 5 * 8), [3, 5, 8]);
 * const [attn_output, attn_output_weights] = mha.forward(x, x, x);
 * console.log(attn_output.shape, attn_output_weights?.shape); // [ 3, 5, 8 ] [ 3, 5, 5 ]
 * ```
 */
export class MultiheadAttention {
  readonly embed_dim: number;
  readonly num_heads: number;
  readonly head_dim: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly batch_first: boolean;
  readonly #bias: boolean;
  readonly #add_bias_kv: boolean;
  readonly #add_zero_attn: boolean;
  readonly #engine: Engine | undefined;
  #layer: MultiHeadAttention;

  /**
   * A layer with weights as PyTorch initialises them, from a seed.
   *
   * @throws AttentionError `ERR_OPTION` for sizes that are no positive whole numbers or heads that do not divide
   */
  constructor(embed_dim: number, num_heads: number, given: MultiheadAttentionOptions = {}) {
    const options = readOptions(given, optionNames);
    const {
      dropout = 0,
      bias = true,
      add_bias_kv = false,
      add_zero_attn = false,
      batch_first = false,
    } = options;
    const [kdim, vdim] = [options.kdim ?? embed_dim, options.vdim ?? embed_dim];
    for (const [name, size] of Object.entries({ embed_dim, num_heads, kdim, vdim }))
      checkWhole(name, size, 1);
    for (const [name, flag] of Object.entries({ bias, add_bias_kv, add_zero_attn, batch_first }))
      checkFlag(name, flag);
    checkNumber("dropout", dropout, 0);
    checkDivides(num_heads, embed_dim, "embed_dim", "num_heads");
    this.embed_dim = embed_dim;
    this.num_heads = num_heads;
    this.head_dim = embed_dim / num_heads;
    this.kdim = kdim;
    this.vdim = vdim;
    this.batch_first = batch_first;
    this.#bias = bias;
    this.#add_bias_kv = add_bias_kv;
    this.#add_zero_attn = add_zero_attn;
    this.#engine = options.engine;
    this.#layer = new MultiHeadAttention({
      embedDim: embed_dim,
      numHeads: num_heads,
      kdim,
      vdim,
      bias,
      addBiasKv: add_bias_kv,
      addZeroAttn: add_zero_attn,
      seed: options.seed,
      engine: options.engine,
    });
  }

  /** The parameters by PyTorch's names; copies. */
  state_dict(): Record<string, Tensor> {
    return this.#layer.toStateDict();
  }

  /**
   * Takes the parameters of a `state_dict()`, PyTorch's or this one's; copies. Names and shapes must be exactly those
   * of the layer. Calls in flight keep the old ones.
   *
   * @throws AttentionError `ERR_OPTION` for a name that is missing or unexpected, `ERR_SHAPE`, `ERR_DTYPE`
   *
   * @example
   * ```ts
   * import { MultiheadAttention } from "wasm-attention/torch";
   * const trained = new MultiheadAttention(8, 2, { seed: 1 });
   * const mha = new MultiheadAttention(8, 2);
   * mha.load_state_dict(trained.state_dict());
   * console.log(Object.keys(mha.state_dict()).length); // 4
   * ```
   */
  load_state_dict(state_dict: StateDict): void {
    const { embed_dim, kdim, vdim } = this;
    const state = takeStateDict(state_dict, '"state_dict"');
    checkStateDict(state, {
      embed_dim,
      kdim,
      vdim,
      bias: this.#bias,
      add_bias_kv: this.#add_bias_kv,
    });
    this.#layer = MultiHeadAttention.fromStateDict(state, {
      numHeads: this.num_heads,
      addZeroAttn: this.#add_zero_attn,
      engine: this.#engine,
    });
  }

  /**
   * One pass here and now.
   *
   * @param query `[L, B, E]`, with `batch_first` `[B, L, E]`; unbatched `[L, E]`
   * @param key `[S, B, kdim]`, `[B, S, kdim]` or `[S, kdim]`
   * @param value `[S, B, vdim]`, `[B, S, vdim]` or `[S, vdim]`
   * @returns the output, of the query's shape, and with `need_weights` the weights, `[B, L, S']` (or `[B, H, L, S']` if
   *   not averaged; unbatched without B), S' = the S keys, then bias_k, then the zero key; else `undefined`
   * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for arguments that do not fit, `ERR_DISPOSED`
   */
  forward(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    options: MultiheadAttentionForwardOptions = {},
  ): [attn_output: Tensor, attn_output_weights: Tensor | undefined] {
    const pass = planForward(this, [query, key, value], readForwardOptions(options));
    return pass.outputs(this.#layer.forwardSync(pass.query, pass.key, pass.value, pass.options));
  }

  /**
   * The same off the event loop; an abort of `signal` rejects with the signal's reason.
   *
   * @throws as `forward`
   *
   * @example
   * ```ts
   * import { tensor } from "wasm-attention";
   * import { MultiheadAttention } from "wasm-attention/torch";
   * const mha = new MultiheadAttention(4, 2);
   * const x = tensor(new Float32Array(3 * 1 * 4), [3, 1, 4]); // three tokens, a batch of one
   * const attn_mask = tensor(Uint8Array.of(0, 1, 1, 0, 0, 1, 0, 0, 0), [3, 3]); // 1 = ignore: causal
   * const [, weights] = await mha.forward_async(x, x, x, { attn_mask, is_causal: true });
   * console.log(weights?.data.subarray(0, 6)); // Float32Array(6) [ 1, 0, 0, 0.5, 0.5, 0 ]
   * ```
   */
  async forward_async(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    options: MultiheadAttentionForwardOptions & Pick<CallOptions, "signal"> = {},
  ): Promise<[attn_output: Tensor, attn_output_weights: Tensor | undefined]> {
    const { signal, ...rest } = readForwardOptions(options);
    const pass = planForward(this, [query, key, value], rest);
    const result: Promise<ForwardResult> = this.#layer.forward(pass.query, pass.key, pass.value, {
      ...pass.options,
      signal,
    });
    return pass.outputs(await result);
  }

  /** Gives the memory of the packed weights back. Twice is fine. */
  dispose(): void {
    this.#layer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
