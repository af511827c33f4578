// The stages around random features. Pure: sizes in, stages out.

import type { Operand, PanelProgram } from "../engine/program.ts";
import type { HeadLayout } from "../validate/heads.ts";
import { addPacking, packedSize } from "./matmul.ts";

/** Directions of features as a program has them. */
export interface Directions {
  /** Packed in panels. */
  readonly operand: Operand;
  readonly count: number;
  /** Floats from one row of features to the next: whole panels. */
  readonly stride: number;
}

/** Rows of a tile: 5 and 6 divide it, and 60 rows of 64 floats stay in the L1 cache beside a panel of directions. */
const FEATURE_ROWS = 60;
/** Rows of values of a tile: some tens of microseconds. */
const VALUE_ROWS = 256;
/** Operations an exponential takes. */
const EXPONENTIAL_WORK = 30;

/** Packs directions `[count, size]` for all heads. */
export function addDirections(
  program: PanelProgram,
  data: Float32Array,
  count: number,
  size: number,
): Directions {
  const operand = program.temporary(packedSize(count, size, program.sizes) * 4);
  const source = program.input(data);
  addPacking(program, {
    source,
    target: operand,
    columns: count,
    depth: size,
    depthStride: 1,
    columnStride: size,
  });
  const { panel } = program.sizes;
  return { operand, count, stride: Math.ceil(count / panel) * panel };
}

/** Features `[B, heads, length, stride]` of rows of heads; with `logScales` also what each row was divided by. */
export function addFeatures(
  program: PanelProgram,
  rows: HeadLayout,
  input: Operand,
  directions: Directions,
  more: {
    readonly scale: number;
    readonly epsilon: number;
    readonly logScales?: Operand;
    readonly lengths?: Operand;
  },
): Operand {
  const { batch, heads, length, size } = rows;
  const { count, stride } = directions;
  const floats = batch * heads * length * stride;
  const features = program.temporary(floats * 4);
  const cut = cutRows(rows, FEATURE_ROWS);
  program.stage(
    "randomFeatures",
    {
      input,
      directions: directions.operand,
      features,
      logScales: more.logScales,
      lengths: more.lengths,
      ...cut.fields,
      headSize: size,
      count,
      scale: more.scale,
      epsilon: more.epsilon,
      inputBatchStride: rows.batchStride * 4,
      inputHeadStride: rows.headStride * 4,
      inputRowStride: rows.rowStride * 4,
      featureStride: stride * 4,
    },
    { tiles: cut.tiles, work: floats * (2 * size + EXPONENTIAL_WORK) },
  );
  return features;
}

/**
 * Values times e^(logScale - largest), and that weight as the last column, into rows of V + 1. With `decays`, one number a
 * row of `[B, heads, length]`, the largest is that of the rows so far, and decays say how what was summed before shrinks.
 */
export function addWeightedValues(
  program: PanelProgram,
  values: HeadLayout,
  output: HeadLayout,
  operands: {
    readonly value: Operand;
    readonly logScales: Operand;
    readonly output: Operand;
    readonly decays?: Operand;
  },
): void {
  const cut = cutRows(values, VALUE_ROWS);
  program.stage(
    "weightedValues",
    {
      ...operands,
      ...cut.fields,
      valueSize: values.size,
      valueBatchStride: values.batchStride * 4,
      valueHeadStride: values.headStride * 4,
      valueRowStride: values.rowStride * 4,
      ...outputStrides(output),
    },
    { tiles: cut.tiles, work: cut.rows * (output.size + EXPONENTIAL_WORK) },
  );
}

/** Rows of V + 1 sums become V quotients. */
export function addQuotients(
  program: PanelProgram,
  sums: HeadLayout,
  output: HeadLayout,
  operands: { readonly input: Operand; readonly output: Operand },
): void {
  const cut = cutRows(output, VALUE_ROWS);
  program.stage(
    "quotient",
    {
      ...operands,
      ...cut.fields,
      valueSize: output.size,
      inputBatchStride: sums.batchStride * 4,
      inputHeadStride: sums.headStride * 4,
      inputRowStride: sums.rowStride * 4,
      ...outputStrides(output),
    },
    { tiles: cut.tiles, work: cut.rows * output.size },
  );
}

/** Tiles of so many rows, each of one head, and what kernels are told of them. */
function cutRows({ batch, heads, length }: HeadLayout, rowsPerTile: number): RowCut {
  const tilesPerHead = Math.ceil(length / rowsPerTile);
  return {
    rows: batch * heads * length,
    tiles: batch * heads * tilesPerHead,
    fields: { heads, length, rowsPerTile, tilesPerHead },
  };
}

interface RowCut {
  readonly rows: number;
  readonly tiles: number;
  readonly fields: {
    readonly heads: number;
    readonly length: number;
    readonly rowsPerTile: number;
    readonly tilesPerHead: number;
  };
}

function outputStrides({ batchStride, headStride, rowStride }: HeadLayout): {
  outputBatchStride: number;
  outputHeadStride: number;
  outputRowStride: number;
} {
  return {
    outputBatchStride: batchStride * 4,
    outputHeadStride: headStride * 4,
    outputRowStride: rowStride * 4,
  };
}
