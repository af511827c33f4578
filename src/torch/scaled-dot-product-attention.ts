import type { MaskLike } from "../attention-options.ts";
import type { AttentionOptions } from "../calls/attention.ts";
import type { CallOptions } from "../calls/call-options.ts";
import { engineFor } from "../default-engine.ts";
import { AttentionError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { readTensor, type TensorLike } from "../tensor-like.ts";
import { readMask } from "../validate/mask.ts";
import { checkFlag, checkFloat, checkNumber, readOptions } from "../validate/options.ts";
import { flattenHeads, flattenMask } from "./flatten.ts";

/** A mask: `Uint8Array` data stands for PyTorch's booleans, `Float32Array` data is added to the scores. */
export type TorchMask = TensorLike<Uint8Array> | TensorLike<Float32Array>;

/** The arguments that PyTorch takes by keyword, and where the call runs. */
export interface ScaledDotProductAttentionOptions extends CallOptions {
  /** Factor on query and key's product. Default 1/sqrt(E). */
  readonly scale?: number | null | undefined;
  /** Query heads share key/value heads in groups: head h uses head floor(h / (Hq/H)). Default false. */
  readonly enable_gqa?: boolean | undefined;
}

const names: ReadonlySet<string> = new Set(["scale", "enable_gqa", "engine", "signal"]);

/**
 * `torch.nn.functional.scaled_dot_product_attention`
 * (https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html), here and now:
 * softmax(scale Q K^T + attn_mask) V. A boolean mask says 1 = attend, as there. A query with no key to attend to gives
 * zeros, where PyTorch gives NaN (some of its newer kernels give zeros too).
 *
 * @param query `[..., Hq, L, E]`, with any number of leading dimensions; those of query, key and value broadcast
 * @param key `[..., H, S, E]`
 * @param value `[..., H, S, Ev]`
 * @param attn_mask broadcast to `[..., Hq, L, S]`; not together with `is_causal`
 * @param dropout_p must be 0: this is inference
 * @param is_causal query i attends to keys 0 to i, also where L and S differ
 * @returns `[..., Hq, L, Ev]`
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for arguments that do not fit, `ERR_MEMORY`
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { scaled_dot_product_attention } from "wasm-attention/torch";
 * const x = tensor([1, 1, 1, 1], [2, 2]); // two equal tokens
 * const value = tensor([2, 4, 6, 8], [2, 2]);
 * const y = scaled_dot_product_attention(x, x, value, null, 0, true, { scale: 1 });
 * console.log(y.shape, y.data); // [ 2, 2 ] Float32Array(4) [ 2, 4, 4, 6 ]
 * ```
 */
export function scaled_dot_product_attention(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  attn_mask: TorchMask | null = null,
  dropout_p: number = 0,
  is_causal: boolean = false,
  options: ScaledDotProductAttentionOptions = {},
): Tensor {
  const keywords = readOptions(options, names);
  const call = translate([query, key, value], { attn_mask, dropout_p, is_causal }, keywords);
  const { output } = engineFor(keywords).scaledDotProductAttentionSync(
    call.query,
    call.key,
    call.value,
    call.options,
  );
  return new Tensor(output.data, call.shape);
}

/**
 * The same off the event loop; an abort of `signal` rejects with the signal's reason.
 *
 * @throws as `scaled_dot_product_attention`
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { scaled_dot_product_attention_async } from "wasm-attention/torch";
 * const query = tensor(new Float32Array(8 * 3 * 4), [8, 3, 4]); // 8 query heads on 2 key/value heads
 * const key = tensor(new Float32Array(2 * 5 * 4), [2, 5, 4]);
 * const y = await scaled_dot_product_attention_async(query, key, key, null, 0, false, { enable_gqa: true });
 * console.log(y.shape); // [ 8, 3, 4 ]
 * ```
 */
export async function scaled_dot_product_attention_async(
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  attn_mask: TorchMask | null = null,
  dropout_p: number = 0,
  is_causal: boolean = false,
  options: ScaledDotProductAttentionOptions = {},
): Promise<Tensor> {
  const keywords = readOptions(options, names);
  const call = translate([query, key, value], { attn_mask, dropout_p, is_causal }, keywords);
  const { output } = await engineFor(keywords).scaledDotProductAttention(call.query, call.key, call.value, {
    ...call.options,
    signal: keywords.signal,
  });
  return new Tensor(output.data, call.shape);
}

interface Arguments {
  readonly attn_mask: TorchMask | null;
  readonly dropout_p: number;
  readonly is_causal: boolean;
}

interface Translated {
  readonly query: TensorLike;
  readonly key: TensorLike;
  readonly value: TensorLike;
  readonly options: AttentionOptions;
  readonly shape: readonly number[];
}

/** Checks the arguments by PyTorch's names and rules, and gives those of this package. */
function translate(
  [query, key, value]: readonly [TensorLike, TensorLike, TensorLike],
  { attn_mask: mask, dropout_p, is_causal }: Arguments,
  { scale, enable_gqa = false }: ScaledDotProductAttentionOptions,
): Translated {
  checkFlag("is_causal", is_causal);
  checkFlag("enable_gqa", enable_gqa);
  checkNumber("dropout_p", dropout_p);
  if (dropout_p !== 0)
    throw new AttentionError("ERR_OPTION", `"dropout_p" expected 0, as this is inference, got ${dropout_p}`);
  if (is_causal && mask !== null)
    throw new AttentionError("ERR_OPTION", '"attn_mask" cannot be combined with "is_causal"');
  if (scale !== undefined && scale !== null) checkFloat("scale", scale);
  const attn_mask = mask === null ? null : readMask("attn_mask", mask);
  const heads = flattenHeads(
    readTensor("query", query),
    readTensor("key", key),
    readTensor("value", value),
    enable_gqa,
  );
  return {
    ...heads,
    options: {
      mask: attn_mask ? flattenMask(attn_mask as MaskLike, heads.scores) : undefined,
      causal: is_causal,
      scale: scale ?? undefined,
    },
  };
}
