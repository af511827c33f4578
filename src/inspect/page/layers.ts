import { describe } from "../../describe.ts";
import { AttentionError } from "../../errors.ts";
import { shapeError } from "../../tensor.ts";
import { unreadable } from "../../tensor-like.ts";
import { isArray } from "../../typed-array.ts";
import { type FloatTensor, float32or64, readFloats } from "../../validate/floats.ts";
import { readEach } from "../../validate/lists.ts";
import { readOptions } from "../../validate/options.ts";
import { MOST_TOKENS, type PageOptions } from "./options.ts";

/** A layer's weights, as `toHtml` takes them. */
export interface AttentionLayer {
  /** What the page calls it. Default: "Layer" and its number, counted from 0. */
  readonly name?: string | undefined;
  /**
   * `[H, L, S]`, `[B, H, L, S]` of which the entry `batch` is shown, or `[L, S]`; or a function that makes them when their
   * turn has come, so that only one layer's weights are there at a time.
   */
  readonly weights: FloatTensor | (() => FloatTensor | Promise<FloatTensor>);
}

/** A layer, or the weights of one that needs no name. */
export type LayerLike = AttentionLayer | FloatTensor;

const names: ReadonlySet<string> = new Set(["name", "weights"]);

export interface LayerSizes {
  readonly H: number;
  readonly L: number;
  readonly S: number;
}

/** One layer of checked sizes: `data` is `[H, L, S]`. */
export interface LayerWeights extends LayerSizes {
  readonly data: Float32Array | Float64Array;
}

/** A layer that may not be there yet. */
export interface LayerSource {
  readonly name: string | null;
  /** What errors call its weights. */
  readonly argument: string;
  readonly take: () => LayerWeights | Promise<LayerWeights>;
}

/**
 * Reads layers, those that are there at once and others when they are taken.
 *
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for what is no list of layers, or does not fit its tokens
 */
export function readLayers(layers: LayerLike | readonly LayerLike[], options: PageOptions): LayerSource[] {
  const isList = isArray(layers);
  let first: LayerSizes | undefined;
  const check = (argument: string, tensor: unknown): LayerWeights => {
    const weights = readWeights(argument, tensor, options, first);
    // Sizes alone: the weights may be gone when the next layer is made.
    first ??= { H: weights.H, L: weights.L, S: weights.S };
    return weights;
  };
  const list = isList ? (layers as readonly LayerLike[]) : [layers as LayerLike];
  const read = readEach("layers", list, (layer, n) => {
    const of = isList ? `layers[${n}]` : "layers";
    const argument = isTensor(layer, of) ? of : `${of}.weights`;
    const { name = null, weights } =
      argument === of ? { weights: layer as FloatTensor } : readLayer(layer, of);
    if (typeof weights === "function")
      return { name, argument, take: async () => check(argument, await weights()) };
    const read = check(argument, weights);
    return { name, argument, take: () => read };
  });
  if (read.length > 0) return read;
  throw new AttentionError("ERR_OPTION", '"layers" expected at least one layer, got none');
}

/** Whether these are weights themselves. */
function isTensor(layer: unknown, of: string): layer is FloatTensor {
  try {
    return typeof layer === "object" && layer !== null && "data" in layer;
  } catch (cause) {
    throw unreadable(of, cause);
  }
}

function readLayer(layer: unknown, of: string): AttentionLayer {
  if (typeof layer !== "object" || layer === null)
    throw new AttentionError(
      "ERR_OPTION",
      `"${of}" expected a tensor or { weights, name? }, got ${describe(layer)}`,
    );
  const { name, weights } = readOptions(layer as AttentionLayer, names, of);
  if (name !== undefined && typeof name !== "string")
    throw new AttentionError("ERR_OPTION", `"${of}.name" expected a string, got ${describe(name)}`);
  return { name, weights };
}

function readWeights(
  argument: string,
  tensor: unknown,
  { batch, queryTokens, keyTokens }: PageOptions,
  first: LayerSizes | undefined,
): LayerWeights {
  const { data, shape } = readFloats(argument, tensor, float32or64);
  const [S, L, H, B] = [...shape].reverse().concat(1, 1);
  if (shape.length < 2 || shape.length > 4)
    throw shapeError(argument, "shape [H, L, S], [B, H, L, S] or [L, S]", shape);
  if (!(B! > 0 && H! > 0 && L! > 0 && S! > 0) || L! > MOST_TOKENS || S! > MOST_TOKENS)
    throw shapeError(argument, `sizes from 1 on, and L and S up to ${MOST_TOKENS}`, shape);
  if (batch >= B!)
    throw new AttentionError(
      "ERR_OPTION",
      `"batch" expected less than B=${B} of "${argument}", got ${batch}`,
    );
  if (first !== undefined && (L !== first.L || S !== first.S))
    throw shapeError(argument, `L=${first.L} and S=${first.S}, those of the first layer`, shape);
  checkCount("query", "L", L!, queryTokens, keyTokens);
  checkCount("key", "S", S!, keyTokens, queryTokens);
  const size = H! * L! * S!;
  return { data: data.subarray(batch * size, (batch + 1) * size), H: H!, L: L!, S: S! };
}

/** A list that stands for both is named so. */
function checkCount(
  side: "query" | "key",
  letter: string,
  size: number,
  tokens: readonly string[] | undefined,
  others: readonly string[] | undefined,
): void {
  if (tokens === undefined || tokens.length === size) return;
  const name = tokens === others ? "tokens" : `${side}Tokens`;
  throw new AttentionError(
    "ERR_SHAPE",
    `"${name}" expected ${letter}=${size} strings, one for each ${side}, got ${tokens.length}`,
  );
}
