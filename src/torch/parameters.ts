// The parameters PyTorch's nn.MultiheadAttention has, by name and shape, for a check of what is loaded.

import { quoted } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import type { StateDict } from "../layer/weights.ts";
import { shapeError } from "../tensor.ts";
import { checkTensor, shapeOf } from "../tensor-like.ts";

/** What decides which parameters there are. */
export interface ParameterSizes {
  readonly embed_dim: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly bias: boolean;
  readonly add_bias_kv: boolean;
}

/** Refuses a state dict whose names or shapes are not those of the layer, as `load_state_dict` with `strict=True`. */
export function checkStateDict(state: StateDict, sizes: ParameterSizes): void {
  const expected = parameterShapes(sizes);
  for (const [name, tensor] of Object.entries(state)) {
    if (tensor === undefined || tensor === null || Object.hasOwn(expected, name)) continue;
    throw new AttentionError(
      "ERR_OPTION",
      `"state_dict" has an unexpected ${quoted(name)}; expected ${Object.keys(expected).join(", ")}`,
    );
  }
  for (const [name, shape] of Object.entries(expected)) {
    const tensor = state[name];
    if (tensor === undefined || tensor === null)
      throw new AttentionError("ERR_OPTION", `"state_dict" has no "${name}"`);
    checkTensor(name, tensor);
    if (shapeOf(tensor).join() !== shape.join())
      throw shapeError(name, `shape [${shape.join(", ")}]`, shapeOf(tensor));
  }
}

function parameterShapes(sizes: ParameterSizes): Readonly<Record<string, readonly number[]>> {
  const { embed_dim: E, kdim, vdim, bias, add_bias_kv } = sizes;
  const separate = kdim !== E || vdim !== E;
  return {
    ...(separate
      ? { q_proj_weight: [E, E], k_proj_weight: [E, kdim], v_proj_weight: [E, vdim] }
      : { in_proj_weight: [3 * E, E] }),
    ...(bias && { in_proj_bias: [3 * E] }),
    ...(add_bias_kv && { bias_k: [1, 1, E], bias_v: [1, 1, E] }),
    "out_proj.weight": [E, E],
    ...(bias && { "out_proj.bias": [E] }),
  };
}
