// The only file with exports: one function a kernel, (parameters, tile, scratch, step), and the sizes that the
// planner must know.

export { attentionTile as attention } from "./attention";
export { copyTile as copy } from "./copy";
export { matmulTile as matmul } from "./matmul";
export { mergeTile as merge } from "./merge";
export { packTile as pack } from "./pack";
export { rotaryTile as rotary } from "./rotary";
export { softmaxTile as softmax } from "./softmax";

// Exported so that the optimizer keeps them functions of their own, with all registers to themselves: inlined into one
// driver they run a third slower on Node 20.
export * from "./generated/tiles";
