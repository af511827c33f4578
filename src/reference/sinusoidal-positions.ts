import { checkWhole } from "../validate/options.ts";
import { type ReferenceTensor, zeros } from "./tensor.ts";

/**
 * The fixed position encoding of "Attention Is All You Need" (Vaswani et al., 2017, section 3.5): with
 * angle = position / 10000^(2i / embedDim), column 2i is sin(angle) and column 2i + 1 is cos(angle). An odd
 * `embedDim` ends with a sine.
 *
 * @returns `[length, embedDim]`
 * @throws AttentionError `ERR_OPTION` for sizes that are no whole numbers
 *
 * @example
 * ```ts
 * import { sinusoidalPositions } from "wasm-attention/reference";
 * console.log(sinusoidalPositions(1, 4).data); // Float64Array(4) [ 0, 1, 0, 1 ]
 * ```
 */
export function sinusoidalPositions(length: number, embedDim: number): ReferenceTensor {
  checkWhole("length", length);
  checkWhole("embedDim", embedDim);
  const positions = zeros([length, embedDim]);
  for (let position = 0; position < length; position++)
    for (let column = 0; column < embedDim; column++) {
      const pair = Math.floor(column / 2);
      const angle = position / 10000 ** ((2 * pair) / embedDim);
      positions.data[position * embedDim + column] = column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }
  return positions;
}
