/**
 * Attention layers of published models, found in their checkpoints by name.
 *
 * @module
 */
export type { Checkpoint } from "./checkpoint.ts";
export type { ModelConfig } from "./config.ts";
export type { AttentionFamily } from "./families.ts";
export { type FoundAttention, findAttentionLayers } from "./find.ts";
