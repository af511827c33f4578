import { allocateFloats } from "../allocate.ts";
import { Random } from "../random.ts";
import { Tensor } from "../tensor.ts";
import { checkWhole } from "../validate/options.ts";
import { gaussian } from "./gaussian.ts";

/**
 * Directions for `performerAttention` (Choromanski et al. 2021, "Rethinking Attention with Performers"): rows that are
 * orthogonal in blocks of E, each block uniformly distributed over all orthogonal ones, and as long as rows of E normal
 * numbers would be (chi distributed). A single row is then distributed as a normal vector, which makes the estimate of
 * e^(q.k) unbiased; that rows of a block are orthogonal lowers its variance.
 *
 * Computed in float64 from a seed, rounded once, the same bits on every machine.
 *
 * @param count m, the number of features; more are nearer to exact attention, the error falls as 1/sqrt(m)
 * @param size E, the head size of query and key
 * @param seed whole number from 0 to 2^53 - 1
 * @returns `[m, E]`
 * @throws AttentionError `ERR_OPTION` for sizes that are no whole numbers, m below 1, or no seed
 *
 * @example
 * ```ts
 * import { orthogonalRandomFeatures } from "wasm-attention/efficient";
 * const { data, shape } = orthogonalRandomFeatures(256, 64, 7);
 * const dot = (r: number, s: number) =>
 *   data.subarray(64 * r, 64 * r + 64).reduce((sum, x, e) => sum + x * data[64 * s + e]!, 0);
 * console.log(shape, Math.abs(dot(0, 63)) < 1e-5, Math.abs(dot(0, 64)) < 1e-5); // [ 256, 64 ] true false
 * ```
 */
export function orthogonalRandomFeatures(count: number, size: number, seed: number = 0): Tensor {
  checkWhole("count", count, 1);
  checkWhole("size", size);
  const random = new Random(seed);
  const features = allocateFloats(count * size, "a matrix of features");
  for (let first = 0; size > 0 && first < count; first += size) {
    const rows = Math.min(size, count - first);
    const directions = orthonormalRows(gaussian(random, rows * size), rows, size);
    const lengths = gaussian(random, rows * size);
    for (let row = 0; row < rows; row++) {
      const length = norm(lengths.subarray(row * size, (row + 1) * size));
      for (let e = 0; e < size; e++)
        features[(first + row) * size + e] = length * directions[row * size + e]!;
    }
  }
  return new Tensor(features, [count, size]);
}

/** Gram and Schmidt, each row twice against those before it: once loses digits where rows are nearly parallel. */
function orthonormalRows(matrix: Float64Array, rows: number, size: number): Float64Array {
  const rowOf = (r: number): Float64Array => matrix.subarray(r * size, (r + 1) * size);
  for (let r = 0; r < rows; r++) {
    const row = rowOf(r);
    for (let n = 0; n < 2 * r; n++) subtractProjection(row, rowOf(n % r));
    const length = norm(row);
    for (let e = 0; e < size; e++) row[e]! /= length;
  }
  return matrix;
}

function subtractProjection(row: Float64Array, unit: Float64Array): void {
  let dot = 0;
  for (let e = 0; e < row.length; e++) dot += row[e]! * unit[e]!;
  for (let e = 0; e < row.length; e++) row[e]! -= dot * unit[e]!;
}

function norm(x: Float64Array): number {
  let sum = 0;
  for (const value of x) sum += value * value;
  return Math.sqrt(sum);
}
