// Which kernel runs a matrix product, in which pieces. Pure: sizes in, stages out.

import { DEPTH_BLOCK, type KernelSizes } from "../engine/generated/kernels.ts";
import type { Operand, PanelProgram } from "../engine/program.ts";

/** One product, or a batch of them: sizes, operands and strides in elements. */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly batch: number;
  readonly a: Operand;
  readonly b: Operand;
  readonly bias?: Operand;
  readonly result: Operand;
  readonly scale: number;
  readonly aRowStride: number;
  readonly aDepthStride: number;
  readonly bDepthStride: number;
  readonly bColumnStride: number;
  /** b is packed already, see `addPacking`. */
  readonly packed: boolean;
  readonly aBatchStride?: number;
  readonly bBatchStride?: number;
  /** Row stride and batch stride of the result, where it is not contiguous. */
  readonly resultRowStride?: number;
  readonly resultBatchStride?: number;
  /** Byte offsets of each entry's operand, where batch dimensions broadcast. */
  readonly aOffsets?: Operand;
  readonly bOffsets?: Operand;
}

/** Rows of a tile: enough that packing a panel for them costs half a percent, few enough for the L2 cache; 5 and 6 divide it. */
const TILE_ROWS = 240;
/** Operations of a tile: under half a millisecond at 25 GFLOP/s. */
const TILE_WORK = 1e7;
/** Reading an element of b from memory takes as long as this many operations: a tile of few rows is bound by that. */
const TILE_WORK_PER_ELEMENT = 32;
/** Panel rows of scratch: a panel, and the edge tile of results. */
const SCRATCH_ROWS: number = DEPTH_BLOCK + 8;

/** Adds a batch of products to a program. */
export function addProduct(program: PanelProgram, p: Product): void {
  const { panel } = program.sizes;
  const rowTiles = Math.ceil(p.rows / TILE_ROWS);
  const rowsPerTile = Math.ceil(p.rows / rowTiles / 30) * 30;
  const widest = Math.ceil(p.columns / panel) * panel;
  const perColumn = Math.max(TILE_WORK_PER_ELEMENT, 2 * Math.min(rowsPerTile, p.rows)) * Math.max(1, p.depth);
  const affordable = Math.floor(TILE_WORK / perColumn / panel) * panel;
  const columnsPerTile = Math.min(widest, Math.max(panel, affordable));
  const columnTiles = Math.ceil(p.columns / columnsPerTile);
  const resultRowStride = p.resultRowStride ?? p.columns;
  program.stage(
    "matmul",
    {
      a: p.a,
      b: p.b,
      bias: p.bias,
      result: p.result,
      aOffsets: p.aOffsets,
      bOffsets: p.bOffsets,
      rows: p.rows,
      columns: p.columns,
      depth: p.depth,
      rowsPerTile,
      columnsPerTile,
      rowTiles,
      columnTiles,
      packed: p.packed ? 1 : 0,
      scale: p.scale,
      aBatchStride: (p.aBatchStride ?? 0) * 4,
      bBatchStride: (p.bBatchStride ?? 0) * 4,
      resultBatchStride: (p.resultBatchStride ?? p.rows * p.columns) * 4,
      aRowStride: p.aRowStride * 4,
      aDepthStride: p.aDepthStride * 4,
      bDepthStride: p.bDepthStride * 4,
      bColumnStride: p.bColumnStride * 4,
      resultRowStride: resultRowStride * 4,
    },
    {
      tiles: p.rows === 0 || p.columns === 0 ? 0 : p.batch * rowTiles * columnTiles,
      scratch: SCRATCH_ROWS * panel * 4,
      work: 2 * p.batch * p.rows * p.columns * p.depth,
    },
  );
}

/** Floats of a matrix packed in panels. */
export function packedSize(columns: number, depth: number, { panel }: KernelSizes): number {
  return Math.ceil(columns / panel) * panel * depth;
}

/** Adds the packing of a matrix that many products will use. */
export function addPacking(
  program: PanelProgram,
  m: {
    readonly source: Operand;
    readonly target: Operand;
    readonly columns: number;
    readonly depth: number;
    readonly depthStride: number;
    readonly columnStride: number;
  },
): void {
  const { panel } = program.sizes;
  const panelsPerTile = Math.max(1, Math.floor(65536 / Math.max(1, m.depth * panel)));
  program.stage(
    "pack",
    {
      source: m.source,
      target: m.target,
      columns: m.columns,
      depth: m.depth,
      panelsPerTile,
      depthStride: m.depthStride * 4,
      columnStride: m.columnStride * 4,
    },
    { tiles: Math.ceil(Math.ceil(m.columns / panel) / panelsPerTile), work: m.columns * m.depth },
  );
}
