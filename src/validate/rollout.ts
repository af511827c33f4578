import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { shapeError } from "../tensor.ts";
import { type FloatTensor, float32or64, readFloats } from "./floats.ts";
import { checkChoice } from "./options.ts";

/** How the layers of a rollout are made. */
export interface RolloutSettings {
  /** How heads become one: their mean, or of each weight the largest or smallest. Default `"mean"`. */
  readonly heads?: "mean" | "max" | "min" | undefined;
  /** Share of the residual connection, from 0 to 1. Default 0.5. */
  readonly residual?: number | undefined;
}

/** Checked, with the defaults. */
export function rolloutSettings({ heads = "mean", residual = 0.5 }: RolloutSettings): {
  readonly heads: "mean" | "max" | "min";
  readonly residual: number;
} {
  checkChoice("heads", heads, ["mean", "max", "min"]);
  if (!(typeof residual === "number" && residual >= 0 && residual <= 1))
    throw new AttentionError(
      "ERR_OPTION",
      `"residual" expected a number from 0 to 1, got ${describe(residual)}`,
    );
  return { heads, residual };
}

/** One layer's weights, and the shape of what becomes of it, which is that of the layers before. */
export function readRolloutLayer(
  layer: FloatTensor,
  before: readonly number[] | undefined,
  types: readonly string[] = float32or64,
  name = "layers",
): {
  readonly data: Float32Array | Float64Array;
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly shape: readonly number[];
} {
  const { data, shape } = readFloats(name, layer, types);
  const [rank, L] = [shape.length, shape.at(-1) ?? 0];
  const result = rank === 4 ? [shape[0]!, L, L] : [L, L];
  const fits = rank >= 2 && rank <= 4 && shape[rank - 2] === L;
  if (!fits || (before !== undefined && before.join() !== result.join()))
    throw shapeError(
      name,
      before === undefined
        ? "shape [B, H, L, L], [H, L, L] or [L, L]"
        : `shape ${before.length === 3 ? `[B=${before[0]}, H, ` : "[H, "}L=${before.at(-1)}, L] as the first layer`,
      shape,
    );
  return { data, B: rank === 4 ? shape[0]! : 1, H: rank === 2 ? 1 : shape[rank - 3]!, L, shape: result };
}
