// How a layer's scores are made, beyond its masks: settings that a model is trained with.

import type { RelativeBias } from "../attention-options.ts";
import { AttentionError } from "../errors.ts";
import { checkFloat, checkWhole } from "../validate/options.ts";
import { type BucketTable, readRelativeBias } from "../validate/relative-bias.ts";
import { given } from "../validate/score-options.ts";

/** How a layer makes its scores. */
export interface LayerScoreOptions {
  /** Factor on the products of queries and keys; 1 in T5. Default 1 / sqrt(D). */
  readonly scale?: number | undefined;
  /** T5's learned bias by distance; the table is copied. Default none. */
  readonly relativeBias?: RelativeBias | undefined;
  /** A query attends to no key but its own and the `window` - 1 before it, as in Mistral. Default unbounded. */
  readonly window?: number | undefined;
}

/** @internal Names of the options, for the checks of those that take them. */
export const scoreNames: readonly string[] = ["scale", "relativeBias", "window"];

/** @internal Checked. */
export interface LayerScores {
  readonly scale: number;
  readonly relativeBias: BucketTable | undefined;
  /** Keys that a query sees; 0 = all. */
  readonly window: number;
}

/** @internal Checks a layer's score options. `extra` says whether it appends keys, which have no distance. */
export function readLayerScores(
  { scale, relativeBias, window }: LayerScoreOptions,
  { numHeads, headDim }: { readonly numHeads: number; readonly headDim: number },
  extra: boolean,
): LayerScores {
  if (scale !== undefined) checkFloat("scale", scale);
  if (window !== undefined) checkWhole("window", window, 1);
  if (extra && (relativeBias !== undefined || window !== undefined))
    throw new AttentionError(
      "ERR_OPTION",
      `"${relativeBias === undefined ? "window" : "relativeBias"}" cannot be combined with addBiasKv or addZeroAttn`,
    );
  const table = given(relativeBias, (bias) => readRelativeBias(bias, numHeads));
  return {
    scale: scale ?? 1 / Math.sqrt(headDim),
    relativeBias: table && { ...table, data: (table.data as Float32Array).slice() },
    window: window ?? 0,
  };
}
