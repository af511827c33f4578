// Scores of a block of keys against a panel of queries, [keys][8]: the product, then what the options do to it, in
// the order of the definition: similarity and scale, additive masks, boolean mask, keys outside a lane's range.

import { scoreTile1x8, scoreTile2x8, scoreTile3x8, scoreTile4x8, scoreTile5x8, scoreTile6x8 } from "./generated/tiles";
import {
  biasesOf, COSINE, endKeysOf, everyEnd, everyFirst, firstKeysOf, masksOf, normOf, normsOf, queriesOf, secondBiasesOf,
  SMALLEST_NORM, weightsOf,
} from "./attention-panel";
import { AttentionParameters } from "./parameters";
import { gather_f32x4, interleaveHigh, interleaveLow, joinHigh, joinLow } from "./simd";
import { PANEL_BYTES, ROWS } from "./tile-sizes";

/**
 * Keys `from` to `to` against the panel; `keys` is the address of the row of key `from`. Where nothing but the keys'
 * range changes the scores they stay unscaled, and the softmax scales them on the fly.
 */
export function scoreBlock(p: AttentionParameters, panel: usize, keys: usize, from: i32, to: i32, scores: usize): void {
  const count = to - from;
  const queries = queriesOf(panel);
  const stride: usize = p.keyRowStride;
  for (let row: i32 = 0; row < count; row += ROWS)
    scoreRows(min(ROWS, count - row), p.headSize, keys + row * stride, stride, queries, scores + row * PANEL_BYTES);
  if (p.finalScores) {
    if (p.similarity == 0) scaleScores(p, count, scores);
    else divideByNorms(p, panel, keys, count, scores);
    if (p.bias) addBiases(p, panel, from, count, scores);
    if (p.mask) applyMask(p, panel, from, count, scores);
  }
  if (from < everyFirst(panel) || to > everyEnd(panel)) excludeKeys(panel, from, count, scores);
  if (p.weights) keepScores(panel, from, count, scores);
}

function scoreRows(height: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize): void {
  switch (height) {
    case 6: return scoreTile6x8(depth, a, stride, b, c);
    case 5: return scoreTile5x8(depth, a, stride, b, c);
    case 4: return scoreTile4x8(depth, a, stride, b, c);
    case 3: return scoreTile3x8(depth, a, stride, b, c);
    case 2: return scoreTile2x8(depth, a, stride, b, c);
    default: return scoreTile1x8(depth, a, stride, b, c);
  }
}

function scaleScores(p: AttentionParameters, count: i32, scores: usize): void {
  const scale = f32x4.splat(p.scale);
  const end = scores + count * PANEL_BYTES;
  for (; scores < end; scores += PANEL_BYTES) {
    v128.store(scores, f32x4.mul(v128.load(scores), scale));
    v128.store(scores, f32x4.mul(v128.load(scores, 16), scale), 16);
  }
}

/** Cosine: the queries are unit vectors already. Root-norm: s / sqrt(max(|q| |k|, 1e-12)). */
function divideByNorms(p: AttentionParameters, panel: usize, keys: usize, count: i32, scores: usize): void {
  const scale = f32x4.splat(p.scale);
  const smallest = f32x4.splat(SMALLEST_NORM);
  const norms = normsOf(panel);
  for (let row: i32 = 0; row < count; row++) {
    const keyNorm = f32x4.splat(normOf(keys + row * p.keyRowStride, p.headSize));
    for (let half: usize = 0; half < PANEL_BYTES; half += 16) {
      const divisor = p.similarity == COSINE
        ? f32x4.pmax(keyNorm, smallest)
        : f32x4.sqrt(f32x4.pmax(f32x4.mul(keyNorm, v128.load(norms + half)), smallest));
      const s = f32x4.div(v128.load(scores + half), divisor);
      v128.store(scores + half, f32x4.mul(s, scale));
    }
    scores += PANEL_BYTES;
  }
}

/** Adds the bias, or the sum of both where there are two. */
function addBiases(p: AttentionParameters, panel: usize, from: i32, count: i32, scores: usize): void {
  const first = biasesOf(panel), second = secondBiasesOf(panel);
  for (let half: usize = 0; half < PANEL_BYTES; half += 16) {
    for (let row: i32 = 0; row < count; row++) {
      const at = scores + row * PANEL_BYTES + half;
      let bias = lanesAt(first + half, (from + row) * p.biasKeyStride);
      if (p.secondBias) bias = f32x4.add(bias, lanesAt(second + half, (from + row) * p.secondBiasKeyStride));
      v128.store(at, f32x4.add(v128.load(at), bias));
    }
  }
}

/** One float for each of four lanes, `offset` bytes after their addresses. */
function lanesAt(addresses: usize, offset: usize): v128 {
  return gather_f32x4(
    load<u32>(addresses) + offset, load<u32>(addresses, 4) + offset,
    load<u32>(addresses, 8) + offset, load<u32>(addresses, 12) + offset,
  );
}

/** -infinity where a lane's byte is 0. */
function applyMask(p: AttentionParameters, panel: usize, from: i32, count: i32, scores: usize): void {
  const minusInfinity = f32x4.splat(-Infinity);
  const zero = i32x4.splat(0);
  for (let half: usize = 0; half < PANEL_BYTES; half += 16) {
    const addresses = masksOf(panel) + half;
    for (let row: i32 = 0; row < count; row++) {
      const offset: usize = (from + row) * p.maskKeyStride;
      let keep = v128.load8_lane(load<u32>(addresses) + offset, zero, 0);
      keep = v128.load8_lane(load<u32>(addresses, 4) + offset, keep, 4);
      keep = v128.load8_lane(load<u32>(addresses, 8) + offset, keep, 8);
      keep = v128.load8_lane(load<u32>(addresses, 12) + offset, keep, 12);
      const at = scores + row * PANEL_BYTES + half;
      v128.store(at, v128.bitselect(minusInfinity, v128.load(at), i32x4.eq(keep, zero)));
    }
  }
}

/** All ones in the lanes that may attend `key`. */
// @ts-ignore: decorator
@inline
export function allowedLanes(panel: usize, half: usize, key: i32): v128 {
  const position = i32x4.splat(key);
  return v128.and(
    i32x4.ge_s(position, v128.load(firstKeysOf(panel) + half)),
    i32x4.lt_s(position, v128.load(endKeysOf(panel) + half)),
  );
}

/** Selects, and does not add: whatever the score of an excluded key is, NaN included, it becomes -infinity. */
function excludeKeys(panel: usize, from: i32, count: i32, scores: usize): void {
  const minusInfinity = f32x4.splat(-Infinity);
  for (let row: i32 = 0; row < count; row++) {
    for (let half: usize = 0; half < PANEL_BYTES; half += 16) {
      const s = v128.load(scores + half);
      v128.store(scores + half, v128.bitselect(s, minusInfinity, allowedLanes(panel, half, from + row)));
    }
    scores += PANEL_BYTES;
  }
}

/** Writes the scores into the rows of the weights, where normalizeWeights makes weights of them at the end. */
function keepScores(panel: usize, from: i32, count: i32, scores: usize): void {
  for (let half: usize = 0; half < PANEL_BYTES; half += 16) {
    const rows = weightsOf(panel) + half;
    const offset: usize = from << 2;
    const row0: usize = load<u32>(rows) + offset;
    const row1: usize = load<u32>(rows, 4) + offset;
    const row2: usize = load<u32>(rows, 8) + offset;
    const row3: usize = load<u32>(rows, 12) + offset;
    let key: i32 = 0;
    for (; key + 4 <= count; key += 4) {
      const at = scores + key * PANEL_BYTES + half;
      const s0 = v128.load(at), s1 = v128.load(at, PANEL_BYTES);
      const s2 = v128.load(at, 2 * PANEL_BYTES), s3 = v128.load(at, 3 * PANEL_BYTES);
      const low01 = interleaveLow(s0, s1), high01 = interleaveHigh(s0, s1);
      const low23 = interleaveLow(s2, s3), high23 = interleaveHigh(s2, s3);
      v128.store(row0 + (key << 2), joinLow(low01, low23));
      v128.store(row1 + (key << 2), joinHigh(low01, low23));
      v128.store(row2 + (key << 2), joinLow(high01, high23));
      v128.store(row3 + (key << 2), joinHigh(high01, high23));
    }
    for (; key < count; key++) {
      const s = v128.load(scores + key * PANEL_BYTES + half);
      v128.store32_lane(row0 + (key << 2), s, 0);
      v128.store32_lane(row1 + (key << 2), s, 1);
      v128.store32_lane(row2 + (key << 2), s, 2);
      v128.store32_lane(row3 + (key << 2), s, 3);
    }
  }
}
