import { engineFor } from "../default-engine.ts";
import type { Tensor } from "../tensor.ts";
import type { TensorLike } from "../tensor-like.ts";
import { planLinearAttention } from "./linear-attention-call.ts";
import { type RunOptions, readRunOptions } from "./run-options.ts";

/** Inputs of ONNX's LinearAttention, by ONNX's names. Absent ones may be left out or `null`. */
export interface LinearAttentionInputs {
  /** `[B, L, H*E]`, with H = `q_num_heads`. */
  readonly query: TensorLike;
  /** `[B, L, K*E]`, with K = `kv_num_heads`, which divides H. */
  readonly key: TensorLike;
  /** `[B, L, K*V]`. */
  readonly value: TensorLike;
  /** `[B, K, E, V]`: the state before the first token. Default: zeros. */
  readonly past_state?: TensorLike | null | undefined;
  /** `[B, L, K*E]`, or `[B, L, K]` for all of a head's rows: the natural logarithm of what is kept of the state. */
  readonly decay?: TensorLike | null | undefined;
  /** `[B, L, K]`, or `[B, L, 1]` for all heads: how much of a difference the delta rule writes. */
  readonly beta?: TensorLike | null | undefined;
  /** `[B, L, K*E]`: factor on the key under which the delta rule looks up what is stored. Default 1. */
  readonly erase_gate?: TensorLike | null | undefined;
}

/** How a token changes the state of ONNX's LinearAttention. */
export type UpdateRule = "linear" | "gated" | "delta" | "gated_delta";

/** Attributes of ONNX's LinearAttention, by ONNX's names. */
export interface LinearAttentionAttributes {
  /** H. */
  readonly q_num_heads: number;
  /** K. */
  readonly kv_num_heads: number;
  /** The gated rules need `decay`, the delta rules `beta`; neither goes with the others. Default `"gated_delta"`. */
  readonly update_rule?: UpdateRule | undefined;
  /** Factor on the output. Default, also for 0: 1/sqrt(E). */
  readonly scale?: number | undefined;
  /** A hint for implementations that take some tokens at a time. Read, and without effect. */
  readonly chunk_size?: number | undefined;
}

/** Outputs of ONNX's LinearAttention, by ONNX's names. */
export interface LinearAttentionOutputs {
  /** `[B, L, H*V]`. */
  readonly output: Tensor;
  /** `[B, K, E, V]`: the state after the last token. */
  readonly present_state: Tensor;
}

/**
 * Linear attention as ONNX defines it (https://onnx.ai/onnx/operators/onnx__LinearAttention.html), opset 27, here and
 * now: in place of all past keys and values, each key/value head keeps a state S of E x V numbers ("Transformers are
 * RNNs", Katharopoulos et al., 2020), and its cost does not grow with what went before.
 *
 * At each token S = exp(decay) S where the rule is gated; then S = S + k w^T, where w is v, or with the delta rules
 * beta (v - S^T (erase_gate k)) ("Gated Delta Networks", Yang et al., 2024); then output = scale S^T q, where query head
 * h reads the state of head floor(h / (H/K)). Everything is float32; float16 tensors are to be widened first. Tokens in
 * one call, or in several that hand the state on, give the same bits.
 *
 * @param inputs query, key, value, and what of the optional inputs the rule needs
 * @param attributes the node's attributes; `q_num_heads` and `kv_num_heads` are needed
 * @param options the engine that computes
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for inputs and attributes that do not fit, by ONNX's
 *   names, `ERR_MEMORY`
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { linearAttention } from "wasm-attention/onnx";
 * const key = tensor([1, 0, 0, 1, 1, 0], [1, 3, 2]); // three tokens; the third has the first one's key
 * const value = tensor([5, 6, 7], [1, 3, 1]);
 * const heads = { q_num_heads: 1, kv_num_heads: 1, scale: 1 };
 * const sum = linearAttention({ query: key, key, value }, { ...heads, update_rule: "linear" });
 * console.log(sum.output.data); // Float32Array(3) [ 5, 6, 12 ]
 * const beta = tensor([1, 1, 1], [1, 3, 1]);
 * const replaced = linearAttention({ query: key, key, value, beta }, { ...heads, update_rule: "delta" });
 * console.log(replaced.output.data); // Float32Array(3) [ 5, 6, 7 ]
 * ```
 */
export function linearAttention(
  inputs: LinearAttentionInputs,
  attributes: LinearAttentionAttributes,
  options: RunOptions = {},
): LinearAttentionOutputs {
  const { runtime } = engineFor(readRunOptions(options));
  return runtime.runSync(planLinearAttention(inputs, attributes, runtime.sizes));
}

/**
 * The same off the event loop.
 *
 * @param options the engine that computes, and a signal that stops the call
 * @throws as `linearAttention`; an abort rejects with the signal's reason
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { linearAttentionAsync } from "wasm-attention/onnx";
 * const past_state = tensor([8, 4], [1, 1, 1, 2]); // one key, two columns
 * const [query, key] = [tensor([1], [1, 1, 1]), tensor([1], [1, 1, 1])];
 * const value = tensor([3, 3], [1, 1, 2]);
 * const decay = tensor([Math.log(0.5)], [1, 1, 1]); // half of the state is forgotten
 * const { present_state } = await linearAttentionAsync(
 *   { query, key, value, past_state, decay },
 *   { q_num_heads: 1, kv_num_heads: 1, update_rule: "gated" },
 *   { signal: AbortSignal.timeout(10_000) },
 * );
 * console.log(present_state.data); // Float32Array(2) [ 7, 5 ]
 * ```
 */
export async function linearAttentionAsync(
  inputs: LinearAttentionInputs,
  attributes: LinearAttentionAttributes,
  options: RunOptions = {},
): Promise<LinearAttentionOutputs> {
  const run = readRunOptions(options);
  const { runtime } = engineFor(run);
  return runtime.run(planLinearAttention(inputs, attributes, runtime.sizes), run.signal);
}
