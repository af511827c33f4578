import type { RotaryOptions, RotaryTableOptions } from "./calls/rotary.ts";
import { engineFor } from "./default-engine.ts";
import type { Tensor } from "./tensor.ts";
import type { TensorLike } from "./tensor-like.ts";

export type { RotaryOptions, RotaryTableOptions } from "./calls/rotary.ts";

/**
 * Rotates pairs of numbers by angles that grow with the position, so that the product of a query and a key depends on
 * their distance: "RoFormer: Enhanced Transformer with Rotary Position Embedding" (Su et al., 2021). A pair (a, b)
 * becomes (a cos - b sin, b cos + a sin).
 *
 * @param x `[..., L, E]`: queries or keys, heads first
 * @param options what makes the tables of angles, or ready tables
 * @returns a new tensor of x's shape
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { applyRotary, tensor } from "wasm-attention";
 * const query = tensor([1, 0, 1, 0], [2, 2]); // two positions of one head of size 2
 * console.log(applyRotary(query).data); // Float32Array(4) [ 1, 0, 0.5403022766113281, 0.8414709568023682 ]
 * ```
 */
export function applyRotary(x: TensorLike, options?: RotaryOptions | RotaryTableOptions): Tensor {
  return engineFor(options).applyRotary(x, options);
}
