import { AttentionError } from "../errors.ts";
import { shapeError } from "../tensor.ts";
import type { TensorLike } from "../tensor-like.ts";
import { float32, readFloats } from "../validate/floats.ts";
import { readEach } from "../validate/lists.ts";
import { checkChoice, checkMost, checkWhole, readOptions } from "../validate/options.ts";
import { checkText, checkTexts } from "../validate/texts.ts";

/** One of the attentions that BertViz lets its user choose among: the encoder's, the decoder's, the one across. */
export interface BertVizView {
  /** Weights of each layer, first to last: `[H, L, S]`, or `[1, H, L, S]`. */
  readonly layers: readonly TensorLike[];
  /** The L tokens that look, drawn on the left. */
  readonly leftText: readonly string[];
  /** The S tokens that are looked at. Default: those on the left. */
  readonly rightText?: readonly string[] | undefined;
  /** What the choice is called. Default: none. */
  readonly name?: string | undefined;
}

/** How numbers are written, and what BertViz shows first. */
export interface BertVizOptions {
  /** Decimals of a weight, from 1 to 9: the file's size. Default 4. */
  readonly digits?: number | undefined;
  /** Id of the element that the picture is drawn into. Default `"bertviz"`. */
  readonly rootDivId?: string | undefined;
  readonly displayMode?: "light" | "dark" | undefined;
}

/** The parameters of BertViz's scripts, in their own names. */
export interface BertVizParameters {
  readonly attention: readonly {
    readonly name: string | null;
    /** `[layers][heads][L][S]`. */
    readonly attn: readonly (readonly (readonly (readonly number[])[])[])[];
    readonly left_text: readonly string[];
    readonly right_text: readonly string[];
  }[];
  readonly default_filter: string;
  readonly root_div_id: string;
  readonly display_mode: "light" | "dark";
  readonly layer: number | null;
  readonly heads: readonly number[] | null;
  readonly include_layers: readonly number[];
  readonly include_heads: readonly number[];
  readonly total_heads: number;
}

const optionNames: ReadonlySet<string> = new Set<keyof BertVizOptions>([
  "digits",
  "rootDivId",
  "displayMode",
]);
const viewNames: ReadonlySet<string> = new Set<keyof BertVizView>([
  "layers",
  "leftText",
  "rightText",
  "name",
]);
/** More than a browser could lay out by far. */
const mostTokens = 65_535;

/**
 * Weights in the form of BertViz (Vig 2019, "A Multiscale Visualization of Attention in the Transformer Model"): what its
 * `head_view` and `model_view` hand to their scripts in place of `PYTHON_PARAMS`. `JSON.stringify` of it is the file, in
 * which NaN becomes null.
 *
 * @throws AttentionError `ERR_SHAPE` for layers that do not fit each other or their tokens, `ERR_DTYPE`, `ERR_OPTION`
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { bertViz } from "wasm-attention/inspect";
 * const weights = tensor([1, 0, 1 / 3, 2 / 3], [1, 2, 2]);
 * const parameters = bertViz([{ layers: [weights], leftText: ["a", "b"] }], { digits: 3 });
 * console.log(JSON.stringify(parameters.attention[0]?.attn)); // [[[[1,0],[0.333,0.667]]]]
 * ```
 */
export function bertViz(views: readonly BertVizView[], options: BertVizOptions = {}): BertVizParameters {
  const read = readOptions(options, optionNames);
  const { digits = 4, rootDivId = "bertviz", displayMode = "light" } = read;
  checkWhole("digits", digits, 1);
  checkMost("digits", digits, 9);
  checkText("rootDivId", rootDivId);
  checkChoice("displayMode", displayMode, ["light", "dark"]);
  const attention = readEach("views", views, (view) => readView(view, digits));
  const first = attention[0]?.attn ?? [];
  if (first.length === 0)
    throw new AttentionError("ERR_OPTION", '"views" expected at least one with a layer');
  const heads = first[0]!.length;
  for (const { attn } of attention)
    if (attn.length !== first.length || attn.some((layer) => layer.length !== heads))
      throw new AttentionError("ERR_SHAPE", '"views" expected as many layers and heads in all of them');
  return {
    attention,
    default_filter: "0",
    root_div_id: rootDivId,
    display_mode: displayMode,
    layer: null,
    heads: null,
    include_layers: first.map((_, n) => n),
    include_heads: first[0]!.map((_, n) => n),
    total_heads: heads,
  };
}

function readView(view: BertVizView, digits: number): BertVizParameters["attention"][number] {
  const { layers, leftText, rightText = leftText, name = "" } = readOptions(view, viewNames, "views");
  checkText("name", name);
  checkTexts("leftText", leftText, mostTokens);
  checkTexts("rightText", rightText, mostTokens);
  return {
    name: name === "" ? null : name,
    attn: readEach("layers", layers, (layer) => toLists(layer, leftText.length, rightText.length, digits)),
    left_text: leftText,
    right_text: rightText,
  };
}

/** `[heads][L][S]`. */
function toLists(layer: TensorLike, L: number, S: number, digits: number): number[][][] {
  const { data, shape: given } = readFloats("layers", layer, float32);
  const shape = given.length === 4 && given[0] === 1 ? given.slice(1) : given;
  if (shape.length !== 3 || shape[1] !== L || shape[2] !== S)
    throw shapeError("layers", `shape [H, L=${L}, S=${S}], a row for each token`, given);
  const unit = 10 ** digits;
  return Array.from({ length: shape[0]! }, (_, h) =>
    Array.from({ length: L }, (_, i) => {
      const row = (h * L + i) * S;
      return Array.from(data.subarray(row, row + S), (weight) => Math.round(weight * unit) / unit);
    }),
  );
}
