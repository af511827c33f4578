import { AttentionError } from "../errors.ts";
import { shapeOf, sizeOf } from "../tensor-like.ts";
import { broadcastShapes, broadcastStrides, indexAt, offsetOf } from "../validate/broadcast.ts";
import { readFloats } from "../validate/floats.ts";
import { checkNumber } from "../validate/options.ts";
import type { ReferenceInput, ReferenceTensor } from "./tensor.ts";

/** Options of the reference matrix product. */
export interface ReferenceMatmulOptions {
  /** Read `a` as `[..., K, M]`. A vector stays as it is. */
  readonly transposeA?: boolean | undefined;
  /** Read `b` as `[..., N, K]`. A vector stays as it is. */
  readonly transposeB?: boolean | undefined;
  /** Added along the last dimension of the result. */
  readonly bias?: ReferenceInput | undefined;
  /** Factor on the product, not on the bias. Default 1. */
  readonly scale?: number | undefined;
}

/** Matrices of `rows` x `columns`, stacked in `batch` dimensions. */
interface Matrices {
  readonly data: Float32Array | Float64Array;
  readonly batch: readonly number[];
  readonly rows: number;
  readonly columns: number;
  /** How far apart neighbours lie down a column, and along a row. */
  readonly rowStride: number;
  readonly columnStride: number;
}

/**
 * Matrix product scale * (a b) + bias, as NumPy's `matmul`: batch dimensions broadcast, a 1-D `a` is a row
 * and a 1-D `b` a column whose dimension of 1 is dropped from the result.
 *
 * @param a `[..., M, K]` or `[K]`
 * @param b `[..., K, N]` or `[K]`
 * @returns `[..., M, N]`, without M or N where `a` or `b` is 1-D
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { matmul } from "wasm-attention/reference";
 * const a = { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] };
 * console.log(matmul(a, a, { transposeB: true }).data); // Float64Array(4) [ 5, 11, 11, 25 ]
 * ```
 */
export function matmul(
  a: ReferenceInput,
  b: ReferenceInput,
  options: ReferenceMatmulOptions = {},
): ReferenceTensor {
  const { scale = 1, transposeA = false, transposeB = false } = options;
  checkNumber("scale", scale);
  const left = readMatrices("a", a, "row", transposeA);
  const right = readMatrices("b", b, "column", transposeB);
  if (left.columns !== right.rows)
    throw new AttentionError(
      "ERR_SHAPE",
      `"b" expected K=${left.columns} as in "a" [${shapeOf(a).join(", ")}], got ${right.rows} in [${shapeOf(b).join(", ")}]`,
    );
  const batch = broadcastShapes("b", left.batch, right.batch);
  const product = multiply(left, right, batch);
  const shape = [...batch];
  if (shapeOf(a).length > 1) shape.push(left.rows);
  if (shapeOf(b).length > 1) shape.push(right.columns);
  const bias = readBias(options.bias, shape);
  // Where there is no last dimension, the one element takes the one bias.
  const data = product.map((sum, i) => scale * sum + (bias ? bias[i % bias.length]! : 0));
  return { data, shape };
}

function readMatrices(
  name: string,
  tensor: ReferenceInput,
  vectorAs: "row" | "column",
  transpose: boolean,
): Matrices {
  const { data, shape } = readFloats(name, tensor);
  if (shape.length === 0)
    throw new AttentionError("ERR_SHAPE", `"${name}" expected a tensor of rank 1 or more, got a scalar`);
  if (shape.length === 1) {
    const [rows, columns] = vectorAs === "row" ? [1, shape[0]!] : [shape[0]!, 1];
    return { data, batch: [], rows, columns, rowStride: 1, columnStride: 1 };
  }
  const [rows, columns] = [shape.at(-2)!, shape.at(-1)!];
  const batch = shape.slice(0, -2);
  return transpose
    ? { data, batch, rows: columns, columns: rows, rowStride: 1, columnStride: columns }
    : { data, batch, rows, columns, rowStride: columns, columnStride: 1 };
}

/** The products of all pairs of matrices, row-major, batch dimensions broadcast. */
function multiply(a: Matrices, b: Matrices, batch: readonly number[]): Float64Array {
  const [M, K, N] = [a.rows, a.columns, b.columns];
  const strideA = broadcastStrides("a", a.batch, batch);
  const strideB = broadcastStrides("b", b.batch, batch);
  const count = sizeOf(batch);
  const result = new Float64Array(count * M * N);
  for (let n = 0; n < count; n++) {
    const index = indexAt(n, batch);
    const startA = offsetOf(index, strideA) * M * K;
    const startB = offsetOf(index, strideB) * K * N;
    for (let i = 0; i < M; i++)
      for (let j = 0; j < N; j++) {
        let sum = 0;
        for (let k = 0; k < K; k++)
          sum +=
            a.data[startA + i * a.rowStride + k * a.columnStride]! *
            b.data[startB + k * b.rowStride + j * b.columnStride]!;
        result[(n * M + i) * N + j] = sum;
      }
  }
  return result;
}

function readBias(
  bias: ReferenceInput | undefined,
  shape: readonly number[],
): Float32Array | Float64Array | undefined {
  if (bias === undefined) return undefined;
  const { data, shape: biasShape } = readFloats("bias", bias);
  const N = shape.at(-1) ?? 1;
  if (biasShape.length !== 1 || biasShape[0] !== N)
    throw new AttentionError("ERR_SHAPE", `"bias" expected shape [N=${N}], got [${biasShape.join(", ")}]`);
  return data;
}
