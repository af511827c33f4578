/**
 * Attention for long sequences as the literature names it: patterns of blocks (BigBird, Longformer), shorter keys
 * (Linformer), random features (Performer). None of these computes what exact attention computes;
 * docs/efficient-attention.md says how far off they are, what they cost and from which length they pay.
 *
 * @module
 */
export type { EfficientAttentionResult } from "../calls/efficient-attention.ts";
export { type BigBirdOptions, bigBird } from "./big-bird.ts";
export { type LinformerOptions, linformerAttention, linformerAttentionSync } from "./linformer.ts";
export { poolingProjection, randomProjection } from "./linformer-projections.ts";
export { type LongformerOptions, longformer } from "./longformer.ts";
export { orthogonalRandomFeatures } from "./orthogonal-random-features.ts";
export { type PerformerOptions, performerAttention, performerAttentionSync } from "./performer.ts";
