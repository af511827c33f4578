// Panels of up to 4 queries, as decoding has them: one query for each of the heads that share a key. Half or more of the
// lanes of a panel would compute what nobody asked for, and keys and values come from memory, each used a few times
// only. So here, for the scores, the lanes are keys, transposed 4 x 4 on their way from memory, or 4 queries without the
// other 4; and for the product with the values, columns of V. Every sum adds its terms in the order in which the tiles of 8 lanes do: the bits are the same.
//
// Scores arrive as the softmax and the options want them, [keys][PANEL], of which the second half is not used. Sums are kept
// as rows, [queries][V].

import {
  fewScores1x12, fewScores1x4, fewScores2x12, fewScores2x4, fewValues1x32, fewValues1x4, fewValues2x16, fewValues2x4,
  fewValues3x4, fewValues3x8, fewValues4x4, fewValues4x8, fourQueries1, fourQueries12, fourQueries4,
} from "./generated/tiles";
import { gather_f32x4, interleaveHigh, interleaveLow, madd_f32x4 } from "./simd";
import { BLOCK_BYTES, LANES, PANEL_BYTES } from "./tile-sizes";

/** Queries of a panel that are few. */
export const FEW: i32 = 4;

/** Keys that a tile takes at a time: 5 of them are a block. */
const KEYS: i32 = 12;

/** Scores of `count` keys: c[key][lane], lanes past the last query repeat it. */
export function multiplyFew(
  queries: i32, depth: i32, keys: usize, rowStride: usize, count: i32, panel: usize, scores: usize,
): void {
  let key: i32 = 0;
  for (; key + KEYS <= count; key += KEYS)
    multiplyKeys(queries, KEYS, depth, keys + key * rowStride, rowStride, panel, scores + key * PANEL_BYTES);
  for (; key + LANES <= count; key += LANES)
    multiplyKeys(queries, LANES, depth, keys + key * rowStride, rowStride, panel, scores + key * PANEL_BYTES);
  for (; key < count; key++)
    multiplyKeys(queries, 1, depth, keys + key * rowStride, rowStride, panel, scores + key * PANEL_BYTES);
}

/** 12, 4 or 1 keys. With 3 or 4 queries the lanes are full of queries, which then costs less than the transposition. */
function multiplyKeys(queries: i32, keys: i32, depth: i32, a: usize, rowStride: usize, b: usize, scores: usize): void {
  if (queries <= 2) return multiplyGroups(queries, keys, depth, a, rowStride, b, scores);
  switch (keys) {
    case KEYS: return fourQueries12(depth, a, rowStride, b, scores);
    case LANES: return fourQueries4(depth, a, rowStride, b, scores);
    default: return fourQueries1(depth, a, rowStride, b, scores);
  }
}

/**
 * 1 or 2 queries: groups of 4 keys across the lanes. What the tiles leave, [group][query][4 keys], stands one block after
 * the scores meanwhile. A key by itself is taken four times over, so that nothing is read that is not there; the block of
 * scores has room for its repetitions.
 */
function multiplyGroups(queries: i32, keys: i32, depth: i32, a: usize, rowStride: usize, b: usize, scores: usize): void {
  const sums = scores + BLOCK_BYTES;
  const whole = depth & ~(LANES - 1);
  const stride = keys == 1 ? 0 : rowStride;
  if (keys == KEYS) queries == 1 ? fewScores1x12(whole, a, stride, b, sums) : fewScores2x12(whole, a, stride, b, sums);
  else queries == 1 ? fewScores1x4(whole, a, stride, b, sums) : fewScores2x4(whole, a, stride, b, sums);
  for (let group: i32 = 0; group * LANES < keys; group++) {
    const groupSums = sums + group * queries * 16;
    if (whole < depth) addTail(queries, whole, depth, a + group * LANES * stride, stride, b, groupSums);
    spread(queries, groupSums, scores + group * LANES * PANEL_BYTES);
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

/** [query][4 keys] of 1 or 2 queries becomes [4 keys][lane]. */
function spread(queries: i32, sums: usize, scores: usize): void {
  const first = v128.load(sums), second = v128.load(sums + ((queries - 1) << 4));
  const low = interleaveLow(first, second), high = interleaveHigh(first, second);
  v128.store(scores, v128.shuffle<f32>(low, low, 0, 1, 1, 1));
  v128.store(scores, v128.shuffle<f32>(low, low, 2, 3, 3, 3), PANEL_BYTES);
  v128.store(scores, v128.shuffle<f32>(high, high, 0, 1, 1, 1), 2 * PANEL_BYTES);
  v128.store(scores, v128.shuffle<f32>(high, high, 2, 3, 3, 3), 3 * PANEL_BYTES);
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

/**
 * Reads a word of every cache line, in order, and keeps nothing. With few queries keys and values come from memory, and the
 * products walk through them in strips, which no processor foresees; this it does. The sum is stored where it does no harm,
 * so that the loads are not left out.
 */
export function touch(from: usize, to: usize, scratch: usize): void {
  let seen: i32 = 0;
  for (let at = from; at < to; at += 64) seen |= load<i32>(at);
  store<i32>(scratch, seen);
}
