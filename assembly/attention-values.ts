// The product of a block of exponentials with V, added to a panel's sums. Where a key is not attended by every lane, a
// value that is NaN or infinite must not reach the others as 0 times it: then, and only then, the values are selected.

import { valueTile1, valueTile2, valueTile3, valueTile4, valueTile5, valueTile6 } from "./generated/tiles";
import { correctionsOf, everyEnd, everyFirst, fewQueriesOf, sumsOf, usedBytes } from "./attention-panel";
import { addFewValues } from "./attention-few";
import { attendingLanes } from "./attention-scores";
import { FLOAT32 } from "./pages";
import { AttentionParameters } from "./parameters";
import { gather_f32x4, madd_f32x4 } from "./simd";
import { BLOCK_BYTES, PANEL_BYTES, ROWS } from "./tile-sizes";

/** sums = sums * correction + p v. */
export function addValues(
  p: AttentionParameters, panel: usize, values: usize, from: i32, to: i32, powers: usize, select: bool,
): void {
  const sums = sumsOf(p, panel);
  const corrections = correctionsOf(panel);
  const size = p.valueSize;
  if (select || somePartlyAllowedValueIsNotFinite(p, panel, values, from, to))
    return addAllowedValues(p, panel, values, from, to, powers);
  const few = fewQueriesOf(panel);
  if (few > 0) return addFewValues(FLOAT32, few, size, values, p.valueRowStride, to - from, powers, sums, corrections);
  for (let column: i32 = 0; column < size; column += ROWS)
    addColumns(
      min(ROWS, size - column), to - from, values + (column << 2), p.valueRowStride, powers,
      sums + column * PANEL_BYTES, corrections,
    );
}

function addColumns(height: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize, correction: usize): void {
  switch (height) {
    case 6: return valueTile6(depth, a, stride, b, c, correction);
    case 5: return valueTile5(depth, a, stride, b, c, correction);
    case 4: return valueTile4(depth, a, stride, b, c, correction);
    case 3: return valueTile3(depth, a, stride, b, c, correction);
    case 2: return valueTile2(depth, a, stride, b, c, correction);
    default: return valueTile1(depth, a, stride, b, c, correction);
  }
}

/** Of the keys that only some lanes attend: is any value NaN or infinite? 0 times it would reach the others. */
function somePartlyAllowedValueIsNotFinite(p: AttentionParameters, panel: usize, values: usize, from: i32, to: i32): bool {
  const every = everyFirst(panel), end = everyEnd(panel);
  if (from >= every && to <= end) return false;
  for (let key = from; key < to; key++) {
    if (key >= every && key < end) continue;
    if (rowIsNotFinite(values + (key - from) * p.valueRowStride, p.valueSize)) return true;
  }
  return false;
}

export function someRowIsNotFinite(p: AttentionParameters, values: usize, from: i32, to: i32): bool {
  for (let key = from; key < to; key++) {
    if (rowIsNotFinite(values, p.valueSize)) return true;
    values += p.valueRowStride;
  }
  return false;
}

/** x * 0 is 0 for every finite x, NaN for the others; their sum is 0 or NaN. */
function rowIsNotFinite(row: usize, size: i32): bool {
  const zero = f32x4.splat(0);
  let sum = zero;
  let k: i32 = 0;
  for (; k + 4 <= size; k += 4) sum = f32x4.add(sum, f32x4.mul(v128.load(row + (k << 2)), zero));
  for (; k < size; k++) sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(row + (k << 2)), zero));
  return v128.any_true(f32x4.ne(sum, sum));
}

/** The selecting path: a lane that may not attend a key takes 0 in place of its value. Same order, same bits, slower. */
function addAllowedValues(p: AttentionParameters, panel: usize, values: usize, from: i32, to: i32, powers: usize): void {
  const sums = sumsOf(p, panel);
  const corrections = correctionsOf(panel);
  const allowed = powers + BLOCK_BYTES;
  const few = fewQueriesOf(panel);
  for (let half: usize = 0; half < usedBytes(panel); half += 16) {
    for (let key = from; key < to; key++)
      v128.store(allowed + (key - from) * PANEL_BYTES, attendingLanes(p, panel, half, key));
    for (let column: i32 = 0; column < p.valueSize; column++) {
      const target = few > 0 ? sums + (column << 2) : sums + column * PANEL_BYTES + half;
      let sum = f32x4.mul(few > 0 ? loadColumn(target, p.valueSize, few) : v128.load(target), v128.load(corrections + half));
      for (let row: i32 = 0; row < to - from; row++) {
        const value = v128.load32_splat(values + row * p.valueRowStride + (column << 2));
        const power = v128.load(powers + row * PANEL_BYTES + half);
        sum = madd_f32x4(v128.and(value, v128.load(allowed + row * PANEL_BYTES)), power, sum);
      }
      if (few > 0) storeColumn(target, p.valueSize, few, sum);
      else v128.store(target, sum);
    }
  }
}

/** A column of sums that are rows: one lane a query. */
function loadColumn(column: usize, size: i32, queries: i32): v128 {
  const last: usize = queries - 1, rowBytes: usize = <usize>size << 2;
  return gather_f32x4(
    column, column + min<usize>(1, last) * rowBytes, column + min<usize>(2, last) * rowBytes, column + last * rowBytes,
  );
}

function storeColumn(column: usize, size: i32, queries: i32, sums: v128): void {
  const rowBytes: usize = <usize>size << 2;
  v128.store32_lane(column, sums, 0);
  if (queries > 1) v128.store32_lane(column + rowBytes, sums, 1);
  if (queries > 2) v128.store32_lane(column + 2 * rowBytes, sums, 2);
  if (queries > 3) v128.store32_lane(column + 3 * rowBytes, sums, 3);
}
