// The matrix product from arguments to program.

import type { KernelSizes } from "../engine/generated/kernels.ts";
import { type Call, PanelProgram } from "../engine/program.ts";
import { AttentionError } from "../errors.ts";
import { addProduct } from "../plan/matmul.ts";
import { offsetsOf } from "../plan/softmax.ts";
import { shapeError, type Tensor } from "../tensor.ts";
import { type ReadTensor, readTensor, sizeOf, type TensorLike } from "../tensor-like.ts";
import { broadcastShapes, broadcastStrides } from "../validate/broadcast.ts";
import { checkFlag, checkFloat, readOptions } from "../validate/options.ts";
import { checkTarget } from "../validate/target.ts";
import type { CallOptions } from "./call-options.ts";

/** Options of `matmul`. */
export interface MatmulOptions extends CallOptions {
  /** Read `a` as `[..., K, M]`. A vector stays as it is. Default false. */
  readonly transposeA?: boolean | undefined;
  /** Read `b` as `[..., N, K]`. A vector stays as it is. Default false. */
  readonly transposeB?: boolean | undefined;
  /** `[N]`, added to every row of the result. */
  readonly bias?: TensorLike<Float32Array> | undefined;
  /** Factor on the product, not on the bias. Default 1. */
  readonly scale?: number | undefined;
  /** Write the result into this tensor, of the result's shape, instead of making one. */
  readonly out?: TensorLike<Float32Array> | undefined;
}

const names: ReadonlySet<string> = new Set([
  "transposeA",
  "transposeB",
  "bias",
  "scale",
  "out",
  "engine",
  "signal",
]);

/** @internal Matrices of `rows` x `columns`, stacked in `batch` dimensions; strides in elements. */
export interface Matrices {
  readonly data: Float32Array;
  readonly batch: readonly number[];
  readonly rows: number;
  readonly columns: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** @internal Checks the arguments and plans the call; nothing is written yet. */
export function matmulCall(
  a: TensorLike,
  b: TensorLike,
  given: MatmulOptions = {},
  sizes: KernelSizes,
): Call<Tensor> {
  const options = readOptions(given, names);
  const { scale = 1, transposeA = false, transposeB = false } = options;
  checkFloat("scale", scale);
  checkFlag("transposeA", transposeA);
  checkFlag("transposeB", transposeB);
  const [first, second] = [readTensor("a", a), readTensor("b", b)];
  const left = viewMatrices("a", first, "row", transposeA);
  const right = viewMatrices("b", second, "column", transposeB);
  if (left.columns !== right.rows)
    throw new AttentionError(
      "ERR_SHAPE",
      `"b" expected K=${left.columns} as in "a" [${first.shape.join(", ")}], got ${right.rows} in [${second.shape.join(", ")}]`,
    );
  const batch = broadcastShapes("b", left.batch, right.batch);
  const shape = [...batch];
  if (first.shape.length > 1) shape.push(left.rows);
  if (second.shape.length > 1) shape.push(right.columns);
  const bias = readBias(options.bias, shape.at(-1) ?? 1);
  const inputs = [first.data, second.data, ...(bias ? [bias] : [])];
  const { tensor: result, data } = checkTarget("out", options.out, shape, inputs);
  // A vector b is a row times the transpose of a: the result, and with it the bias, then runs along a row.
  const [rows, columns] = second.shape.length > 1 ? [left, right] : [transposed(right), transposed(left)];
  const program = planProduct(rows, columns, batch, data, scale, bias, sizes);
  return { program, result, signal: options.signal, engine: options.engine };
}

function planProduct(
  a: Matrices,
  b: Matrices,
  batch: readonly number[],
  target: Float32Array,
  scale: number,
  bias: Float32Array | undefined,
  sizes: KernelSizes,
): PanelProgram {
  const program = new PanelProgram("matmul", sizes);
  if (target.length === 0) return program;
  // One b for all of a's matrices: they are one tall matrix. Those of one row, transposed, are not: their rows are as far
  // apart as the matrices.
  const rowMajor = a.columnStride === 1 && a.rowStride === a.columns;
  const tall = sizeOf(b.batch) === 1 && rowMajor && sizeOf(a.batch) === sizeOf(batch);
  const count = tall ? 1 : sizeOf(batch);
  const broadcast = count > 1 && (sizeOf(a.batch) !== count || sizeOf(b.batch) !== count);
  const offsets = (m: Matrices, name: string): number =>
    program.input(offsetsOf(batch, broadcastStrides(name, m.batch, batch), m.rows * m.columns * 4));
  addProduct(program, {
    rows: tall ? a.rows * sizeOf(batch) : a.rows,
    columns: b.columns,
    depth: a.columns,
    batch: count,
    a: program.input(a.data),
    b: program.input(b.data),
    bias: bias && program.input(bias),
    result: program.output(target),
    scale,
    aRowStride: a.rowStride,
    aDepthStride: a.columnStride,
    bDepthStride: b.rowStride,
    bColumnStride: b.columnStride,
    packed: false,
    aBatchStride: a.rows * a.columns,
    bBatchStride: b.rows * b.columns,
    aOffsets: broadcast ? offsets(a, "a") : undefined,
    bOffsets: broadcast ? offsets(b, "b") : undefined,
  });
  return program;
}

/** A vector `a` is a row, a vector `b` a column, as in NumPy. */
function viewMatrices(
  name: string,
  { data, shape }: ReadTensor,
  vectorAs: "row" | "column",
  transpose: boolean,
): Matrices {
  if (shape.length === 0)
    throw new AttentionError("ERR_SHAPE", `"${name}" expected a tensor of rank 1 or more, got a scalar`);
  if (shape.length === 1) {
    const [rows, columns] = vectorAs === "row" ? [1, shape[0]!] : [shape[0]!, 1];
    return { data, batch: [], rows, columns, rowStride: columns, columnStride: 1 };
  }
  const rows = shape[shape.length - 2]!;
  const columns = shape[shape.length - 1]!;
  const batch = shape.slice(0, -2);
  return transpose
    ? { data, batch, rows: columns, columns: rows, rowStride: 1, columnStride: columns }
    : { data, batch, rows, columns, rowStride: columns, columnStride: 1 };
}

function transposed({ data, batch, rows, columns, rowStride, columnStride }: Matrices): Matrices {
  return { data, batch, rows: columns, columns: rows, rowStride: columnStride, columnStride: rowStride };
}

function readBias(bias: TensorLike | undefined, length: number): Float32Array | undefined {
  if (bias === undefined) return undefined;
  const { data, shape } = readTensor("bias", bias);
  if (shape.length !== 1 || shape[0] !== length) throw shapeError("bias", `shape [N=${length}]`, shape);
  return data;
}
