// What a model's configuration says of its attention: Hugging Face's config.json, or an object with the same names.

import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import type { LayerRotary } from "../layer/rotary.ts";
import type { RotaryScaling } from "../rotary-tables.ts";
import { unreadable } from "../tensor-like.ts";
import { isArray } from "../typed-array.ts";
import { checkFlag, checkNumber, checkWhole } from "../validate/options.ts";

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
  return headNames.find((known) => config[known] !== undefined);
}

/** @internal Refuses a configuration whose tokens are of another width than those that the tensor `name` takes. */
export function checkWidth(config: ModelConfig, name: string, width: number): void {
  const known = widthNames.find((known) => config[known] !== undefined);
  if (known === undefined || config[known] === width) return;
  throw new AttentionError(
    "ERR_SHAPE",
    `"config.${known}" is ${describe(config[known])}, but "${name}" takes ${width} numbers a token`,
  );
}

/** What is read of a configuration. */
const names: readonly string[] = [
  ...headNames,
  ...widthNames,
  ...depthNames,
  "model_type",
  "is_decoder",
  "position_embedding_type",
  "scale_attn_weights",
  "scale_attn_by_inverse_layer_idx",
  "rms_norm_eps",
  "relative_attention_max_distance",
  "rope_parameters",
  "rope_scaling",
  "rope_theta",
  "partial_rotary_factor",
  "layer_types",
  "max_window_layers",
  "sliding_window",
  "use_sliding_window",
];

/** @internal A configuration as it is now: each name read once, `null` as absent. */
export function readConfig(config: ModelConfig): ModelConfig {
  if (typeof config !== "object" || config === null)
    throw new AttentionError("ERR_OPTION", `"config" expected an object, got ${describe(config)}`);
  const read: Record<string, unknown> = {};
  for (const name of names) {
    try {
      read[name] = config[name] ?? undefined;
    } catch (cause) {
      throw unreadable(`config.${name}`, cause);
    }
  }
  return read;
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
  const name = depthNames.find((known) => config[known] !== undefined);
  const stacks = new Map<string, number>();
  for (const layer of layers) {
    const stack = layer.replaceAll(/\d+/g, "#");
    if (stack !== layer) stacks.set(stack, (stacks.get(stack) ?? 0) + 1);
  }
  if (name === undefined || stacks.size === 0 || [...stacks.values()].includes(config[name] as number))
    return;
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
  if (type !== undefined && types.length > 0 && !types.includes(type as string))
    throw new AttentionError(
      "ERR_UNSUPPORTED",
      `"config.model_type" expected ${types.join(", ")} for "${layer}", got ${describe(type)}`,
    );
  for (const [name, allowed] of Object.entries(refused)) {
    if (config[name] !== undefined && !allowed.includes(config[name]))
      throw new AttentionError(
        "ERR_UNSUPPORTED",
        `"config.${name}" expected ${allowed.map((value) => JSON.stringify(value)).join(" or ")}, got ${describe(config[name])}`,
      );
  }
}

/** @internal Rotary positions: `rope_theta` and `rope_scaling`, or both in `rope_parameters` as newer configurations have them. */
export function rotaryOf(config: ModelConfig, headDim: number): LayerRotary {
  const scaling = (config.rope_parameters ?? config.rope_scaling) as RotaryScaling | undefined;
  const { partial_rotary_factor: share = 1 } = config;
  checkNumber("config.partial_rotary_factor", share, 0);
  const theta = config.rope_theta ?? (scaling && memberOf(scaling, "rope_theta", "rope_parameters"));
  return {
    base: (theta ?? undefined) as number | undefined,
    dim: Math.trunc(headDim * (share as number)),
    scaling,
  };
}

/**
 * @internal The window of a layer: `layer_types` says which layers have one; in older configurations those from `max_window_layers`
 * on, where Qwen's says `use_sliding_window`.
 */
export function windowOf(config: ModelConfig, index: number): number | undefined {
  const { model_type: type = "", layer_types: types, max_window_layers: first = 0 } = config;
  const { use_sliding_window: used = !(type as string).startsWith("qwen") } = config;
  checkWhole("config.max_window_layers", first);
  checkFlag("config.use_sliding_window", used);
  if (types !== undefined && !isArray(types))
    throw new AttentionError("ERR_OPTION", `"config.layer_types" expected an array, got ${describe(types)}`);
  const isWindowed = isArray(types)
    ? types[index] === "sliding_attention"
    : used && index >= (first as number);
  return isWindowed ? (config.sliding_window as number | undefined) : undefined;
}

/** A member of what a name holds, which is read when it is needed. */
function memberOf(object: object, key: string | number, name: string): unknown {
  try {
    return (object as Readonly<Record<string | number, unknown>>)[key];
  } catch (cause) {
    throw unreadable(`config.${name}`, cause);
  }
}
