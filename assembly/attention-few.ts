// Panels of up to 4 queries, as decoding has them: one query for each of the heads that share a key. Half or more of the
// lanes of a panel would compute what nobody asked for, and keys and values come from memory, each used a few times
// only. So here, for the scores, the lanes are keys, transposed 4 x 4 on their way from memory, or 4 queries without the
// other 4; and for the product with the values, columns of V. Every sum adds its terms in the order in which the tiles of 8 lanes do: the bits are the same.
//
// Scores arrive as the softmax and the options want them, [keys][PANEL], of which the second half is not used. Sums are kept
// as rows, [queries][V].

import {
  bfloat16FewQueries1, bfloat16FewQueries12, bfloat16FewQueries4, bfloat16FewScores1x12, bfloat16FewScores1x4,
  bfloat16FewScores2x12, bfloat16FewScores2x4, bfloat16FewValues1x32, bfloat16FewValues1x4, bfloat16FewValues2x16,
  bfloat16FewValues2x4, bfloat16FewValues3x4, bfloat16FewValues3x8, bfloat16FewValues4x4, bfloat16FewValues4x8,
  fewQueries1, fewQueries12, fewQueries4, fewScores1x12, fewScores1x4, fewScores2x12, fewScores2x4, fewValues1x32,
  fewValues1x4, fewValues2x16, fewValues2x4, fewValues3x4, fewValues3x8, fewValues4x4, fewValues4x8,
} from "./generated/tiles";
import { BFLOAT16 } from "./pages";
import { gather_f32x4, interleaveHigh, interleaveLow, madd_f32x4 } from "./simd";
import { BLOCK_BYTES, LANES, PANEL_BYTES } from "./tile-sizes";

/** Keys that a tile takes at a time: 5 of them are a block. */
const KEYS: i32 = 12;

/** Scores of `count` keys, stored as float32 or bfloat16: c[key][lane], lanes past the last query repeat it. */
export function multiplyFew(
  storage: i32, queries: i32, depth: i32, keys: usize, rowStride: usize, count: i32, panel: usize, scores: usize,
): void {
  for (let key: i32 = 0; key < count; ) {
    const together = key + KEYS <= count ? KEYS : key + LANES <= count ? LANES : 1;
    const a = keys + key * rowStride;
    const target = scores + key * PANEL_BYTES;
    if (queries <= 2) multiplyGroups(storage, queries, together, depth, a, rowStride, panel, target);
    else multiplyQueries(storage, together, depth, a, rowStride, panel, target);
    key += together;
  }
}

/** 12, 4 or 1 keys. With 3 or 4 queries the lanes are full of queries, which then costs less than the transposition. */
function multiplyQueries(storage: i32, keys: i32, depth: i32, a: usize, rowStride: usize, b: usize, c: usize): void {
  if (storage == BFLOAT16)
    switch (keys) {
      case KEYS: return bfloat16FewQueries12(depth, a, rowStride, b, c);
      case LANES: return bfloat16FewQueries4(depth, a, rowStride, b, c);
      default: return bfloat16FewQueries1(depth, a, rowStride, b, c);
    }
  switch (keys) {
    case KEYS: return fewQueries12(depth, a, rowStride, b, c);
    case LANES: return fewQueries4(depth, a, rowStride, b, c);
    default: return fewQueries1(depth, a, rowStride, b, c);
  }
}

/**
 * 1 or 2 queries: groups of 4 keys across the lanes. What the tiles leave, [group][query][4 keys], stands one block after
 * the scores meanwhile. A key by itself is taken four times over, so that nothing is read that is not there; the block of
 * scores has room for its repetitions.
 */
function multiplyGroups(
  storage: i32, queries: i32, keys: i32, depth: i32, a: usize, rowStride: usize, b: usize, scores: usize,
): void {
  const sums = scores + BLOCK_BYTES;
  const whole = depth & ~(LANES - 1);
  const stride = keys == 1 ? 0 : rowStride;
  if (storage == BFLOAT16) bfloat16Groups(queries, keys, whole, a, stride, b, sums);
  else floatGroups(queries, keys, whole, a, stride, b, sums);
  for (let group: i32 = 0; group * LANES < keys; group++) {
    const groupSums = sums + group * queries * 16;
    if (whole < depth) addTail(storage, queries, whole, depth, a + group * LANES * stride, stride, b, groupSums);
    spread(queries, groupSums, scores + group * LANES * PANEL_BYTES);
  }
}

function floatGroups(queries: i32, keys: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize): void {
  if (keys == KEYS) return queries == 1 ? fewScores1x12(depth, a, stride, b, c) : fewScores2x12(depth, a, stride, b, c);
  return queries == 1 ? fewScores1x4(depth, a, stride, b, c) : fewScores2x4(depth, a, stride, b, c);
}

function bfloat16Groups(queries: i32, keys: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize): void {
  if (keys == KEYS)
    return queries == 1 ? bfloat16FewScores1x12(depth, a, stride, b, c) : bfloat16FewScores2x12(depth, a, stride, b, c);
  return queries == 1 ? bfloat16FewScores1x4(depth, a, stride, b, c) : bfloat16FewScores2x4(depth, a, stride, b, c);
}

/** The last steps of a depth that is no multiple of 4. */
function addTail(
  storage: i32, queries: i32, from: i32, depth: i32, a: usize, rowStride: usize, b: usize, sums: usize,
): void {
  for (let k = from; k < depth; k++) {
    const step = storage == BFLOAT16 ? gatherBfloat16(a + (k << 1), rowStride) : gatherFloats(a + (k << 2), rowStride);
    for (let query: i32 = 0; query < queries; query++) {
      const sum = sums + query * 16;
      const factor = v128.load32_splat(b + k * PANEL_BYTES + query * 4);
      v128.store(sum, madd_f32x4(step, factor, v128.load(sum)));
    }
  }
}

function gatherFloats(at: usize, stride: usize): v128 {
  return gather_f32x4(at, at + stride, at + 2 * stride, at + 3 * stride);
}

/** Upper halves of four floats: the odd ones of eight words. */
function gatherBfloat16(at: usize, stride: usize): v128 {
  let words = v128.load16_lane(at, i32x4.splat(0), 1);
  words = v128.load16_lane(at + stride, words, 3);
  words = v128.load16_lane(at + 2 * stride, words, 5);
  return v128.load16_lane(at + 3 * stride, words, 7);
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

/** sums = sums * correction + p v for rows of sums, [queries][V]; values stored as float32 or bfloat16. */
export function addFewValues(
  storage: i32, queries: i32, size: i32, values: usize, rowStride: usize, count: i32, powers: usize, sums: usize,
  corrections: usize,
): void {
  const rowBytes: usize = <usize>size << 2;
  const shift = storage == BFLOAT16 ? 1 : 2;
  const together = queries == 1 ? 32 : queries == 2 ? 16 : 8;
  for (let column: i32 = 0; column < size; ) {
    const columns = column + together <= size ? together : column + LANES <= size ? LANES : 1;
    const a = values + (column << shift), c = sums + (column << 2);
    if (columns == 1) oneColumn(storage, queries, count, a, rowStride, powers, c, rowBytes, corrections);
    else if (storage == BFLOAT16) bfloat16Columns(queries, columns, count, a, rowStride, powers, c, rowBytes, corrections);
    else floatColumns(queries, columns, count, a, rowStride, powers, c, rowBytes, corrections);
    column += columns;
  }
}

function floatColumns(
  queries: i32, columns: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize, rowBytes: usize, correction: usize,
): void {
  if (columns == LANES)
    switch (queries) {
      case 4: return fewValues4x4(depth, a, stride, b, c, rowBytes, correction);
      case 3: return fewValues3x4(depth, a, stride, b, c, rowBytes, correction);
      case 2: return fewValues2x4(depth, a, stride, b, c, rowBytes, correction);
      default: return fewValues1x4(depth, a, stride, b, c, rowBytes, correction);
    }
  switch (queries) {
    case 4: return fewValues4x8(depth, a, stride, b, c, rowBytes, correction);
    case 3: return fewValues3x8(depth, a, stride, b, c, rowBytes, correction);
    case 2: return fewValues2x16(depth, a, stride, b, c, rowBytes, correction);
    default: return fewValues1x32(depth, a, stride, b, c, rowBytes, correction);
  }
}

function bfloat16Columns(
  queries: i32, columns: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize, rowBytes: usize, correction: usize,
): void {
  if (columns == LANES)
    switch (queries) {
      case 4: return bfloat16FewValues4x4(depth, a, stride, b, c, rowBytes, correction);
      case 3: return bfloat16FewValues3x4(depth, a, stride, b, c, rowBytes, correction);
      case 2: return bfloat16FewValues2x4(depth, a, stride, b, c, rowBytes, correction);
      default: return bfloat16FewValues1x4(depth, a, stride, b, c, rowBytes, correction);
    }
  switch (queries) {
    case 4: return bfloat16FewValues4x8(depth, a, stride, b, c, rowBytes, correction);
    case 3: return bfloat16FewValues3x8(depth, a, stride, b, c, rowBytes, correction);
    case 2: return bfloat16FewValues2x16(depth, a, stride, b, c, rowBytes, correction);
    default: return bfloat16FewValues1x32(depth, a, stride, b, c, rowBytes, correction);
  }
}

function oneColumn(
  storage: i32, queries: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize, rowBytes: usize, correction: usize,
): void {
  for (let query: i32 = 0; query < queries; query++) {
    const at = c + query * rowBytes;
    let sum = f32x4.mul(v128.load32_splat(at), v128.load32_splat(correction + (query << 2)));
    for (let k: i32 = 0; k < depth; k++) {
      const x = storage == BFLOAT16 ? i32x4.splat(<i32>load<u16>(a + k * stride) << 16) : v128.load32_splat(a + k * stride);
      sum = madd_f32x4(x, v128.load32_splat(b + k * PANEL_BYTES + (query << 2)), sum);
    }
    v128.store32_lane(at, sum, 0);
  }
}

/**
 * Reads a word of every cache line, in order, and keeps nothing. Where keys and values come from memory, the products walk
 * through them in strips, which no processor foresees; this it does. What was seen is stored, so that the loads are not
 * left out.
 */
export function touch(from: usize, to: usize, seen: usize): void {
  let words: i32 = 0;
  for (let at = from; at < to; at += 64) words |= load<i32>(at);
  store<i32>(seen, words);
}
