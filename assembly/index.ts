// The only file with exports: one function a kernel, (parameters, tile, scratch, step), and the sizes that the
// planner must know.

export { appendTile as append } from "./append";
export { attentionTile as attention } from "./attention";
export { attentionStatisticsTile as attentionStatistics } from "./attention-statistics";
export { copyTile as copy } from "./copy";
export { linearAttentionTile as linearAttention } from "./linear-attention";
export { matmulTile as matmul } from "./matmul";
export { mergeTile as merge } from "./merge";
export { packTile as pack } from "./pack";
export { quotientTile as quotient } from "./quotient";
export { randomFeaturesTile as randomFeatures } from "./random-features";
export { rotaryTile as rotary } from "./rotary";
export { softmaxTile as softmax } from "./softmax";
export { weightedValuesTile as weightedValues } from "./weighted-values";

// Exported so that the optimizer keeps them functions of their own, with all registers to themselves: inlined into one
// driver they run a third slower on Node 20.
export * from "./generated/tiles";
export { deltaToken8, gatedDeltaToken8, gatedToken8, gatedTokens2x8, linearToken8, linearTokens2x8 } from "./linear-attention-token";
