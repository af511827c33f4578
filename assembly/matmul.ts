// The matrix product: result = scale * (a b) + bias, cut in tiles of rows x columns, one tile a call.
//
// A tile walks the depth in blocks, a block in panels of 8 columns, a panel in register tiles of ROWS rows:
//
//   for each depth block                        the panel (12 KiB) stays in L1
//     for each panel of 8 columns               packed here, or once and for all by packTile
//       for each ROWS rows                      a is read in place, by rows: from L2, one load for 8 products
//         c[ROWS][8] (+)= a[ROWS][k] b[k][8]    in registers; read and written once a depth block
//
// Every element adds its products in the order of k, whatever the tile, the height or the packing: a row of a batch
// gives the same bits as the row alone. Packing costs 1 / rowsPerTile of the arithmetic.

import {
  productTile1, productTile2, productTile3, productTile4, productTile5, productTile6,
} from "./generated/tiles";
import { MatmulParameters } from "./parameters";
import { packPanel } from "./pack";
import { loadTail_f32x4, madd_f32x4, storeTail_f32x4 } from "./simd";
import { DEPTH_BLOCK, LANES, PANEL, PANEL_BYTES, ROWS } from "./tile-sizes";

/** Below this many rows a product is bound by reading b, and packing it would be most of the work. */
const FEW_ROWS: i32 = 4;

/** Scratch: one packed panel, then a tile of results for the columns that do not fill a panel. */
const EDGE: usize = DEPTH_BLOCK * PANEL_BYTES;

export function matmulTile(address: usize, tile: i32, scratch: usize): void {
  const p = changetype<MatmulParameters>(address);
  const perEntry = p.rowTiles * p.columnTiles;
  const entry = tile / perEntry;
  const part = tile % perEntry;
  const row = (part / p.columnTiles) * p.rowsPerTile;
  const column = (part % p.columnTiles) * p.columnsPerTile;
  const rows = min(p.rowsPerTile, p.rows - row);
  const columns = min(p.columnsPerTile, p.columns - column);

  const a = p.a + entryOffset(p.aOffsets, p.aBatchStride, entry) + row * p.aRowStride;
  const b = p.b + entryOffset(p.bOffsets, p.bBatchStride, entry);
  const result = p.result + entry * p.resultBatchStride + row * p.resultRowStride;

  if (p.depth == 0) return multiplyNothing(p, result, rows, column, columns);
  if (!p.packed && p.bColumnStride == 4 && rows < FEW_ROWS) {
    multiplyFewRows(p, a, b + column * 4, result + column * 4, rows, columns);
    if (p.scale != 1 || p.bias != 0) scaleAndAddBias(p, result + column * 4, rows, column, columns);
    return;
  }
  for (let k: i32 = 0; k < p.depth; k += DEPTH_BLOCK) {
    const depth = min(DEPTH_BLOCK, p.depth - k);
    for (let c = column; c < column + columns; c += PANEL) {
      const count = min(PANEL, column + columns - c);
      let panel = b + <usize>((c / PANEL) * p.depth + k) * PANEL_BYTES;
      if (!p.packed) {
        panel = scratch;
        packPanel(depth, b + c * p.bColumnStride + k * p.bDepthStride, p.bDepthStride, p.bColumnStride, count, panel);
      }
      multiplyPanel(p, depth, a + k * p.aDepthStride, rows, panel, result + c * 4, count, k == 0, scratch);
    }
  }
  if (p.scale != 1 || p.bias != 0) scaleAndAddBias(p, result + column * 4, rows, column, columns);
}

function entryOffset(offsets: usize, stride: usize, entry: i32): usize {
  return offsets == 0 ? entry * stride : load<u32>(offsets + (entry << 2));
}

/** Few rows: packing b would cost as much as the product. Each row of the result is a sum of rows of b, read in order. */
function multiplyFewRows(p: MatmulParameters, a: usize, b: usize, result: usize, rows: i32, columns: i32): void {
  for (let i: i32 = 0; i < rows; i++) {
    const row = result + i * p.resultRowStride;
    memory.fill(row, 0, columns << 2);
    let factor = a + i * p.aRowStride;
    let source = b;
    let k: i32 = 0;
    for (; k + 4 <= p.depth; k += 4) {
      addFourRows(columns, factor, p.aDepthStride, source, p.bDepthStride, row);
      factor += 4 * p.aDepthStride;
      source += 4 * p.bDepthStride;
    }
    for (; k < p.depth; k++) {
      addRow(columns, v128.load32_splat(factor), source, row);
      factor += p.aDepthStride;
      source += p.bDepthStride;
    }
  }
}

/** c += a0 b0 + a1 b1 + a2 b2 + a3 b3, in this order: c is read and written once for four rows of b. */
function addFourRows(columns: i32, a: usize, aStride: usize, b0: usize, stride: usize, c: usize): void {
  const a0 = v128.load32_splat(a), a1 = v128.load32_splat(a + aStride);
  const a2 = v128.load32_splat(a + 2 * aStride), a3 = v128.load32_splat(a + 3 * aStride);
  const b1 = b0 + stride, b2 = b1 + stride, b3 = b2 + stride;
  const whole: usize = (columns & ~(LANES - 1)) << 2;
  for (let at: usize = 0; at < whole; at += 16) {
    let sum = madd_f32x4(a0, v128.load(b0 + at), v128.load(c + at));
    sum = madd_f32x4(a1, v128.load(b1 + at), sum);
    sum = madd_f32x4(a2, v128.load(b2 + at), sum);
    v128.store(c + at, madd_f32x4(a3, v128.load(b3 + at), sum));
  }
  const rest = columns & (LANES - 1);
  if (rest == 0) return;
  let sum = madd_f32x4(a0, loadTail_f32x4(b0 + whole, rest, 0), loadTail_f32x4(c + whole, rest, 0));
  sum = madd_f32x4(a1, loadTail_f32x4(b1 + whole, rest, 0), sum);
  sum = madd_f32x4(a2, loadTail_f32x4(b2 + whole, rest, 0), sum);
  storeTail_f32x4(c + whole, madd_f32x4(a3, loadTail_f32x4(b3 + whole, rest, 0), sum), rest);
}

function addRow(columns: i32, a: v128, b: usize, c: usize): void {
  const whole: usize = (columns & ~(LANES - 1)) << 2;
  for (let at: usize = 0; at < whole; at += 16)
    v128.store(c + at, madd_f32x4(a, v128.load(b + at), v128.load(c + at)));
  const rest = columns & (LANES - 1);
  if (rest == 0) return;
  const sum = madd_f32x4(a, loadTail_f32x4(b + whole, rest, 0), loadTail_f32x4(c + whole, rest, 0));
  storeTail_f32x4(c + whole, sum, rest);
}

/** A product over nothing is zero, plus the bias. */
function multiplyNothing(p: MatmulParameters, result: usize, rows: i32, column: i32, columns: i32): void {
  for (let i: i32 = 0; i < rows; i++) {
    for (let j = column; j < column + columns; j++)
      store<f32>(result + i * p.resultRowStride + j * 4, p.bias == 0 ? 0 : load<f32>(p.bias + j * 4));
  }
}

/** All rows of the tile times one panel. Columns that do not fill it go through scratch: nothing past them is touched. */
function multiplyPanel(
  p: MatmulParameters, depth: i32, a: usize, rows: i32, panel: usize, result: usize, count: i32, first: bool,
  scratch: usize,
): void {
  const stride: usize = p.resultRowStride;
  for (let i: i32 = 0; i < rows; i += ROWS) {
    const height = min(ROWS, rows - i);
    const target = result + i * stride;
    const rowsOfA = a + i * p.aRowStride;
    if (count == PANEL) {
      multiplyRows(height, depth, rowsOfA, p.aRowStride, p.aDepthStride, panel, target, stride, first);
      continue;
    }
    const edge = scratch + EDGE;
    if (!first) copyBlock(target, stride, edge, PANEL_BYTES, height, count);
    multiplyRows(height, depth, rowsOfA, p.aRowStride, p.aDepthStride, panel, edge, PANEL_BYTES, first);
    copyBlock(edge, PANEL_BYTES, target, stride, height, count);
  }
}

function copyBlock(source: usize, sourceStride: usize, target: usize, targetStride: usize, rows: i32, columns: i32): void {
  for (let i: i32 = 0; i < rows; i++)
    memory.copy(target + i * targetStride, source + i * sourceStride, columns * 4);
}

/** Up to ROWS rows of a times a packed panel. */
export function multiplyRows(
  height: i32, depth: i32, a: usize, rowStride: usize, depthStride: usize, b: usize, c: usize, stride: usize, first: bool,
): void {
  switch (height) {
    case 6: return productTile6(depth, a, rowStride, depthStride, b, c, stride, first);
    case 5: return productTile5(depth, a, rowStride, depthStride, b, c, stride, first);
    case 4: return productTile4(depth, a, rowStride, depthStride, b, c, stride, first);
    case 3: return productTile3(depth, a, rowStride, depthStride, b, c, stride, first);
    case 2: return productTile2(depth, a, rowStride, depthStride, b, c, stride, first);
    default: return productTile1(depth, a, rowStride, depthStride, b, c, stride, first);
  }
}

/** The last thing that happens to a tile, once all of the depth is in. */
function scaleAndAddBias(p: MatmulParameters, result: usize, rows: i32, column: i32, columns: i32): void {
  const factor = f32x4.splat(p.scale);
  const zero = f32x4.splat(0);
  for (let i: i32 = 0; i < rows; i++) {
    const row = result + i * p.resultRowStride;
    const bias = p.bias + column * 4;
    let j: i32 = 0;
    for (; j + LANES <= columns; j += LANES) {
      const at: usize = j << 2;
      v128.store(row + at, madd_f32x4(v128.load(row + at), factor, p.bias == 0 ? zero : v128.load(bias + at)));
    }
    if (j == columns) continue;
    const at: usize = j << 2;
    const rest = p.bias == 0 ? zero : loadTail_f32x4(bias + at, columns - j, 0);
    storeTail_f32x4(row + at, madd_f32x4(loadTail_f32x4(row + at, columns - j, 0), factor, rest), columns - j);
  }
}
