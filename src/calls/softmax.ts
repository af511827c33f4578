// Softmax from arguments to program.

import type { MaskLike } from "../attention-options.ts";
import { describe } from "../describe.ts";
import type { Call } from "../engine/program.ts";
import { AttentionError } from "../errors.ts";
import { planSoftmax } from "../plan/softmax.ts";
import type { Tensor } from "../tensor.ts";
import { readTensor, type TensorLike } from "../tensor-like.ts";
import { spreadMask } from "../validate/mask.ts";
import { checkFlag, checkFloat, readOptions } from "../validate/options.ts";
import { checkTarget } from "../validate/target.ts";
import type { CallOptions } from "./call-options.ts";

/** Options of `softmax`. */
export interface SoftmaxOptions extends CallOptions {
  /** The dimension that sums to 1; negative ones count from the end. Default -1. */
  readonly axis?: number | undefined;
  /** Factor on x. Default 1. */
  readonly scale?: number | undefined;
  /** Boolean (1 = keep) or additive mask, right-aligned broadcast to x's shape. */
  readonly mask?: MaskLike | undefined;
  /** Return the natural logarithm of the softmax. Default false. */
  readonly log?: boolean | undefined;
  /** Write the result into this tensor, of x's shape, instead of making one. */
  readonly out?: TensorLike<Float32Array> | undefined;
}

const names: ReadonlySet<string> = new Set(["axis", "scale", "mask", "log", "out", "engine", "signal"]);

/** @internal Checks the arguments and plans the call; nothing is written yet. */
export function softmaxCall(x: TensorLike, given: SoftmaxOptions = {}): Call<Tensor> {
  const options = readOptions(given, names);
  const { scale = 1, log = false } = options;
  const { data, shape } = readTensor("x", x);
  checkFloat("scale", scale);
  checkFlag("log", log);
  const axis = readAxis(options.axis ?? -1, shape.length);
  const mask = options.mask === undefined ? undefined : spreadMask("mask", options.mask, shape);
  const inputs = mask === undefined ? [data] : [data, mask.data];
  const target = checkTarget("out", options.out, shape, inputs);
  const program = planSoftmax({ data, shape, axis, scale, log, mask }, target.data);
  return { program, result: target.tensor, signal: options.signal, engine: options.engine };
}

function readAxis(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new AttentionError(
      "ERR_OPTION",
      rank === 0
        ? `"x" expected at least one dimension to take the softmax along, got a scalar`
        : `"axis" expected a whole number from ${-rank} to ${rank - 1}, got ${describe(axis)}`,
    );
  return axis < 0 ? axis + rank : axis;
}
