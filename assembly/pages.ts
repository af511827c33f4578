// Pages of a key/value cache. A page holds KEY_BLOCK tokens of one entry, so that it is just the block of keys that
// attention reads at a time: [K][tokens] rows of keys, [K][tokens] rows of values, and for int8 the scale of each row,
// [K][tokens] for keys, then for values. Rows are stored as float32, as bfloat16 (the upper half of a float32, rounded to
// nearest even) or as int8 (x / scale, scale = largest |x| / 127), the latter two filled up with zeros to 8 bytes.

import { KEY_BLOCK, LANES } from "./tile-sizes";

export const FLOAT32: i32 = 0;
export const BFLOAT16: i32 = 1;
export const INT8: i32 = 2;

const LARGEST_INT8: f32 = 127;
/** Below this, float32 has no exact 127th: such a row is stored as zeros. */
const SMALLEST_FOR_INT8: f32 = 1e-30;

/** Address of the page that holds an entry's tokens from number * KEY_BLOCK on. */
export function pageAt(pages: usize, firstPages: usize, columns: i32, entry: i32, number: i32): usize {
  const first = firstPages == 0 ? 0 : load<i32>(firstPages + (entry << 2));
  return load<u32>(pages + ((entry * columns + number - first) << 2));
}

/** Row `token` of head `head`, counted from where such rows start in a page. */
export function rowInPage(head: i32, token: i32): usize {
  return <usize>(head * KEY_BLOCK + token);
}

/** Stores a row of floats; int8 also stores its scale. */
export function storeRow(storage: i32, x: usize, size: i32, row: usize, rowBytes: usize, scale: usize): void {
  if (storage == FLOAT32) memory.copy(row, x, <usize>size << 2);
  else if (storage == BFLOAT16) storeBfloat16(x, size, row, rowBytes);
  else storeInt8(x, size, row, rowBytes, scale);
}

/** Reads stored rows, one after another, as floats `stride` bytes apart; both ends have room for 8 numbers at a time. */
export function widenRows(
  storage: i32, rows: usize, rowBytes: usize, scales: usize, count: i32, target: usize, stride: usize,
): void {
  for (let row: i32 = 0; row < count; row++) {
    if (storage == BFLOAT16) widenBfloat16(rows, rowBytes, target);
    else widenInt8(rows, rowBytes, f32x4.splat(load<f32>(scales + (row << 2))), target);
    rows += rowBytes;
    target += stride;
  }
}

function storeBfloat16(x: usize, size: i32, row: usize, rowBytes: usize): void {
  let k: i32 = 0;
  for (; k + LANES <= size; k += LANES)
    v128.store64_lane(row + (k << 1), i16x8.narrow_i32x4_u(upperHalves(v128.load(x + (k << 2))), i32x4.splat(0)), 0);
  for (; k < size; k++)
    store<u16>(row + (k << 1), <u16>i32x4.extract_lane(upperHalves(v128.load32_splat(x + (k << 2))), 0));
  memory.fill(row + (size << 1), 0, rowBytes - (size << 1));
}

/** Rounds to the upper 16 bits, ties to even; a NaN stays one, whatever its lower bits were. */
function upperHalves(x: v128): v128 {
  const half = i32x4.shr_u(x, 16);
  const even = i32x4.add(i32x4.splat(0x7fff), v128.and(half, i32x4.splat(1)));
  const rounded = i32x4.shr_u(i32x4.add(x, even), 16);
  return v128.bitselect(rounded, v128.or(half, i32x4.splat(0x40)), f32x4.eq(x, x));
}

function widenBfloat16(row: usize, rowBytes: usize, target: usize): void {
  const end = row + rowBytes;
  for (; row < end; row += 8) {
    v128.store(target, i32x4.shl(v128.load16x4_u(row), 16));
    target += 16;
  }
}

/** A row with a NaN or an infinity gets such a scale, and comes back as NaN. */
function storeInt8(x: usize, size: i32, row: usize, rowBytes: usize, scale: usize): void {
  const largest = largestMagnitude(x, size);
  const unit: f32 = largest < SMALLEST_FOR_INT8 ? 0 : largest / LARGEST_INT8;
  store<f32>(scale, unit);
  memory.fill(row, 0, rowBytes);
  if (unit == 0) return;
  const units = f32x4.splat(unit);
  let k: i32 = 0;
  for (; k + LANES <= size; k += LANES)
    v128.store32_lane(row + k, bytesOf(f32x4.div(v128.load(x + (k << 2)), units)), 0);
  for (; k < size; k++)
    v128.store8_lane(row + k, bytesOf(f32x4.div(v128.load32_splat(x + (k << 2)), units)), 0);
}

/** NaN where any element is. */
function largestMagnitude(x: usize, size: i32): f32 {
  let lanes = f32x4.splat(0);
  let k: i32 = 0;
  for (; k + LANES <= size; k += LANES) lanes = f32x4.max(lanes, f32x4.abs(v128.load(x + (k << 2))));
  for (; k < size; k++) lanes = f32x4.max(lanes, f32x4.abs(v128.load32_splat(x + (k << 2))));
  const two = f32x4.max(lanes, v128.shuffle<f32>(lanes, lanes, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.max(two, v128.shuffle<f32>(two, two, 1, 0, 3, 2)), 0);
}

function bytesOf(x: v128): v128 {
  const words = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(f32x4.nearest(x)), i32x4.splat(0));
  return i8x16.narrow_i16x8_s(words, words);
}

function widenInt8(row: usize, rowBytes: usize, unit: v128, target: usize): void {
  const end = row + rowBytes;
  for (; row < end; row += 8) {
    const words = v128.load8x8_s(row);
    v128.store(target, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words)), unit));
    v128.store(target, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(words)), unit), 16);
    target += 32;
  }
}
