import { AttentionError } from "../errors.ts";
import { readFloats } from "../validate/floats.ts";
import { matmul } from "./matmul.ts";
import type { ReferenceInput, ReferenceTensor } from "./tensor.ts";

/** The parameters of a layer by the names PyTorch's `nn.MultiheadAttention` gives them. */
export type ReferenceStateDict = Readonly<Record<string, ReferenceInput | undefined>>;

/** y = x weightT + bias. */
export interface Projection {
  readonly weight: ReferenceInput;
  readonly bias: ReferenceInput | undefined;
}

/** A layer's parameters, taken apart. */
export interface LayerWeights {
  readonly embedDim: number;
  readonly query: Projection;
  readonly key: Projection;
  readonly value: Projection;
  readonly output: Projection;
  /** One key and one value, `embedDim` wide, that every query may attend to. */
  readonly biasKey?: Float32Array | Float64Array;
  readonly biasValue?: Float32Array | Float64Array;
}

/** Applies a projection to the last dimension of x. */
export function project(name: string, x: ReferenceInput, { weight, bias }: Projection): ReferenceTensor {
  const { shape } = readFloats(name, x);
  const size = readFloats(`weight of ${name}`, weight).shape[1];
  if (shape.at(-1) !== size)
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" expected a last dimension of ${size}, got [${shape.join(", ")}]`,
    );
  return matmul(x, weight, { transposeB: true, bias });
}

/** Takes a state dict apart: three input projections, stacked or separate, and the output projection. */
export function readLayerWeights(stateDict: ReferenceStateDict): LayerWeights {
  const outWeight = required(stateDict, "out_proj.weight");
  const E = readFloats("out_proj.weight", outWeight).shape[0]!;
  const bias = stateDict.in_proj_bias;
  const stacked = stateDict.in_proj_weight;
  const input = (name: string, part: number): Projection => ({
    weight: stacked ? block(stacked, "in_proj_weight", part, E) : required(stateDict, `${name}_proj_weight`),
    bias: bias && block(bias, "in_proj_bias", part, E),
  });
  return {
    embedDim: E,
    query: input("q", 0),
    key: input("k", 1),
    value: input("v", 2),
    output: { weight: outWeight, bias: stateDict["out_proj.bias"] },
    ...readAppended(stateDict, E),
  };
}

function required(stateDict: ReferenceStateDict, name: string): ReferenceInput {
  const tensor = stateDict[name];
  if (tensor === undefined) throw new AttentionError("ERR_OPTION", `the state dict has no "${name}"`);
  return tensor;
}

/** The `part`-th of three blocks of E rows: query, key, value. */
function block(stacked: ReferenceInput, name: string, part: number, E: number): ReferenceInput {
  const { data, shape } = readFloats(name, stacked);
  if (shape[0] !== 3 * E)
    throw new AttentionError("ERR_SHAPE", `"${name}" expected 3E=${3 * E} rows, got [${shape.join(", ")}]`);
  const size = data.length / 3;
  return {
    data: data.slice(part * size, (part + 1) * size),
    shape: [E, ...shape.slice(1)],
  } as ReferenceInput;
}

/** bias_k and bias_v, `[1, 1, E]`: a layer has both or neither. */
function readAppended(stateDict: ReferenceStateDict, E: number): Pick<LayerWeights, "biasKey" | "biasValue"> {
  if (stateDict.bias_k === undefined && stateDict.bias_v === undefined) return {};
  const [biasKey, biasValue] = ["bias_k", "bias_v"].map((name) => {
    const { data, shape } = readFloats(name, required(stateDict, name));
    if (data.length !== E)
      throw new AttentionError(
        "ERR_SHAPE",
        `"${name}" expected shape [1, 1, E=${E}], got [${shape.join(", ")}]`,
      );
    return data;
  });
  return { biasKey, biasValue };
}
