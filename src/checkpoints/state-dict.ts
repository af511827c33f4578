// The tensors of a layer under the names that MultiHeadAttention reads.

import type { StateDict } from "../layer/weights.ts";
import { shapeError, Tensor, tensor } from "../tensor.ts";
import { checkShapes } from "./check-shapes.ts";
import { checkWidth } from "./config.ts";
import type { Family, Place } from "./families.ts";

/** Reads a layer's tensors, these only. @throws AttentionError naming those that do not fit */
export async function readState(family: Family, place: Place, numHeads: number): Promise<StateDict> {
  const { module, weights, config } = place;
  const prefix = module === "" ? "" : `${module}.`;
  const read = (name: string): Promise<Tensor> => weights.read(prefix + name);
  const ifThere = async (name: string): Promise<Tensor | undefined> =>
    weights.known.has(prefix + name) ? read(name) : undefined;
  const state: Record<string, Tensor | undefined> = {};
  if (family.inputs.length === 0) {
    for (const name of namesBeneath(module, weights.names)) state[name] = await read(name);
    const name = state.in_proj_weight ? "in_proj_weight" : "q_proj_weight";
    const width = state[name]?.shape[1];
    if (width !== undefined) checkWidth(config, prefix + name, width);
    return state;
  }
  const matrix = async (name: string): Promise<Tensor> => {
    const weight = await read(`${name}.weight`);
    if (weight.shape.length !== 2)
      throw shapeError(`${prefix}${name}.weight`, "two dimensions", weight.shape);
    return family.transposed ? transpose(weight) : weight;
  };
  const inputs: Tensor[] = [];
  const biases: (Tensor | undefined)[] = [];
  for (const name of family.inputs) {
    inputs.push(await matrix(name));
    biases.push(await ifThere(`${name}.bias`));
  }
  const output = await matrix(family.output);
  const outputBias = await ifThere(`${family.output}.bias`);
  checkShapes(family, place, { inputs, inputBiases: biases, output, outputBias }, numHeads);
  if (inputs.length === 1) state.in_proj_weight = inputs[0];
  else [state.q_proj_weight, state.k_proj_weight, state.v_proj_weight] = inputs;
  state.in_proj_bias = join(inputs, biases);
  state["out_proj.weight"] = output;
  state["out_proj.bias"] = outputBias;
  for (const name of family.further ?? []) state[name] = await ifThere(name);
  return state;
}

/** What follows a layer's name in the names of its tensors; of the layer "", which is the whole checkpoint, all names. */
export function namesBeneath(module: string, names: readonly string[]): string[] {
  if (module === "") return [...names];
  return names.filter((name) => name.startsWith(`${module}.`)).map((name) => name.slice(module.length + 1));
}

/** Biases one after the other; zeros for one that is absent where another is there. */
function join(weights: readonly Tensor[], biases: readonly (Tensor | undefined)[]): Tensor | undefined {
  if (biases.every((bias) => bias === undefined)) return undefined;
  const parts = biases.map((bias, i) => bias?.data ?? new Float32Array(weights[i]!.shape[0]!));
  const joined = parts.flatMap((part) => Array.from(part));
  return tensor(joined, [joined.length]);
}

function transpose({ data, shape }: Tensor): Tensor {
  const [rows, columns] = shape as [number, number];
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = data[row * columns + column]!;
  return new Tensor(turned, [columns, rows]);
}
