import { engineFor } from "../default-engine.ts";
import { AttentionError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { checkTensor, shapeOf, type TensorLike } from "../tensor-like.ts";
import { readOptions } from "../validate/options.ts";
import { type RunOptions, readRunOptions } from "./run-options.ts";

/** Inputs of ONNX's Softmax, by ONNX's names. */
export interface SoftmaxInputs {
  /** Of any shape with at least one dimension. */
  readonly input: TensorLike;
}

/** Attributes of ONNX's Softmax, by ONNX's names. */
export interface SoftmaxAttributes {
  /** The dimension that sums to 1; negative ones count from the end. Default -1. */
  readonly axis?: number | undefined;
}

/** Outputs of ONNX's Softmax, by ONNX's names. */
export interface SoftmaxOutputs {
  /** Of the input's shape. */
  readonly output: Tensor;
}

const inputNames: ReadonlySet<string> = new Set(["input"]);
const attributeNames: ReadonlySet<string> = new Set(["axis"]);

/**
 * Softmax along one axis as ONNX defines it since opset 13 (https://onnx.ai/onnx/operators/onnx__Softmax.html), here
 * and now. Before opset 13 the operator flattened its input around the axis; that is not this.
 *
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for what does not fit, by ONNX's names, `ERR_MEMORY`
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { softmax } from "wasm-attention/onnx";
 * const { output } = softmax({ input: tensor([5, 5, 5, 5], [2, 2]) }, { axis: 0 });
 * console.log(output.data); // Float32Array(4) [ 0.5, 0.5, 0.5, 0.5 ]
 * ```
 */
export function softmax(
  inputs: SoftmaxInputs,
  attributes: SoftmaxAttributes = {},
  options: RunOptions = {},
): SoftmaxOutputs {
  const { input, axis, engine } = read(inputs, attributes, options);
  return { output: engineFor({ engine }).softmaxSync(input, { axis }) };
}

/**
 * The same off the event loop; an abort of `options.signal` rejects with the signal's reason.
 *
 * @throws as `softmax`
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { softmaxAsync } from "wasm-attention/onnx";
 * const { output } = await softmaxAsync({ input: tensor([7, 7], [2]) });
 * console.log(output.data); // Float32Array(2) [ 0.5, 0.5 ]
 * ```
 */
export async function softmaxAsync(
  inputs: SoftmaxInputs,
  attributes: SoftmaxAttributes = {},
  options: RunOptions = {},
): Promise<SoftmaxOutputs> {
  const { input, axis, engine, signal } = read(inputs, attributes, options);
  return { output: await engineFor({ engine }).softmax(input, { axis, signal }) };
}

function read(inputs: SoftmaxInputs, attributes: SoftmaxAttributes, options: RunOptions) {
  const { input } = readOptions(inputs, inputNames, "inputs");
  const { axis } = readOptions(attributes, attributeNames, "attributes");
  const { engine, signal } = readRunOptions(options);
  checkTensor("input", input);
  if (shapeOf(input).length === 0)
    throw new AttentionError("ERR_SHAPE", '"input" expected at least one dimension, got []');
  return { input, axis, engine, signal };
}
