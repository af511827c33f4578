import { engineFor } from "../default-engine.ts";
import { AttentionError } from "../errors.ts";
import { shapeError, type Tensor } from "../tensor.ts";
import { checkTensor, shapeOf, type TensorLike } from "../tensor-like.ts";
import { broadcastShapes } from "../validate/broadcast.ts";
import { readOptions } from "../validate/options.ts";
import { type RunOptions, readRunOptions } from "./run-options.ts";

/** Inputs of ONNX's MatMul, by ONNX's names. */
export interface MatMulInputs {
  /** `[..., M, K]`, or `[K]`. */
  readonly A: TensorLike;
  /** `[..., K, N]`, or `[K]`. */
  readonly B: TensorLike;
}

/** Outputs of ONNX's MatMul, by ONNX's names. */
export interface MatMulOutputs {
  /** `[..., M, N]`, without M or N where A or B is a vector. */
  readonly Y: Tensor;
}

const inputNames: ReadonlySet<string> = new Set(["A", "B"]);

/**
 * Matrix product as ONNX (https://onnx.ai/onnx/operators/onnx__MatMul.html) and NumPy define it, here and now: leading
 * dimensions broadcast, vectors are a row or a column.
 *
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for what does not fit, by ONNX's names, `ERR_MEMORY`
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { matMul } from "wasm-attention/onnx";
 * const A = tensor([1, 2, 3, 4], [2, 2]);
 * const { Y } = matMul({ A, B: tensor([1, 10], [2]) });
 * console.log(Y.data); // Float32Array(2) [ 21, 43 ]
 * ```
 */
export function matMul(
  inputs: MatMulInputs,
  attributes: Record<string, never> = {},
  options: RunOptions = {},
): MatMulOutputs {
  const { A, B, engine } = read(inputs, attributes, options);
  return { Y: engineFor({ engine }).matmulSync(A, B) };
}

/**
 * The same off the event loop; an abort of `options.signal` rejects with the signal's reason.
 *
 * @throws as `matMul`
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { matMulAsync } from "wasm-attention/onnx";
 * const A = tensor([1, 2], [1, 2]);
 * const { Y } = await matMulAsync({ A, B: tensor([3, 4], [2, 1]) });
 * console.log(Y.shape, Y.data); // [ 1, 1 ] Float32Array(1) [ 11 ]
 * ```
 */
export async function matMulAsync(
  inputs: MatMulInputs,
  attributes: Record<string, never> = {},
  options: RunOptions = {},
): Promise<MatMulOutputs> {
  const { A, B, engine, signal } = read(inputs, attributes, options);
  return { Y: await engineFor({ engine }).matmul(A, B, { signal }) };
}

const noNames: ReadonlySet<string> = new Set();

function read(inputs: MatMulInputs, attributes: object, options: RunOptions): MatMulInputs & RunOptions {
  const { A, B } = readOptions(inputs, inputNames, "inputs");
  readOptions(attributes, noNames, "attributes");
  const { engine, signal } = readRunOptions(options);
  const [a, b] = [readShape("A", A), readShape("B", B)];
  const depth = a.at(-1)!;
  const own = b.at(-2) ?? b[0]!;
  if (own !== depth)
    throw new AttentionError(
      "ERR_SHAPE",
      `"B" expected K=${depth} as in "A" [${a.join(", ")}], got ${own} in [${b.join(", ")}]`,
    );
  broadcastShapes("B", a.slice(0, -2), b.slice(0, -2));
  return { A, B, engine, signal };
}

function readShape(name: string, tensor: TensorLike): readonly number[] {
  checkTensor(name, tensor);
  const shape = shapeOf(tensor);
  if (shape.length === 0) throw shapeError(name, "at least one dimension", shape);
  return shape;
}
