import { power } from "./elementary.ts";
import { checkMost, checkWhole } from "./validate/options.ts";

/**
 * The slopes of ALiBi ("Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation",
 * Press and others 2022): 2^(-8i / H) for head i from 1 to H. Where H is no power of two, the authors' code takes the
 * slopes of the closest lower power of two, then those of twice as many heads at odd places, until there are enough.
 * As `alibiSlopes` of the attention they subtract slope times distance from a head's scores.
 *
 * The same bits on every machine.
 *
 * @returns `[H]`.
 * @throws AttentionError `ERR_OPTION` for a number of heads that is no whole number of at least 1.
 *
 * @example
 * ```ts
 * import { alibiSlopes } from "wasm-attention";
 * console.log(alibiSlopes(4)); // Float32Array(4) [ 0.25, 0.0625, 0.015625, 0.00390625 ]
 * console.log(alibiSlopes(3)); // Float32Array(3) [ 0.0625, 0.00390625, 0.25 ]
 * ```
 */
export function alibiSlopes(heads: number): Float32Array {
  checkWhole("heads", heads, 1);
  checkMost("heads", heads, MOST_HEADS);
  let closest = 1;
  while (2 * closest <= heads) closest *= 2;
  return Float32Array.from({ length: heads }, (_, h) =>
    h < closest ? power(2, (-8 * (h + 1)) / closest) : power(2, (-4 * (2 * (h - closest) + 1)) / closest),
  );
}

/** Far more than any model has. */
const MOST_HEADS: number = 2 ** 20;
