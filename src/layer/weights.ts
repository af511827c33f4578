// The parameters of a layer, by the names PyTorch's nn.MultiheadAttention gives them.

import { describe, quoted } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { didYouMean } from "../nearest.ts";
import { Random } from "../random.ts";
import { shapeError, Tensor } from "../tensor.ts";
import { readTensor, type TensorData, type TensorLike, takeTensor, unreadable } from "../tensor-like.ts";

/**
 * Tensors by name, as a file holds them; those that a layer reads must be float32. What is `undefined` or `null` is
 * absent.
 */
export type StateDict = Readonly<Record<string, TensorLike<TensorData> | undefined | null>>;

/** Sizes of a layer: E embedDim, D headDim, H query heads, K key/value heads. */
export interface LayerSizes {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headDim: number;
  readonly kdim: number;
  readonly vdim: number;
}

/** y = x weightT + bias: weight `[columns, depth]`, bias `[columns]`. */
export interface Projection {
  readonly weight: Float32Array;
  readonly bias: Float32Array | undefined;
  readonly columns: number;
  readonly depth: number;
}

export interface LayerWeights {
  readonly query: Projection;
  readonly key: Projection;
  readonly value: Projection;
  readonly output: Projection;
  /** One learned key and value that every query may attend to, `[K * D]` each. */
  readonly biasKey: Float32Array | undefined;
  readonly biasValue: Float32Array | undefined;
  /** Weights of the RMS norms of query and key heads, `[D]` each. */
  readonly queryNorm: Float32Array | undefined;
  readonly keyNorm: Float32Array | undefined;
}

/** Columns that query, key and value projections write. */
export function projectionColumns({ numHeads, numKvHeads, headDim }: LayerSizes): {
  query: number;
  key: number;
} {
  return { query: numHeads * headDim, key: numKvHeads * headDim };
}

/** One stacked weight, as PyTorch keeps it where query, key and value are of one size. */
export function isStacked({ embedDim, numHeads, numKvHeads, headDim, kdim, vdim }: LayerSizes): boolean {
  return kdim === embedDim && vdim === embedDim && numHeads === numKvHeads && numHeads * headDim === embedDim;
}

/** The weights a layer starts with, as PyTorch initialises them: Xavier-uniform inputs, biases of zero. */
export function initialWeights(
  sizes: LayerSizes,
  options: {
    readonly bias: boolean;
    readonly addBiasKv: boolean;
    readonly qkNorm: boolean;
    readonly seed: number | undefined;
  },
): LayerWeights {
  const random = new Random(options.seed);
  const columns = projectionColumns(sizes);
  const zeros = (size: number): Float32Array | undefined =>
    options.bias ? new Float32Array(size) : undefined;
  // A stacked weight of [3E, E] is one matrix to Xavier's rule.
  const fanOut = (own: number): number => (isStacked(sizes) ? 3 * sizes.embedDim : own);
  const input = (own: number, depth: number): Projection => {
    const bound = Math.sqrt(6 / (depth + fanOut(own)));
    return { weight: random.fillUniform(own * depth, -bound, bound), bias: zeros(own), columns: own, depth };
  };
  const bound = 1 / Math.sqrt(columns.query);
  const learned = (): Float32Array | undefined =>
    options.addBiasKv ? random.fillNormal(columns.key, Math.sqrt(2 / (columns.key + 1))) : undefined;
  return {
    query: input(columns.query, sizes.embedDim),
    key: input(columns.key, sizes.kdim),
    value: input(columns.key, sizes.vdim),
    output: {
      weight: random.fillUniform(sizes.embedDim * columns.query, -bound, bound),
      bias: zeros(sizes.embedDim),
      columns: sizes.embedDim,
      depth: columns.query,
    },
    biasKey: learned(),
    biasValue: learned(),
    queryNorm: options.qkNorm ? new Float32Array(sizes.headDim).fill(1) : undefined,
    keyNorm: options.qkNorm ? new Float32Array(sizes.headDim).fill(1) : undefined,
  };
}

/** What a state dict does not say of its layer. */
export interface HeadCounts {
  readonly numHeads: number;
  readonly numKvHeads?: number;
}

/**
 * Takes a state dict apart. Sizes, biases, bias_k and bias_v are what is there.
 *
 * @throws AttentionError `ERR_OPTION` for a name that is missing or unknown, `ERR_SHAPE` for sizes that do not fit
 */
export function readStateDict(
  given: StateDict,
  heads: HeadCounts,
): { sizes: LayerSizes; weights: LayerWeights } {
  const state = takeStateDict(given);
  checkPrefix(state);
  checkStateNames(state);
  const stacked = optional(state, "in_proj_weight");
  const separate = ["q_proj_weight", "k_proj_weight", "v_proj_weight"].find((name) => optional(state, name));
  if (stacked && separate)
    throw new AttentionError("ERR_OPTION", `the state dict has both "in_proj_weight" and "${separate}"`);
  const sizes = stacked ? stackedSizes(stacked, heads) : separateSizes(state, heads);
  const columns = projectionColumns(sizes);
  const rows = { query: columns.query, key: columns.key, value: columns.key };
  const bias = optional(state, "in_proj_bias");
  const total = rows.query + rows.key + rows.value;
  if (bias) expectShape("in_proj_bias", bias, [total]);

  let first = 0;
  const input = (name: "query" | "key" | "value", letter: string, depth: number): Projection => {
    const count = rows[name];
    const weight = stacked
      ? stacked.data.slice(first * depth, (first + count) * depth)
      : expectShape(`${letter}_proj_weight`, required(state, `${letter}_proj_weight`), [
          count,
          depth,
        ]).data.slice();
    const part = bias?.data.slice(first, first + count);
    first += count;
    return { weight, bias: part, columns: count, depth };
  };
  const weights: LayerWeights = {
    query: input("query", "q", sizes.embedDim),
    key: input("key", "k", sizes.kdim),
    value: input("value", "v", sizes.vdim),
    output: readOutput(state, sizes.embedDim, columns.query),
    ...readLearned(state, columns.key),
    ...readNorms(state, sizes.headDim),
  };
  return { sizes, weights };
}

/** The state dict of a layer, in PyTorch's form: stacked where PyTorch stacks. The tensors are copies. */
export function writeStateDict(sizes: LayerSizes, weights: LayerWeights): Record<string, Tensor> {
  const state: Record<string, Tensor> = {};
  const inputs = [weights.query, weights.key, weights.value];
  if (isStacked(sizes))
    state.in_proj_weight = new Tensor(concatenate(inputs.map(({ weight }) => weight)), [
      3 * sizes.embedDim,
      sizes.embedDim,
    ]);
  else
    ["q", "k", "v"].forEach((letter, i) => {
      const { weight, columns, depth } = inputs[i]!;
      state[`${letter}_proj_weight`] = new Tensor(weight.slice(), [columns, depth]);
    });
  if (weights.query.bias) {
    const bias = concatenate(inputs.map((input) => input.bias!));
    state.in_proj_bias = new Tensor(bias, [bias.length]);
  }
  if (weights.biasKey && weights.biasValue) {
    state.bias_k = new Tensor(weights.biasKey.slice(), [1, 1, weights.biasKey.length]);
    state.bias_v = new Tensor(weights.biasValue.slice(), [1, 1, weights.biasValue.length]);
  }
  if (weights.queryNorm) state["q_norm.weight"] = new Tensor(weights.queryNorm.slice(), [sizes.headDim]);
  if (weights.keyNorm) state["k_norm.weight"] = new Tensor(weights.keyNorm.slice(), [sizes.headDim]);
  const { weight, bias, columns, depth } = weights.output;
  state["out_proj.weight"] = new Tensor(weight.slice(), [columns, depth]);
  if (bias) state["out_proj.bias"] = new Tensor(bias.slice(), [columns]);
  return state;
}

const stateNames: ReadonlySet<string> = new Set([
  "in_proj_weight",
  "q_proj_weight",
  "k_proj_weight",
  "v_proj_weight",
  "in_proj_bias",
  "bias_k",
  "bias_v",
  "out_proj.weight",
  "out_proj.bias",
  "q_norm.weight",
  "k_norm.weight",
]);

/** @internal A state dict as it is now: each of its tensors read once. */
export function takeStateDict(given: StateDict, what = "the state dict"): StateDict {
  if (typeof given !== "object" || given === null)
    throw new AttentionError("ERR_DTYPE", `${what} expected an object of tensors, got ${describe(given)}`);
  const state: Record<string, StateDict[string]> = Object.create(null);
  let name = "state dict";
  try {
    for (const key of Object.keys(given)) {
      name = key;
      state[key] = takeTensor(key, given[key]) as StateDict[string];
    }
  } catch (cause) {
    throw unreadable(name, cause);
  }
  return state;
}

/** A name that is passed over would be a weight that is not applied. */
function checkStateNames(state: StateDict): void {
  for (const name of Object.keys(state)) {
    if (!stateNames.has(name))
      throw new AttentionError(
        "ERR_OPTION",
        `the state dict has ${quoted(name)}${didYouMean(name, [...stateNames])}; expected ${[...stateNames].join(", ")}`,
      );
  }
}

interface Parameter {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

function optional(state: StateDict, name: string): Parameter | undefined {
  const tensor = state[name];
  if (tensor === undefined || tensor === null) return undefined;
  return readTensor(name, tensor);
}

function required(state: StateDict, name: string): Parameter {
  const tensor = optional(state, name);
  if (tensor === undefined) throw new AttentionError("ERR_OPTION", `the state dict has no "${name}"`);
  return tensor;
}

function expectShape(name: string, parameter: Parameter, shape: readonly number[]): Parameter {
  if (parameter.shape.join() !== shape.join())
    throw shapeError(name, `shape [${shape.join(", ")}]`, parameter.shape);
  return parameter;
}

function stackedSizes(weight: Parameter, { numHeads, numKvHeads = numHeads }: HeadCounts): LayerSizes {
  const E = weight.shape[1] ?? 0;
  if (numKvHeads !== numHeads)
    throw new AttentionError(
      "ERR_OPTION",
      `"numKvHeads" ${describe(numKvHeads)} needs separate weights, not a stacked "in_proj_weight"`,
    );
  expectShape("in_proj_weight", weight, [3 * E, E]);
  checkDivides(numHeads, E, "E");
  return { embedDim: E, numHeads, numKvHeads: numHeads, headDim: E / numHeads, kdim: E, vdim: E };
}

/** Names of a layer inside a model have the model's names before them. */
function checkPrefix(state: StateDict): void {
  const name = Object.keys(state).find((key) => /.\.(in_proj_weight|q_proj_weight)$/.test(key));
  if (name === undefined) return;
  const own = name.slice(name.lastIndexOf(".") + 1);
  throw new AttentionError(
    "ERR_OPTION",
    `the state dict has ${quoted(name)}, not "${own}": take ${quoted(name.slice(0, -own.length))} off its names`,
  );
}

function separateSizes(state: StateDict, { numHeads, numKvHeads = numHeads }: HeadCounts): LayerSizes {
  if (optional(state, "q_proj_weight") === undefined)
    throw new AttentionError("ERR_OPTION", 'the state dict has no "in_proj_weight", and no "q_proj_weight"');
  const query = required(state, "q_proj_weight").shape;
  const key = required(state, "k_proj_weight").shape;
  const value = required(state, "v_proj_weight").shape;
  checkDivides(numHeads, query[0] ?? 0, "rows of q_proj_weight");
  checkDivides(numKvHeads, numHeads, "numHeads", "numKvHeads");
  return {
    embedDim: query[1] ?? 0,
    numHeads,
    numKvHeads,
    headDim: (query[0] ?? 0) / numHeads,
    kdim: key[1] ?? 0,
    vdim: value[1] ?? 0,
  };
}

/** Refuses a count of heads that does not divide what it must. */
export function checkDivides(count: number, size: number, what: string, name = "numHeads"): void {
  if (!Number.isInteger(count) || count < 1 || size % count !== 0)
    throw new AttentionError(
      "ERR_OPTION",
      `"${name}" expected a divisor of ${what}=${size}, got ${describe(count)}`,
    );
}

function readOutput(state: StateDict, embedDim: number, depth: number): Projection {
  const weight = expectShape("out_proj.weight", required(state, "out_proj.weight"), [embedDim, depth]);
  const bias = optional(state, "out_proj.bias");
  if (bias) expectShape("out_proj.bias", bias, [embedDim]);
  return { weight: weight.data.slice(), bias: bias?.data.slice(), columns: embedDim, depth };
}

function readLearned(state: StateDict, size: number): Pick<LayerWeights, "biasKey" | "biasValue"> {
  const key = optional(state, "bias_k");
  const value = optional(state, "bias_v");
  if (!key && !value) return { biasKey: undefined, biasValue: undefined };
  expectShape("bias_k", key ?? required(state, "bias_k"), [1, 1, size]);
  expectShape("bias_v", value ?? required(state, "bias_v"), [1, 1, size]);
  return { biasKey: key?.data.slice(), biasValue: value?.data.slice() };
}

/** The norms' names are those of Qwen3 in transformers; a layer has both or neither. */
function readNorms(state: StateDict, headDim: number): Pick<LayerWeights, "queryNorm" | "keyNorm"> {
  const query = optional(state, "q_norm.weight");
  const key = optional(state, "k_norm.weight");
  if (!query && !key) return { queryNorm: undefined, keyNorm: undefined };
  expectShape("q_norm.weight", query ?? required(state, "q_norm.weight"), [headDim]);
  expectShape("k_norm.weight", key ?? required(state, "k_norm.weight"), [headDim]);
  return { queryNorm: query?.data.slice(), keyNorm: key?.data.slice() };
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
