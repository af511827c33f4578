import { allocateFloats } from "../allocate.ts";
import { Random } from "../random.ts";
import { Tensor } from "../tensor.ts";
import { checkWhole } from "../validate/options.ts";
import { gaussian } from "./gaussian.ts";

/**
 * A projection of S keys to P as the Linformer's paper draws it: entries of the normal distribution with mean 0 and
 * variance 1/P, so that lengths and angles of columns are kept in the mean (W. Johnson and J. Lindenstrauss 1984). It is
 * where training starts: untrained, it is no approximation of attention (docs/efficient-attention.md has figures).
 *
 * @param rows P, the length that keys and values are projected to
 * @param columns S, the number of keys
 * @param seed whole number from 0 to 2^53 - 1; the same bits on every machine
 * @returns `[P, S]`
 * @throws AttentionError `ERR_OPTION` for sizes that are no whole numbers, P below 1, or no seed
 *
 * @example
 * ```ts
 * import { randomProjection } from "wasm-attention/efficient";
 * const { data, shape } = randomProjection(256, 1024, 7);
 * const variance = data.reduce((sum, x) => sum + x * x, 0) / data.length;
 * console.log(shape, (256 * variance).toFixed(2)); // [ 256, 1024 ] 1.00
 * ```
 */
export function randomProjection(rows: number, columns: number, seed: number = 0): Tensor {
  checkWhole("rows", rows, 1);
  checkWhole("columns", columns);
  const deviation = Math.sqrt(1 / rows);
  const numbers = gaussian(new Random(seed), rows * columns);
  const data = Float32Array.from(numbers, (x) => deviation * x);
  return new Tensor(data, [rows, columns]);
}

/**
 * The other projection that the paper names: mean pooling. Row p is the mean of the keys from floor(p S / P) to
 * floor((p + 1) S / P), so keys that resemble their neighbours are approximated without any training.
 *
 * @param rows P, at most S
 * @param columns S
 * @returns `[P, S]`
 * @throws AttentionError `ERR_OPTION` for sizes that are no whole numbers, or P below 1 or above S
 *
 * @example
 * ```ts
 * import { poolingProjection } from "wasm-attention/efficient";
 * console.log(poolingProjection(2, 4).data); // Float32Array(8) [ 0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5 ]
 * ```
 */
export function poolingProjection(rows: number, columns: number): Tensor {
  checkWhole("rows", rows, 1);
  checkWhole("columns", columns, rows);
  const data = allocateFloats(rows * columns, "a projection");
  for (let p = 0; p < rows; p++) {
    const first = Math.floor((p * columns) / rows);
    const end = Math.floor(((p + 1) * columns) / rows);
    data.fill(1 / (end - first), p * columns + first, p * columns + end);
  }
  return new Tensor(data, [rows, columns]);
}
