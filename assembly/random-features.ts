// Positive random features (Choromanski et al. 2021, FAVOR+): for rows x of a head and directions w,
//
//   t_r = scale w_r.x,   feature_r = e^(t_r - max t) + epsilon,   logScale = max t - |scale x|^2 / 2
//
// so that e^(t_r - |scale x|^2 / 2) is e^logScale times the feature. Each row is divided by its own largest feature: no
// exponent is above 0, whatever the input, and a row does not depend on its neighbours. For a query the scale cancels
// against the denominator; that of a key goes into its value (weighted-values.ts).
//
// A tile is a block of rows times all panels of directions: the block stays in L1 (60 rows of 64 floats are 15 KiB), the
// directions (256 x 64: 64 KiB) in L2. The products land where the features belong, which is read and written once more
// for the exponentials, out of the cache. A tile begins from its input, so it may be computed anew.

import {
  coefficient2, coefficient3, coefficient4, coefficient5, coefficient6, exponential_f32x4, ln2, ln2Rest, log2e, lowest, one, rounder,
} from "./exponential";
import { multiplyRows } from "./matmul";
import { RandomFeaturesParameters } from "./parameters";
import { largestLane, loadTail_f32x4, sumLanes } from "./simd";
import { LANES, PANEL, PANEL_BYTES, ROWS } from "./tile-sizes";

export function randomFeaturesTile(address: usize, tile: i32): void {
  const p = changetype<RandomFeaturesParameters>(address);
  const head = tile / p.tilesPerHead;
  const first = (tile % p.tilesPerHead) * p.rowsPerTile;
  const last = min(first + p.rowsPerTile, p.length);
  const entry = head / p.heads;
  const valid = max(first, min(last, p.lengths == 0 ? last : load<i32>(p.lengths + (entry << 2))));
  const rows = p.input + entry * p.inputBatchStride + (head % p.heads) * p.inputHeadStride;
  const features = p.features + <usize>(head * p.length) * p.featureStride;
  const logScales = p.logScales == 0 ? 0 : p.logScales + (<usize>(head * p.length) << 2);

  project(p, valid - first, rows + first * p.inputRowStride, features + first * p.featureStride);
  for (let i = first; i < valid; i++) {
    const row = features + i * p.featureStride;
    const largest = scaleRow(row, p.count, p.scale);
    exponentiateRow(row, p.count, largest, p.epsilon);
    if (logScales)
      store<f32>(logScales + (i << 2), largest - squaredNorm(rows + i * p.inputRowStride, p.headSize, p.scale) / 2);
  }
  for (let i = valid; i < last; i++) {
    memory.fill(features + i * p.featureStride, 0, paddedCount(p.count) << 2);
    if (logScales) store<f32>(logScales + (i << 2), -Infinity);
  }
}

/** Features of a row with those that fill up the last panel. */
function paddedCount(count: i32): i32 {
  return (count + PANEL - 1) & ~(PANEL - 1);
}

/** w.x of all rows and directions. */
function project(p: RandomFeaturesParameters, rows: i32, input: usize, features: usize): void {
  const panelBytes: usize = <usize>p.headSize * PANEL_BYTES;
  const panels = paddedCount(p.count) / PANEL;
  for (let panel: i32 = 0; panel < panels; panel++) {
    const directions = p.directions + panel * panelBytes;
    const target = features + panel * PANEL_BYTES;
    for (let i: i32 = 0; i < rows; i += ROWS)
      multiplyRows(
        min(ROWS, rows - i), p.headSize, input + i * p.inputRowStride, p.inputRowStride, 4, directions,
        target + i * p.featureStride, p.featureStride, true,
      );
  }
}

/** Scales a row and gives its largest element; what fills up its last panel becomes -infinity. */
function scaleRow(row: usize, count: i32, scale: f32): f32 {
  const padded = paddedCount(count);
  const factor = f32x4.splat(scale);
  let maximum_f32x4 = f32x4.splat(-Infinity);
  for (let r = count; r < padded; r++) store<f32>(row + (r << 2), -Infinity);
  for (let r: i32 = 0; r < padded; r += LANES) {
    const t = f32x4.mul(v128.load(row + (r << 2)), factor);
    v128.store(row + (r << 2), t);
    maximum_f32x4 = f32x4.pmax(maximum_f32x4, t);
  }
  return largestLane(maximum_f32x4);
}

/** Replaces t by e^(t - largest) + epsilon. */
function exponentiateRow(row: usize, count: i32, largest: f32, epsilon: f32): void {
  const low = lowest(), l2e = log2e(), round = rounder(), l2 = ln2(), l2r = ln2Rest();
  const c6 = coefficient6(), c5 = coefficient5(), c4 = coefficient4(), c3 = coefficient3(), c2 = coefficient2(), c1 = one();
  const shift = f32x4.splat(largest);
  const more = f32x4.splat(epsilon);
  const end = row + (<usize>paddedCount(count) << 2);
  for (; row < end; row += 16) {
    const x = f32x4.sub(v128.load(row), shift);
    v128.store(row, f32x4.add(exponential_f32x4(x, low, l2e, round, l2, l2r, c6, c5, c4, c3, c2, c1), more));
  }
}

/** |scale x|^2. */
function squaredNorm(row: usize, size: i32, scale: f32): f32 {
  const factor = f32x4.splat(scale);
  let sum_f32x4 = f32x4.splat(0);
  let e: i32 = 0;
  for (; e + LANES <= size; e += LANES) {
    const x = f32x4.mul(v128.load(row + (e << 2)), factor);
    sum_f32x4 = f32x4.add(sum_f32x4, f32x4.mul(x, x));
  }
  if (e < size) {
    const x = f32x4.mul(loadTail_f32x4(row + (e << 2), size - e, 0), factor);
    sum_f32x4 = f32x4.add(sum_f32x4, f32x4.mul(x, x));
  }
  return sumLanes(sum_f32x4);
}
