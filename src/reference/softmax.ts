import type { MaskLike } from "../attention-options.ts";
import { AttentionError } from "../errors.ts";
import { indexAt, offsetOf, rowMajorStrides } from "../validate/broadcast.ts";
import { readFloats } from "../validate/floats.ts";
import { spreadMask } from "../validate/mask.ts";
import { checkNumber } from "../validate/options.ts";
import { addend, keeps } from "./mask.ts";
import { softmaxRow } from "./softmax-row.ts";
import { type ReferenceInput, type ReferenceTensor, zeros } from "./tensor.ts";

/** Options of the reference softmax. */
export interface ReferenceSoftmaxOptions {
  /** The dimension that sums to 1; negative ones count from the end. Default -1. */
  readonly axis?: number | undefined;
  /** Factor on x. Default 1. */
  readonly scale?: number | undefined;
  /** Boolean (1 = keep) or additive mask, right-aligned broadcast to x's shape. */
  readonly mask?: MaskLike | undefined;
  /** Return the natural logarithm of the softmax. Default false. */
  readonly log?: boolean | undefined;
}

/**
 * softmax(scale * x + mask) along one axis, or its logarithm, with the maximum subtracted first. What a
 * boolean mask drops gives 0 (logarithm: -infinity), and so does a slice with nothing to keep.
 *
 * @param x a tensor of any shape with at least one dimension
 * @returns a tensor of x's shape
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { softmax } from "wasm-attention/reference";
 * const p = softmax({ data: Float32Array.of(0, 0, 5, 5), shape: [2, 2] });
 * console.log(p.data); // Float64Array(4) [ 0.5, 0.5, 0.5, 0.5 ]
 * ```
 */
export function softmax(x: ReferenceInput, options: ReferenceSoftmaxOptions = {}): ReferenceTensor {
  const { data, shape } = readFloats("x", x);
  const { scale = 1, log = false } = options;
  checkNumber("scale", scale);
  const axis = readAxis(options.axis ?? -1, shape.length);
  const mask = options.mask && spreadMask("mask", options.mask, shape);

  const result = zeros(shape);
  const strides = rowMajorStrides(shape);
  const length = shape[axis]!;
  // One slice starts at every index whose coordinate along the axis is 0.
  const starts = shape.with(axis, Math.min(length, 1));
  const count = starts.reduce((product, size) => product * size, 1);
  for (let n = 0; n < count; n++) {
    const start = indexAt(n, starts);
    const scores = Float64Array.from({ length }, (_, j) => {
      const index = start.with(axis, j);
      if (!keeps(mask, index)) return -Infinity;
      return scale * data[offsetOf(index, strides)]! + addend(mask, index);
    });
    const slice = log ? logSoftmaxRow(scores) : softmaxRow(scores).weights;
    slice.forEach((value, j) => {
      result.data[offsetOf(start.with(axis, j), strides)] = value;
    });
  }
  return result;
}

function logSoftmaxRow(scores: Float64Array): Float64Array {
  const { maximum, logarithm } = softmaxRow(scores);
  // In an empty slice both are -infinity, and their difference would be NaN.
  return scores.map((score) => (score === -Infinity ? -Infinity : score - maximum - logarithm));
}

function readAxis(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new AttentionError(
      "ERR_OPTION",
      `"axis" expected a whole number from ${-rank} to ${rank - 1}, got ${axis}`,
    );
  return axis < 0 ? axis + rank : axis;
}
