/** The layer that `explore` runs: its sizes, its weights, and what it makes of a text before attention. */
import { type Engine, MultiHeadAttention } from "../../index.ts";
import { shapeOf, type TensorLike } from "../../tensor-like.ts";
import { CommandError } from "../command-error.ts";
import { readLayerWeights, refusing, type StateDict } from "../files/layer-weights.ts";
import type { ExploreOptions } from "./options.ts";

/** What attends: sizes, and a layer with its parameters unless query, key and value are the text itself. */
export interface Layer {
  readonly heads: number;
  readonly headSize: number;
  readonly embedDim: number;
  readonly module: MultiHeadAttention | undefined;
  readonly stateDict: StateDict | undefined;
}

const usualHeads = 12;
const usualHeadSize = 64;

/** @throws CommandError where the sizes asked for do not go together, or the weights are none. */
export async function makeLayer(options: ExploreOptions, engine: Engine): Promise<Layer> {
  const layer = options.weights === undefined ? seededLayer(options, engine) : await layerOf(options, engine);
  if (options.head !== undefined && options.head >= layer.heads)
    throw new CommandError(
      2,
      `--head expected 0 to ${layer.heads - 1}, the layer's heads, got ${options.head}`,
    );
  return layer;
}

function seededLayer(options: ExploreOptions, engine: Engine): Layer {
  const heads = options.heads ?? usualHeads;
  const headSize = options.headSize ?? usualHeadSize;
  const embedDim = heads * headSize;
  if (options.projections === "none")
    return { heads, headSize, embedDim, module: undefined, stateDict: undefined };
  const module = new MultiHeadAttention({ embedDim, numHeads: heads, seed: options.seed + 1, engine });
  return { heads, headSize, embedDim, module, stateDict: module.toStateDict() };
}

async function layerOf(options: ExploreOptions, engine: Engine): Promise<Layer> {
  const { stateDict } = await readLayerWeights(options.weights!, options.prefix);
  const embedDim = selfAttending(stateDict, options.weights!);
  const heads = options.heads ?? embedDim / (options.headSize ?? usualHeadSize);
  const headSize = embedDim / heads;
  // How a width is cut into heads does not stand in the weights.
  if (!Number.isInteger(heads) || !Number.isInteger(headSize) || headSize !== (options.headSize ?? headSize))
    throw new CommandError(
      2,
      `--heads expected a divisor of ${embedDim}, the embedding size of ${options.weights}` +
        `${options.headSize === undefined ? "" : `, that leaves heads of ${options.headSize}`}, got ${options.heads ?? "none"}`,
    );
  const module = refusing(options.weights!, () =>
    MultiHeadAttention.fromStateDict(stateDict, { numHeads: heads, engine }),
  );
  return { heads, headSize, embedDim, module, stateDict };
}

/** The embedding size of a layer whose keys and values are as wide as its queries. */
function selfAttending(stateDict: StateDict, path: string): number {
  const embedDim = stateDict["out_proj.weight"]!.shape[0] ?? 0;
  for (const name of ["k_proj_weight", "v_proj_weight"]) {
    const size = stateDict[name]?.shape[1];
    if (size !== undefined && size !== embedDim)
      throw new CommandError(
        1,
        `${path} is a layer for cross-attention: "${name}" expected ${embedDim} columns, got ${size}`,
      );
  }
  return embedDim;
}

/** What the attention operator gets. Shape letters: L tokens, S keys, H heads, E head size. */
export interface Heads {
  /** `[1, L, H, E]` */
  readonly query: TensorLike;
  /** `[1, S, H, E]` */
  readonly key: TensorLike;
  /** `[1, S, H, E]` */
  readonly value: TensorLike;
  readonly L: number;
  readonly S: number;
  readonly H: number;
  readonly E: number;
  /** How many keys stand before the text's own: 1 where the weights have a bias_k, else 0. */
  readonly leading: 0 | 1;
  readonly causal: boolean;
}

/** Query, key and value of every head: the projections of the layer, or the embedded text itself. */
export async function splitHeads(
  x: TensorLike,
  layer: Layer,
  causal: boolean,
  engine: Engine,
): Promise<Heads> {
  const { heads: H, headSize: E, embedDim, stateDict } = layer;
  const L = shapeOf(x)[0]!;
  const asHeads = (data: Float32Array): TensorLike => ({ data, shape: [1, data.length / embedDim, H, E] });
  if (stateDict === undefined)
    return {
      query: asHeads(x.data),
      key: asHeads(x.data),
      value: asHeads(x.data),
      L,
      S: L,
      H,
      E,
      leading: 0,
      causal,
    };

  const [query, key, value] = await Promise.all(
    [0, 1, 2].map(async (part) => {
      const { weight, bias } = inputProjection(stateDict, part, embedDim);
      return (await engine.matmul(x, weight, { transposeB: true, bias })).data;
    }),
  );
  // PyTorch appends bias_k and bias_v as a last key that causality never hides. As the first key, with
  // the text's keys one further, it is the same set for every row and needs no mask.
  const biasKey = stateDict.bias_k?.data;
  const biasValue = stateDict.bias_v?.data;
  const leading = biasKey !== undefined && biasValue !== undefined ? 1 : 0;
  return {
    query: asHeads(query!),
    key: asHeads(leading === 1 ? joined(biasKey!, key!) : key!),
    value: asHeads(leading === 1 ? joined(biasValue!, value!) : value!),
    L,
    S: L + leading,
    H,
    E,
    leading,
    causal,
  };
}

/** The weight `[embedDim, embedDim]` and bias of the query's (0), key's (1) or value's (2) projection. */
export function inputProjection(
  stateDict: StateDict,
  part: number,
  embedDim: number,
): { weight: TensorLike; bias: TensorLike | undefined } {
  const block = (name: string, size: number): Float32Array | undefined =>
    stateDict[name]?.data.subarray(part * size, (part + 1) * size);
  const weight =
    block("in_proj_weight", embedDim * embedDim) ?? stateDict[`${"qkv"[part]}_proj_weight`]!.data;
  const bias = block("in_proj_bias", embedDim);
  return {
    weight: { data: weight, shape: [embedDim, embedDim] },
    bias: bias && { data: bias, shape: [embedDim] },
  };
}

function joined(first: Float32Array, rest: Float32Array): Float32Array {
  const all = new Float32Array(first.length + rest.length);
  all.set(first);
  all.set(rest, first.length);
  return all;
}

/** One head's rows, each tensor `[tokens, E]`. */
export interface HeadSlice {
  readonly tokens: number;
  readonly E: number;
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

/** As many as plain JavaScript attends to in a fraction of a second. */
const mostSliceTokens = 256;

/** The first tokens of one head, copied out of `[1, L, H, E]`. */
export function sliceHead(heads: Heads, head: number, most: number = mostSliceTokens): HeadSlice {
  const { query, key, value, L, E, leading } = heads;
  const tokens = Math.min(L, most);
  return {
    tokens,
    E,
    query: headRows(query.data, heads, head, 0, tokens),
    key: headRows(key.data, heads, head, leading, tokens),
    value: headRows(value.data, heads, head, leading, tokens),
  };
}

/** `count` rows of one head from `[rows, H, E]`, as `[count, E]`. */
export function headRows(
  data: Float32Array,
  { H, E }: Pick<Heads, "H" | "E">,
  head: number,
  from: number,
  count: number,
): Float32Array {
  const rows = new Float32Array(count * E);
  for (let i = 0; i < count; i++) {
    const start = ((from + i) * H + head) * E;
    rows.set(data.subarray(start, start + E), i * E);
  }
  return rows;
}
