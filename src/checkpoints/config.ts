// What a model's configuration says of its attention: Hugging Face's config.json, or an object with the same names.

import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import type { LayerRotary } from "../layer/rotary.ts";
import type { RotaryScaling } from "../rotary-tables.ts";
import { checkWhole } from "../validate/options.ts";

/** The object in a model's config.json. Of its names only those that concern attention are read. */
export type ModelConfig = Readonly<Record<string, unknown>>;

/** Configurations name the number of heads in these ways. */
const headNames = ["num_attention_heads", "num_heads", "n_head", "n_heads", "nhead"] as const;

/** The numbers of a token that a layer takes and gives. */
const widthNames = ["hidden_size", "d_model", "n_embd", "dim", "embed_dim"] as const;

/** The number of layers in a stack. */
const depthNames = ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "depth"] as const;

/** @internal */
export type HeadName = (typeof headNames)[number];

/** @internal The name by which a configuration gives the number of heads, if it does. */
export function headNameOf(config: ModelConfig): HeadName | undefined {
  return headNames.find((known) => config[known] != null);
}

/** @internal Refuses a configuration whose tokens are of another width than those that the tensor `name` takes. */
export function checkWidth(config: ModelConfig, name: string, width: number): void {
  const known = widthNames.find((known) => config[known] != null);
  if (known === undefined || config[known] === width) return;
  throw new AttentionError(
    "ERR_SHAPE",
    `"config.${known}" is ${describe(config[known])}, but "${name}" takes ${width} numbers a token`,
  );
}

/** @internal The number of heads, which no weight tells. `layer` and `usual` say in an error whose it is, and its usual name. */
export function headsOf(config: ModelConfig, layer: string, usual: HeadName): number {
  const name = headNameOf(config);
  if (name === undefined)
    throw new AttentionError(
      "ERR_OPTION",
      `"config" expected "${usual}" for "${layer}": weights do not tell the number of heads`,
    );
  checkWhole(`config.${name}`, config[name], 1);
  return config[name] as number;
}

/**
 * @internal Refuses a configuration that is another model's: one that says how many layers a stack has, where no stack has so
 * many. A checkpoint may hold several stacks, of which it describes one.
 *
 * @param layers the names of a family's layers
 */
export function checkDepth(config: ModelConfig, layers: readonly string[]): void {
  const name = depthNames.find((known) => config[known] != null);
  const stacks = new Map<string, number>();
  for (const layer of layers) {
    const stack = layer.replaceAll(/\d+/g, "#");
    if (stack !== layer) stacks.set(stack, (stacks.get(stack) ?? 0) + 1);
  }
  if (name === undefined || stacks.size === 0 || [...stacks.values()].includes(Number(config[name]))) return;
  const counts = [...stacks].map(([stack, count]) => `${count} of "${stack}"`);
  throw new AttentionError(
    "ERR_OPTION",
    `"config.${name}" is ${describe(config[name])}, but the checkpoint has ${counts.join(", ")}; leave it out for a part of a model`,
  );
}

/** @internal Refuses the model of another architecture that uses the same names, and settings that are not computed here. */
export function checkModel(
  config: ModelConfig,
  layer: string,
  types: readonly string[],
  refused: Readonly<Record<string, readonly unknown[]>>,
): void {
  const type = config.model_type;
  if (type != null && types.length > 0 && !types.includes(type as string))
    throw new AttentionError(
      "ERR_UNSUPPORTED",
      `"config.model_type" expected ${types.join(", ")} for "${layer}", got ${JSON.stringify(type)}`,
    );
  for (const [name, allowed] of Object.entries(refused)) {
    if (config[name] != null && !allowed.includes(config[name]))
      throw new AttentionError(
        "ERR_UNSUPPORTED",
        `"config.${name}" expected ${allowed.map((value) => JSON.stringify(value)).join(" or ")}, got ${JSON.stringify(config[name])}`,
      );
  }
}

/** @internal Rotary positions: `rope_theta` and `rope_scaling`, or both in `rope_parameters` as newer configurations have them. */
export function rotaryOf(config: ModelConfig, headDim: number): LayerRotary {
  const scaling = (config.rope_parameters ?? config.rope_scaling ?? undefined) as RotaryScaling | undefined;
  const share = (config.partial_rotary_factor ?? 1) as number;
  return {
    base: (config.rope_theta ?? scaling?.rope_theta ?? undefined) as number | undefined,
    dim: Math.trunc(headDim * share),
    scaling,
  };
}

/**
 * @internal The window of a layer: `layer_types` says which layers have one; in older configurations those from `max_window_layers`
 * on, where Qwen's says `use_sliding_window`.
 */
export function windowOf(config: ModelConfig, index: number): number | undefined {
  const types = config.layer_types as readonly string[] | undefined;
  const isQwen = String(config.model_type).startsWith("qwen");
  const windowed = types
    ? types[index] === "sliding_attention"
    : (config.use_sliding_window ?? !isQwen) && index >= Number(config.max_window_layers ?? 0);
  return windowed ? ((config.sliding_window ?? undefined) as number | undefined) : undefined;
}
