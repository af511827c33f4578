/** What a case computes, apart from who computes it: sizes and inputs. */
import type { AttentionInputs, AttentionSize } from "#baselines/problem";

export type { AttentionInputs, AttentionSize } from "#baselines/problem";

/** `[M, K] x [K, N]`. */
export interface MatmulSize {
  readonly M: number;
  readonly K: number;
  readonly N: number;
}

/** Softmax of every row. */
export interface SoftmaxSize {
  readonly rows: number;
  readonly columns: number;
}

/** Self-attention of L tokens of size `embedDim` in H heads, with its four projections and their biases. */
export interface LayerSize {
  readonly L: number;
  readonly embedDim: number;
  readonly H: number;
}

/** Weights `[out, in]` as PyTorch keeps them, those of query, key and value one below the other. */
export interface LayerInputs {
  readonly x: Float32Array;
  readonly inWeight: Float32Array;
  readonly inBias: Float32Array;
  readonly outWeight: Float32Array;
  readonly outBias: Float32Array;
}

export interface MatmulInputs {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** In a `decode` the last key and value are the new token's: a cache holds the others when the step begins. */
export type Problem =
  | { readonly kind: "attention" | "decode"; readonly size: AttentionSize; readonly inputs: AttentionInputs }
  | { readonly kind: "layer"; readonly size: LayerSize; readonly inputs: LayerInputs }
  | { readonly kind: "matmul"; readonly size: MatmulSize; readonly inputs: MatmulInputs }
  | { readonly kind: "softmax"; readonly size: SoftmaxSize; readonly inputs: { readonly x: Float32Array } };
