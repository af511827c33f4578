/**
 * ONNX's operators by ONNX's names, argument by argument: thin translations to the operators of this package.
 *
 * @module
 */
export {
  type AttentionInputs,
  type AttentionOutputs,
  attention,
  attentionAsync,
} from "./attention.ts";
export type { AttentionAttributes } from "./attention-attributes.ts";
export {
  type LinearAttentionAttributes,
  type LinearAttentionInputs,
  type LinearAttentionOutputs,
  linearAttention,
  linearAttentionAsync,
  type UpdateRule,
} from "./linear-attention.ts";
export { type MatMulInputs, type MatMulOutputs, matMul, matMulAsync } from "./mat-mul.ts";
export {
  type RotaryEmbeddingAttributes,
  type RotaryEmbeddingInputs,
  type RotaryEmbeddingOutputs,
  rotaryEmbedding,
} from "./rotary-embedding.ts";
export type { RunOptions } from "./run-options.ts";
export {
  type SoftmaxAttributes,
  type SoftmaxInputs,
  type SoftmaxOutputs,
  softmax,
  softmaxAsync,
} from "./softmax.ts";
