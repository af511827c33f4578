/**
 * The reference: every operator in plain TypeScript and float64, slow and readable. It is what the kernels
 * are tested against, and the place to read what they compute. It is no speed baseline.
 *
 * @module
 */
export type { RelativeBias, ScoreOptions as ReferenceAttentionOptions } from "../attention-options.ts";
export type {
  LinformerScoreOptions as ReferenceLinformerOptions,
  PerformerScoreOptions as ReferencePerformerOptions,
} from "../efficient-options.ts";
export type { StatisticsScoreOptions as ReferenceStatisticsOptions } from "../statistics-options.ts";
export type { RolloutSettings as ReferenceRolloutOptions } from "../validate/rollout.ts";
export { attentionRollout } from "./attention-rollout.ts";
export { attentionStatistics, type ReferenceStatistics } from "./attention-statistics.ts";
export type { ReferenceStateDict } from "./layer-weights.ts";
export {
  linearAttention,
  type ReferenceLinearAttention,
  type ReferenceLinearAttentionOptions,
} from "./linear-attention.ts";
export { linformerAttention } from "./linformer-attention.ts";
export { matmul, type ReferenceMatmulOptions } from "./matmul.ts";
export { mergeAttention, type ReferenceMergeOptions, type ReferencePart } from "./merge-attention.ts";
export {
  multiHeadAttention,
  type ReferenceLayerConfig,
  type ReferenceLayerOptions,
  type ReferenceLayerResult,
} from "./multi-head-attention.ts";
export { performerAttention } from "./performer-attention.ts";
export { type ReferenceAttention, scaledDotProductAttention } from "./scaled-dot-product-attention.ts";
export { sinusoidalPositions } from "./sinusoidal-positions.ts";
export { type ReferenceSoftmaxOptions, softmax } from "./softmax.ts";
export type { ReferenceInput, ReferenceTensor } from "./tensor.ts";
