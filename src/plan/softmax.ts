// How a softmax is cut into tiles. Pure: sizes in, program out.

import { Program } from "../engine/program.ts";
import { sizeOf } from "../tensor-like.ts";
import type { SpreadMask } from "../validate/mask.ts";

/** A checked softmax over one axis of a shape. */
export interface SoftmaxProblem {
  readonly data: Float32Array;
  readonly shape: readonly number[];
  readonly axis: number;
  readonly scale: number;
  readonly log: boolean;
  readonly mask: SpreadMask | undefined;
}

/** Elements of a tile: some tens of microseconds. */
const TILE_ELEMENTS = 32768;
const LANES = 4;
/** Operations an element takes, counting the exponential. */
const ELEMENT_WORK = 30;

export function planSoftmax(problem: SoftmaxProblem, target: Float32Array): Program {
  const { data, shape, axis, scale, log } = problem;
  const program = new Program("softmax");
  if (data.length === 0) return program;
  const outer = sizeOf(shape.slice(0, axis));
  const length = shape[axis]!;
  const inner = sizeOf(shape.slice(axis + 1));
  // Along the last axis a slice is a row; along another, four neighbouring slices are taken together.
  const slices = inner === 1 ? outer : outer * Math.ceil(inner / LANES);
  const perTile = Math.max(1, Math.floor(TILE_ELEMENTS / Math.max(1, length * (inner === 1 ? 1 : LANES))));
  program.stage(
    "softmax",
    {
      input: program.input(data),
      output: program.output(target),
      ...maskParameters(program, problem),
      outer,
      length,
      inner,
      perTile,
      logarithm: log ? 1 : 0,
      scale,
    },
    { tiles: Math.ceil(slices / perTile), work: data.length * ELEMENT_WORK },
  );
  return program;
}

const NO_MASK = 0;
const BOOLEAN_MASK = 1;
const ADDITIVE_MASK = 2;

/** The mask is read with its own strides: a table of offsets for the dimensions before the axis, one for those after. */
function maskParameters(
  program: Program,
  { mask, shape, axis }: SoftmaxProblem,
): {
  maskKind: number;
  mask?: number;
  maskOuterOffsets?: number;
  maskInnerOffsets?: number;
  maskLengthStride?: number;
} {
  if (mask === undefined) return { maskKind: NO_MASK };
  const bytes = mask.boolean ? 1 : 4;
  return {
    maskKind: mask.boolean ? BOOLEAN_MASK : ADDITIVE_MASK,
    mask: program.input(mask.data),
    maskOuterOffsets: program.input(offsetsOf(shape.slice(0, axis), mask.strides.slice(0, axis), bytes)),
    maskInnerOffsets: program.input(offsetsOf(shape.slice(axis + 1), mask.strides.slice(axis + 1), bytes)),
    maskLengthStride: mask.strides[axis]! * bytes,
  };
}

/** Byte offsets of all indices of some dimensions, in row-major order. */
export function offsetsOf(shape: readonly number[], strides: readonly number[], bytes: number): Uint32Array {
  let offsets = [0];
  shape.forEach((size, d) => {
    const steps = Array.from({ length: size }, (_, i) => i * strides[d]! * bytes);
    offsets = offsets.flatMap((offset) => steps.map((step) => offset + step));
  });
  return Uint32Array.from(offsets);
}
