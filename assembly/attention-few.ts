// Panels of up to 4 queries, as decoding has them: one query for each of the heads that share a key. Half or more of the
// lanes of a panel would compute what nobody asked for, and keys and values come from memory, each used a few times
// only. So here the lanes are keys, transposed 4 x 4 on their way from memory, for the scores, and columns of V for the
// product with the values. Every sum adds its terms in the order in which the tiles of 8 lanes do: the bits are the same.
//
// Scores arrive as the softmax and the options want them, [keys][8], of which the second half is not used. Sums are kept
// as rows, [queries][V].

import {
  fewScores1x12, fewScores1x4, fewScores2x4, fewScores2x8, fewScores3x4, fewScores3x8, fewScores4x4, fewScores4x8,
  fewValues1x32, fewValues1x4, fewValues2x16, fewValues2x4, fewValues3x4, fewValues3x8, fewValues4x4, fewValues4x8,
} from "./generated/tiles";
import { gather_f32x4, interleaveHigh, interleaveLow, joinHigh, joinLow, madd_f32x4 } from "./simd";
import { BLOCK_BYTES, LANES, PANEL_BYTES } from "./tile-sizes";

/** Queries of a panel that are few. */
export const FEW: i32 = 4;

/** Scores of `count` keys: c[key][lane], lanes past the last query repeat it. */
export function multiplyFew(
  queries: i32, depth: i32, keys: usize, rowStride: usize, count: i32, panel: usize, scores: usize,
): void {
  const together = queries == 1 ? 12 : 8;
  let key: i32 = 0;
  for (; key + together <= count; key += together)
    multiplyGroups(queries, together, depth, keys + key * rowStride, rowStride, panel, scores, key);
  for (; key + LANES <= count; key += LANES)
    multiplyGroups(queries, LANES, depth, keys + key * rowStride, rowStride, panel, scores, key);
  // One key four times over: nothing is read that is not there. The block of scores has room for its repetitions.
  for (; key < count; key++) multiplyGroups(queries, LANES, depth, keys + key * rowStride, 0, panel, scores, key);
}

/** Some groups of 4 keys. What the tiles leave, [group][query][4 keys], stands one block after the scores meanwhile. */
function multiplyGroups(
  queries: i32, keys: i32, depth: i32, a: usize, rowStride: usize, b: usize, scores: usize, key: i32,
): void {
  const sums = scores + BLOCK_BYTES;
  const whole = depth & ~(LANES - 1);
  if (keys == LANES) fourKeys(queries, whole, a, rowStride, b, sums);
  else manyKeys(queries, whole, a, rowStride, b, sums);
  for (let group: i32 = 0; group * LANES < keys; group++) {
    const groupSums = sums + group * queries * 16;
    if (whole < depth) addTail(queries, whole, depth, a + group * LANES * rowStride, rowStride, b, groupSums);
    spread(queries, groupSums, scores + (key + group * LANES) * PANEL_BYTES);
  }
}

function manyKeys(queries: i32, depth: i32, a: usize, rowStride: usize, b: usize, c: usize): void {
  switch (queries) {
    case 4: return fewScores4x8(depth, a, rowStride, b, c);
    case 3: return fewScores3x8(depth, a, rowStride, b, c);
    case 2: return fewScores2x8(depth, a, rowStride, b, c);
    default: return fewScores1x12(depth, a, rowStride, b, c);
  }
}

function fourKeys(queries: i32, depth: i32, a: usize, rowStride: usize, b: usize, c: usize): void {
  switch (queries) {
    case 4: return fewScores4x4(depth, a, rowStride, b, c);
    case 3: return fewScores3x4(depth, a, rowStride, b, c);
    case 2: return fewScores2x4(depth, a, rowStride, b, c);
    default: return fewScores1x4(depth, a, rowStride, b, c);
  }
}

/** The last steps of a depth that is no multiple of 4. */
function addTail(queries: i32, from: i32, depth: i32, a: usize, rowStride: usize, b: usize, sums: usize): void {
  for (let k = from; k < depth; k++) {
    const at = a + (k << 2);
    const step = gather_f32x4(at, at + rowStride, at + 2 * rowStride, at + 3 * rowStride);
    for (let query: i32 = 0; query < queries; query++) {
      const sum = sums + query * 16;
      const factor = v128.load32_splat(b + k * PANEL_BYTES + query * 4);
      v128.store(sum, madd_f32x4(step, factor, v128.load(sum)));
    }
  }
}

/** [query][4 keys] becomes [4 keys][query]. */
function spread(queries: i32, sums: usize, scores: usize): void {
  const last: usize = (queries - 1) << 4;
  const row0 = v128.load(sums), row1 = v128.load(sums + min<usize>(16, last));
  const row2 = v128.load(sums + min<usize>(32, last)), row3 = v128.load(sums + last);
  const low01 = interleaveLow(row0, row1), high01 = interleaveHigh(row0, row1);
  const low23 = interleaveLow(row2, row3), high23 = interleaveHigh(row2, row3);
  v128.store(scores, joinLow(low01, low23));
  v128.store(scores, joinHigh(low01, low23), PANEL_BYTES);
  v128.store(scores, joinLow(high01, high23), 2 * PANEL_BYTES);
  v128.store(scores, joinHigh(high01, high23), 3 * PANEL_BYTES);
}

/** sums = sums * correction + p v for rows of sums, [queries][V]. */
export function addFewValues(
  queries: i32, size: i32, values: usize, rowStride: usize, count: i32, powers: usize, sums: usize, corrections: usize,
): void {
  const rowBytes: usize = <usize>size << 2;
  const together = queries == 1 ? 32 : queries == 2 ? 16 : 8;
  let column: i32 = 0;
  for (; column + together <= size; column += together)
    manyColumns(queries, count, values + (column << 2), rowStride, powers, sums + (column << 2), rowBytes, corrections);
  for (; column + LANES <= size; column += LANES)
    fourColumns(queries, count, values + (column << 2), rowStride, powers, sums + (column << 2), rowBytes, corrections);
  for (; column < size; column++)
    oneColumn(queries, count, values + (column << 2), rowStride, powers, sums + (column << 2), rowBytes, corrections);
}

function manyColumns(
  queries: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize, rowBytes: usize, correction: usize,
): void {
  switch (queries) {
    case 4: return fewValues4x8(depth, a, stride, b, c, rowBytes, correction);
    case 3: return fewValues3x8(depth, a, stride, b, c, rowBytes, correction);
    case 2: return fewValues2x16(depth, a, stride, b, c, rowBytes, correction);
    default: return fewValues1x32(depth, a, stride, b, c, rowBytes, correction);
  }
}

function fourColumns(
  queries: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize, rowBytes: usize, correction: usize,
): void {
  switch (queries) {
    case 4: return fewValues4x4(depth, a, stride, b, c, rowBytes, correction);
    case 3: return fewValues3x4(depth, a, stride, b, c, rowBytes, correction);
    case 2: return fewValues2x4(depth, a, stride, b, c, rowBytes, correction);
    default: return fewValues1x4(depth, a, stride, b, c, rowBytes, correction);
  }
}

function oneColumn(
  queries: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize, rowBytes: usize, correction: usize,
): void {
  for (let query: i32 = 0; query < queries; query++) {
    const at = c + query * rowBytes;
    let sum = f32x4.mul(v128.load32_splat(at), v128.load32_splat(correction + (query << 2)));
    for (let k: i32 = 0; k < depth; k++)
      sum = madd_f32x4(v128.load32_splat(a + k * stride), v128.load32_splat(b + k * PANEL_BYTES + (query << 2)), sum);
    v128.store32_lane(at, sum, 0);
  }
}
