import { engineFor } from "../default-engine.ts";
import type { Tensor } from "../tensor.ts";
import type { TensorLike, VectorLike } from "../tensor-like.ts";
import type { AttentionAttributes } from "./attention-attributes.ts";
import { planAttention } from "./attention-call.ts";
import { type RunOptions, readRunOptions } from "./run-options.ts";

/** Inputs of ONNX's Attention, by ONNX's names. Absent ones may be left out or `null`. */
export interface AttentionInputs {
  /** `[B, H, L, E]`, or `[B, L, H*E]` with `q_num_heads`. */
  readonly Q: TensorLike;
  /** `[B, K, S, E]`, or `[B, S, K*E]` with `kv_num_heads`; K divides H. */
  readonly K: TensorLike;
  /** `[B, K, S, V]`, or `[B, S, K*V]`. */
  readonly V: TensorLike;
  /**
   * Boolean (`Uint8Array`, 1 = attend) or additive, right-aligned broadcast to `[B, H, L, P + S]`. Keys that a shorter
   * last dimension leaves out are excluded, also where it is 1.
   */
  readonly attn_mask?: TensorLike<Uint8Array> | TensorLike<Float32Array> | null | undefined;
  /** `[B, K, P, E]`: keys that come before those of `K`. */
  readonly past_key?: TensorLike | null | undefined;
  /** `[B, K, P, V]`. */
  readonly past_value?: TensorLike | null | undefined;
  /** `[B]`: how many keys of each batch entry are no padding (opset 24). Not together with `past_key`. */
  readonly nonpad_kv_seqlen?: VectorLike | null | undefined;
}

/** Outputs of ONNX's Attention, by ONNX's names. */
export interface AttentionOutputs {
  /** `[B, H, L, V]`, or `[B, L, H*V]` where Q has rank 3. */
  readonly Y: Tensor;
  /** `[B, K, P + S, E]`, where `past_key` is given: past and new keys. */
  readonly present_key?: Tensor;
  /** `[B, K, P + S, V]`, where `past_value` is given. */
  readonly present_value?: Tensor;
  /** `[B, H, L, P + S]`, where `qk_matmul_output_mode` is given, 0 included. */
  readonly qk_matmul_output?: Tensor;
}

/**
 * Attention as ONNX defines it (https://onnx.ai/onnx/operators/onnx__Attention.html), opsets 23 to 25, here and now:
 * softmax(softcap(scale Q K^T) + mask) V.
 *
 * Causality and window count from a query's position, its index plus the past's length P, or plus
 * `nonpad_kv_seqlen` - L where that is given. A query without any key gives zeros. Everything is float32, whatever
 * `softmax_precision` says; float16 tensors are to be widened first.
 *
 * @param inputs Q, K, V, and what of the optional inputs there is
 * @param attributes the node's attributes; in rank 3 `q_num_heads` and `kv_num_heads` are needed
 * @param options the engine that computes
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for inputs and attributes that do not fit, by ONNX's
 *   names, `ERR_MEMORY`
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { attention } from "wasm-attention/onnx";
 * const x = tensor([1, 1, 1, 1], [1, 2, 2]); // two equal tokens, one head of size 2
 * const V = tensor([2, 4, 6, 8], [1, 2, 2]);
 * const { Y } = attention({ Q: x, K: x, V }, { q_num_heads: 1, kv_num_heads: 1, is_causal: 1 });
 * console.log(Y.shape, Y.data); // [ 1, 2, 2 ] Float32Array(4) [ 2, 4, 4, 6 ]
 * ```
 */
export function attention(
  inputs: AttentionInputs,
  attributes: AttentionAttributes = {},
  options: RunOptions = {},
): AttentionOutputs {
  const { engine } = readRunOptions(options);
  const { query, key, value, scoring, outputs } = planAttention(inputs, attributes);
  return outputs(engineFor({ engine }).scaledDotProductAttentionSync(query, key, value, scoring));
}

/**
 * The same off the event loop.
 *
 * @param options the engine that computes, and a signal that stops the call
 * @throws as `attention`; an abort rejects with the signal's reason
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { attentionAsync } from "wasm-attention/onnx";
 * const past = tensor(new Float32Array(2 * 5 * 4), [1, 2, 5, 4]); // five tokens of the past
 * const token = tensor(new Float32Array(2 * 1 * 4), [1, 2, 1, 4]);
 * const { present_key } = await attentionAsync(
 *   { Q: token, K: token, V: token, past_key: past, past_value: past },
 *   { is_causal: 1 },
 *   { signal: AbortSignal.timeout(10_000) },
 * );
 * console.log(present_key?.shape); // [ 1, 2, 6, 4 ]
 * ```
 */
export async function attentionAsync(
  inputs: AttentionInputs,
  attributes: AttentionAttributes = {},
  options: RunOptions = {},
): Promise<AttentionOutputs> {
  const { engine, signal } = readRunOptions(options);
  const { query, key, value, scoring, outputs } = planAttention(inputs, attributes);
  return outputs(
    await engineFor({ engine }).scaledDotProductAttention(query, key, value, { ...scoring, signal }),
  );
}
