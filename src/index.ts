/**
 * Fast exact attention on WebAssembly SIMD.
 *
 * @module
 */
export { alibiSlopes } from "./alibi.ts";
export type {
  CuSeqlens,
  Layout,
  MaskLike,
  RelativeBias,
  ScoreOptions,
  Similarity,
} from "./attention-options.ts";
export {
  BlockMask,
  type BlockMaskSizes,
  createBlockMask,
  createBlockMaskAsync,
  type MaskPredicate,
} from "./block-mask.ts";
export type { CallTrace } from "./call-trace.ts";
export { Embedding, type EmbeddingOptions } from "./embedding.ts";
export {
  createEngine,
  type Engine,
  type EngineInfo,
  type EngineOptions,
  type KernelChoice,
  type KernelSet,
} from "./engine.ts";
export { AttentionError, type AttentionErrorCode } from "./errors.ts";
export { type AppendOptions, type CacheType, KVCache, type KVCacheOptions } from "./kv-cache.ts";
export { type MatmulOptions, matmul, matmulSync } from "./matmul.ts";
export {
  type AttentionPart,
  type MergedAttention,
  type MergeOptions,
  mergeAttention,
  mergeAttentionSync,
} from "./merge-attention.ts";
export {
  type ForwardOptions,
  type ForwardResult,
  type FromStateDictOptions,
  type HeadMask,
  type LayerRotary,
  type LayerScoreOptions,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
  type StateDict,
} from "./multi-head-attention.ts";
export { LearnedPositions, type LearnedPositionsOptions, sinusoidalPositions } from "./positions.ts";
export { applyRotary, type RotaryOptions, type RotaryTableOptions } from "./rotary.ts";
export type { RotaryScaling } from "./rotary-tables.ts";
export {
  type AttentionOptions,
  type AttentionResult,
  scaledDotProductAttention,
  scaledDotProductAttentionSync,
} from "./scaled-dot-product-attention.ts";
export { type SoftmaxOptions, softmax, softmaxSync } from "./softmax.ts";
export { Tensor, tensor } from "./tensor.ts";
export type { TensorData, TensorLike, VectorLike } from "./tensor-like.ts";
