/**
 * The numbers behind a picture of attention: statistics without the matrix of weights, maps of it, rollout through layers,
 * knock-outs, and the form in which BertViz takes weights; and the pictures themselves. docs/inspect.md shows them.
 *
 * @module
 */
export {
  type AttentionMaps,
  attentionMaps,
  type MapOptions,
  type MapScale,
  quantizeWeights,
} from "./attention-maps.ts";
export { attentionRollout, attentionRolloutSync, type RolloutOptions } from "./attention-rollout.ts";
export {
  type AttentionStatistics,
  attentionStatistics,
  attentionStatisticsSync,
  type StatisticsOptions,
} from "./attention-statistics.ts";
export { type BertVizOptions, type BertVizParameters, type BertVizView, bertViz } from "./bert-viz.ts";
export type { ColourMap } from "./heat-map/colour-maps.ts";
export type { SvgOptions } from "./heat-map/options.ts";
export { toSvg } from "./heat-map/to-svg.ts";
export { type KnockOut, type KnockOutSizes, knockOutMask } from "./knock-out.ts";
export { type AttentionLayer, type HtmlOptions, type LayerLike, toHtml } from "./to-html.ts";
