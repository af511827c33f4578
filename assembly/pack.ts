// Packing: a matrix whose columns become the lanes of a panel [depth][PANEL], so that the register tiles read it in order.
// Read once, written once; a panel of 384 steps stays in the L1 cache while a whole block of rows uses it.

import { LANES, PAIR, PAIR_BYTES, PANEL, PANEL_BYTES } from "./tile-sizes";
import { gather_f32x4, interleaveHigh, interleaveLow, joinHigh, joinLow, loadSome_f32x4 } from "./simd";
import { PackParameters } from "./parameters";

/** Four rows, contiguous in depth, become four lanes of a panel: 4 x 4 transposes, then one step at a time. */
export function packLanes(depth: i32, row0: usize, row1: usize, row2: usize, row3: usize, target: usize): void {
  let k: i32 = 0;
  for (; k + LANES <= depth; k += LANES) {
    const low01 = interleaveLow(v128.load(row0), v128.load(row1));
    const high01 = interleaveHigh(v128.load(row0), v128.load(row1));
    const low23 = interleaveLow(v128.load(row2), v128.load(row3));
    const high23 = interleaveHigh(v128.load(row2), v128.load(row3));
    v128.store(target, joinLow(low01, low23));
    v128.store(target, joinHigh(low01, low23), PANEL_BYTES);
    v128.store(target, joinLow(high01, high23), 2 * PANEL_BYTES);
    v128.store(target, joinHigh(high01, high23), 3 * PANEL_BYTES);
    row0 += 16;
    row1 += 16;
    row2 += 16;
    row3 += 16;
    target += 4 * PANEL_BYTES;
  }
  for (; k < depth; k++) {
    v128.store(target, gather_f32x4(row0, row1, row2, row3));
    row0 += 4;
    row1 += 4;
    row2 += 4;
    row3 += 4;
    target += PANEL_BYTES;
  }
}

/**
 * Packs `count` (1 to PANEL) columns of a matrix with any strides. The lanes past them repeat the last column or are
 * zero; what they compute is not stored.
 */
export function packPanel(
  depth: i32, source: usize, depthStride: usize, columnStride: usize, count: i32, target: usize,
): void {
  if (columnStride == 4) packRows(depth, source, depthStride, count, target);
  else if (depthStride == 4) {
    const last = count - 1;
    for (let lane: i32 = 0; lane < PANEL; lane += LANES)
      packLanes(
        depth, source + min(lane, last) * columnStride, source + min(lane + 1, last) * columnStride,
        source + min(lane + 2, last) * columnStride, source + min(lane + 3, last) * columnStride, target + (lane << 2),
      );
  } else packAnyhow(depth, source, depthStride, columnStride, count, target);
}

/** Columns that are contiguous already: each step of depth is copied. */
function packRows(depth: i32, source: usize, depthStride: usize, count: i32, target: usize): void {
  if (count == PANEL) {
    for (let k: i32 = 0; k < depth; k++) {
      copyPair(source, target);
      if (PANEL > PAIR) copyPair(source + PAIR_BYTES, target + PAIR_BYTES);
      source += depthStride;
      target += PANEL_BYTES;
    }
    return;
  }
  for (let k: i32 = 0; k < depth; k++) {
    for (let lane: i32 = 0; lane < PANEL; lane += LANES)
      v128.store(target + (lane << 2), loadSome_f32x4(source + (lane << 2), count - lane));
    source += depthStride;
    target += PANEL_BYTES;
  }
}

// @ts-ignore: decorator
@inline
function copyPair(source: usize, target: usize): void {
  const first = v128.load(source), second = v128.load(source, 16);
  v128.store(target, first);
  v128.store(target, second, 16);
}

function packAnyhow(
  depth: i32, source: usize, depthStride: usize, columnStride: usize, count: i32, target: usize,
): void {
  for (let k: i32 = 0; k < depth; k++) {
    for (let lane: i32 = 0; lane < PANEL; lane++)
      store<f32>(target + lane * 4, load<f32>(source + min(lane, count - 1) * columnStride));
    source += depthStride;
    target += PANEL_BYTES;
  }
}

/** Packs some panels of a matrix that many products will use. */
export function packTile(address: usize, tile: i32): void {
  const p = changetype<PackParameters>(address);
  const first = tile * p.panelsPerTile;
  const last = min(first + p.panelsPerTile, (p.columns + PANEL - 1) / PANEL);
  for (let panel = first; panel < last; panel++) {
    const column = panel * PANEL;
    packPanel(
      p.depth, p.source + column * p.columnStride, p.depthStride, p.columnStride,
      min(PANEL, p.columns - column), p.target + panel * p.depth * PANEL_BYTES,
    );
  }
}
