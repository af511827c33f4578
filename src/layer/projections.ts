// Projections of tokens as stages: they write the heads of a token side by side, [B, length, heads, D], and attention reads
// them there.

import type { Operand, PanelProgram } from "../engine/program.ts";
import { addProduct } from "../plan/matmul.ts";
import { addRotation, type RotationTables } from "../plan/rotary.ts";
import type { PackedProjection } from "./packed-weights.ts";

/** Rows of tokens per entry, and how many rows the entry has room for in the result. */
export interface Rows {
  readonly batch: number;
  readonly rows: number;
  readonly width: number;
}

export function project(
  program: PanelProgram,
  projection: PackedProjection,
  x: Operand,
  rows: Rows,
): Operand {
  const result = program.temporary(rows.batch * rows.width * projection.columns * 4);
  projectInto(program, projection, x, result, rows);
  return result;
}

/** What turns heads: RMS norm and rotary positions, where the layer has them. */
export interface Turn {
  readonly norm: Float32Array | undefined;
  readonly tables: RotationTables | undefined;
}

/**
 * Adds the turn of projected heads, where there is one. It goes to a place of its own: a tile that is computed anew
 * after a worker died must find its input unturned.
 */
export function turnHeads(
  program: PanelProgram,
  input: Operand,
  { batch, rows, width }: Rows,
  [heads, headSize]: readonly [number, number],
  { norm, tables }: Turn,
): Operand {
  if (norm === undefined && tables === undefined) return input;
  const output = program.temporary(batch * width * heads * headSize * 4);
  addRotation(program, {
    input,
    output,
    entries: batch,
    rowsPerEntry: rows * heads,
    rowsPerPosition: heads,
    positions: rows,
    headSize,
    entryStride: width * heads * headSize,
    tables,
    norm: norm && { weight: norm, epsilon: NORM_EPSILON },
  });
  return output;
}

/** As in Qwen3's published configuration. */
const NORM_EPSILON = 1e-6;

export function projectInto(
  program: PanelProgram,
  { weight, bias, columns, depth }: PackedProjection,
  x: Operand,
  result: Operand,
  { batch, rows, width }: Rows,
): void {
  // Entries that follow one another without a gap are one tall matrix.
  const tall = rows === width;
  addProduct(program, {
    rows: tall ? batch * rows : rows,
    columns,
    depth,
    batch: tall ? 1 : batch,
    a: x,
    b: program.input(weight.data),
    bias: bias && program.input(bias),
    result,
    scale: 1,
    aRowStride: depth,
    aDepthStride: 1,
    bDepthStride: 0,
    bColumnStride: 0,
    packed: true,
    aBatchStride: rows * depth,
    resultBatchStride: width * columns,
  });
}
