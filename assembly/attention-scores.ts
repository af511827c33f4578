// Scores of a block of keys against a panel of queries, [keys][PANEL]: the product, then what the options do to it, in
// the order of the definition: similarity and scale, softcap, additive masks, slopes and relative bias, boolean mask and
// block mask, keys outside a lane's range.

import { scoreTile1, scoreTile2, scoreTile3, scoreTile4, scoreTile5, scoreTile6 } from "./generated/tiles";
import {
  biasesOf, blockRowsOf, blocksOf, COSINE, endKeysOf, everyEnd, everyFirst, fewQueriesOf, firstKeysOf, masksOf, normOf,
  normsOf, positionsOf, queriesOf, relativeOf, scoreRowsOf, secondBiasesOf, slopesOf, SMALLEST_NORM, usedBytes,
} from "./attention-panel";
import { multiplyFew } from "./attention-few";
import { hyperbolicTangent_f32x4 } from "./hyperbolic-tangent";
import { FLOAT32 } from "./pages";
import { AttentionParameters } from "./parameters";
import { gather_f32x4, interleaveHigh, interleaveLow, joinHigh, joinLow } from "./simd";
import { BLOCK_BYTES, PAIR_BYTES, PANEL_BYTES, ROWS } from "./tile-sizes";

/** Stages at which scores can be asked for. */
const CAPPED: i32 = 1;
const BIASED: i32 = 2;

/**
 * Keys `from` to `to` against the panel; `keys` is the address of the row of key `from`. Where nothing but the keys'
 * range changes the scores they stay unscaled, and the softmax scales them on the fly.
 */
export function scoreBlock(p: AttentionParameters, panel: usize, keys: usize, from: i32, to: i32, scores: usize): void {
  multiplyKeys(p, panel, keys, to - from, scores);
  shapeScores(p, panel, keys, from, to, scores);
}

/** What follows the product. */
export function shapeScores(p: AttentionParameters, panel: usize, keys: usize, from: i32, to: i32, scores: usize): void {
  const count = to - from;
  if (p.finalScores) {
    scaleScores(p, panel, keys, count, scores);
    if (p.softcap != 0) capScores(p, count, scores);
    biasScores(p, panel, from, count, scores);
  }
  if (from < everyFirst(panel) || to > everyEnd(panel)) excludeKeys(panel, from, count, scores);
}

/** The scores that the caller asked for in the rows that the caller gets; -infinity from `there` on, where no keys are. */
export function returnScores(
  p: AttentionParameters, panel: usize, keys: usize, from: i32, there: i32, to: i32, scores: usize,
): void {
  const count = there - from;
  const end = scores + <usize>(to - from) * PANEL_BYTES;
  for (let at = scores + <usize>count * PANEL_BYTES; at < end; at += 16) v128.store(at, f32x4.splat(-Infinity));
  multiplyKeys(p, panel, keys, count, scores);
  scaleScores(p, panel, keys, count, scores);
  if (p.scoreStage >= CAPPED && p.softcap != 0) capScores(p, count, scores);
  if (p.scoreStage == BIASED) {
    biasScores(p, panel, from, count, scores);
    excludeKeys(panel, from, count, scores);
  }
  storeRows(scoreRowsOf(panel), usedBytes(panel), from, to - from, scores);
}

/** Is anything added to the scores? What the additions round off then stands one block after them. */
export function hasTerms(p: AttentionParameters): bool {
  return (p.bias | p.slopes | p.relativeBias) != 0;
}

/** Everything that is added, then what a mask excludes. */
function biasScores(p: AttentionParameters, panel: usize, from: i32, count: i32, scores: usize): void {
  if (hasTerms(p)) addTerms(p, panel, from, count, scores);
  if (p.mask) applyMask(p, panel, from, count, scores);
  if (p.blockKinds) applyBlockMask(p, panel, from, count, scores);
}

function multiplyKeys(p: AttentionParameters, panel: usize, keys: usize, count: i32, scores: usize): void {
  const queries = queriesOf(panel);
  const stride: usize = p.keyRowStride;
  const few = fewQueriesOf(panel);
  if (few > 0) return multiplyFew(FLOAT32, few, p.headSize, keys, stride, count, queries, scores);
  for (let row: i32 = 0; row < count; row += ROWS)
    scoreRows(min(ROWS, count - row), p.headSize, keys + row * stride, stride, queries, scores + row * PANEL_BYTES);
}

function scoreRows(height: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize): void {
  switch (height) {
    case 6: return scoreTile6(depth, a, stride, b, c);
    case 5: return scoreTile5(depth, a, stride, b, c);
    case 4: return scoreTile4(depth, a, stride, b, c);
    case 3: return scoreTile3(depth, a, stride, b, c);
    case 2: return scoreTile2(depth, a, stride, b, c);
    default: return scoreTile1(depth, a, stride, b, c);
  }
}

/** scale * similarity. */
function scaleScores(p: AttentionParameters, panel: usize, keys: usize, count: i32, scores: usize): void {
  if (p.similarity != 0) return divideByNorms(p, panel, keys, count, scores);
  const scale = f32x4.splat(p.scale);
  const end = scores + count * PANEL_BYTES;
  for (; scores < end; scores += PAIR_BYTES) {
    const first = v128.load(scores), second = v128.load(scores, 16);
    v128.store(scores, f32x4.mul(first, scale));
    v128.store(scores, f32x4.mul(second, scale), 16);
  }
}

/** Cosine: the queries are unit vectors already. Root-norm: s / sqrt(max(|q| |k|, 1e-12)). */
function divideByNorms(p: AttentionParameters, panel: usize, keys: usize, count: i32, scores: usize): void {
  const scale = f32x4.splat(p.scale);
  const smallest = f32x4.splat(SMALLEST_NORM);
  const norms = normsOf(panel);
  for (let row: i32 = 0; row < count; row++) {
    const keyNorm = f32x4.splat(normOf(keys + row * p.keyRowStride, p.headSize));
    for (let half: usize = 0; half < usedBytes(panel); half += 16) {
      const divisor = p.similarity == COSINE
        ? f32x4.pmax(keyNorm, smallest)
        : f32x4.sqrt(f32x4.pmax(f32x4.mul(keyNorm, v128.load(norms + half)), smallest));
      const s = f32x4.div(v128.load(scores + half), divisor);
      v128.store(scores + half, f32x4.mul(s, scale));
    }
    scores += PANEL_BYTES;
  }
}

/** softcap * tanh(s / softcap). */
function capScores(p: AttentionParameters, count: i32, scores: usize): void {
  const cap = f32x4.splat(p.softcap);
  const end = scores + count * PANEL_BYTES;
  for (; scores < end; scores += 16)
    v128.store(scores, f32x4.mul(cap, hyperbolicTangent_f32x4(f32x4.div(v128.load(scores), cap))));
}

/**
 * Adds all that is added: the bias (the sum of both where there are two), ALiBi's -slope * |position - key|, T5's entry for
 * the distance. What the additions round off (Knuth's two-sum) is kept beside the sum: the softmax adds it where it
 * counts, to the small difference from the maximum.
 */
function addTerms(p: AttentionParameters, panel: usize, from: i32, count: i32, scores: usize): void {
  for (let row: i32 = 0; row < count; row++) {
    const key = from + row;
    for (let half: usize = 0; half < usedBytes(panel); half += 16) {
      let sum = v128.load(scores + half);
      let rest = f32x4.splat(0);
      if (p.bias) {
        const term = biasLanes(p, panel + half, key);
        const next = f32x4.add(sum, term);
        rest = roundedOff(sum, term, next);
        sum = next;
      }
      if (p.slopes) {
        const term = slopeLanes(panel + half, key);
        const next = f32x4.add(sum, term);
        rest = f32x4.add(rest, roundedOff(sum, term, next));
        sum = next;
      }
      if (p.relativeBias) {
        const term = relativeLanes(p, panel + half, key);
        const next = f32x4.add(sum, term);
        rest = f32x4.add(rest, roundedOff(sum, term, next));
        sum = next;
      }
      // Beside a mask of -1e9 or float32's lowest nothing of the score is left, by convention; nor is beside infinity.
      rest = v128.and(rest, f32x4.lt(f32x4.abs(sum), f32x4.splat(LARGEST_WITH_REST)));
      v128.store(scores + half, sum);
      v128.store(scores + half + BLOCK_BYTES, rest);
    }
    scores += PANEL_BYTES;
  }
}

const LARGEST_WITH_REST: f32 = 65536;

/** What a + b = sum has rounded off. */
// @ts-ignore: decorator
@inline
function roundedOff(a: v128, b: v128, sum: v128): v128 {
  const ofB = f32x4.sub(sum, a);
  return f32x4.add(f32x4.sub(a, f32x4.sub(sum, ofB)), f32x4.sub(b, ofB));
}

function biasLanes(p: AttentionParameters, lanes: usize, key: i32): v128 {
  const bias = lanesAt(biasesOf(lanes), key * p.biasKeyStride);
  if (!p.secondBias) return bias;
  return f32x4.add(bias, lanesAt(secondBiasesOf(lanes), key * p.secondBiasKeyStride));
}

function slopeLanes(lanes: usize, key: i32): v128 {
  const distance = i32x4.abs(i32x4.sub(v128.load(positionsOf(lanes)), i32x4.splat(key)));
  return f32x4.neg(f32x4.mul(v128.load(slopesOf(lanes)), f32x4.convert_i32x4_s(distance)));
}

/** One entry for each distance, the last one on either side for all that lie beyond. */
function relativeLanes(p: AttentionParameters, lanes: usize, key: i32): v128 {
  const reach = i32x4.splat(p.relativeReach);
  const distance = i32x4.sub(i32x4.splat(key), v128.load(positionsOf(lanes)));
  const clamped = i32x4.max_s(i32x4.neg(reach), i32x4.min_s(reach, distance));
  const entries = i32x4.add(v128.load(relativeOf(lanes)), i32x4.shl(clamped, 2));
  return gather_f32x4(
    i32x4.extract_lane(entries, 0), i32x4.extract_lane(entries, 1),
    i32x4.extract_lane(entries, 2), i32x4.extract_lane(entries, 3),
  );
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
  for (let half: usize = 0; half < usedBytes(panel); half += 16) {
    for (let row: i32 = 0; row < count; row++) {
      const at = scores + row * PANEL_BYTES + half;
      v128.store(at, v128.bitselect(v128.load(at), minusInfinity, maskLanes(p, panel + half, from + row)));
    }
  }
}

/** All ones in the lanes whose byte of the mask is not 0. */
// @ts-ignore: decorator
@inline
function maskLanes(p: AttentionParameters, lanes: usize, key: i32): v128 {
  const addresses = masksOf(lanes);
  const offset: usize = key * p.maskKeyStride;
  const zero = i32x4.splat(0);
  let keep = v128.load8_lane(load<u32>(addresses) + offset, zero, 0);
  keep = v128.load8_lane(load<u32>(addresses, 4) + offset, keep, 4);
  keep = v128.load8_lane(load<u32>(addresses, 8) + offset, keep, 8);
  keep = v128.load8_lane(load<u32>(addresses, 12) + offset, keep, 12);
  return i32x4.ne(keep, zero);
}

/** Does the block mask leave nothing of these keys to any lane? */
export function blockMaskExcludes(p: AttentionParameters, panel: usize, from: i32, to: i32): bool {
  for (let lane: usize = 0; lane < usedBytes(panel); lane += 4) {
    const kinds: usize = load<u32>(blocksOf(panel) + lane);
    for (let column = from / p.blockSize; column <= (to - 1) / p.blockSize; column++) {
      if (load<u32>(kinds + (column << 2)) != EMPTY_BLOCK) return false;
    }
  }
  return true;
}

const EMPTY_BLOCK: u32 = 0;
const FULL_BLOCK: u32 = 1;

/** -infinity where the block mask says no. */
function applyBlockMask(p: AttentionParameters, panel: usize, from: i32, count: i32, scores: usize): void {
  for (let lane: usize = 0; lane < usedBytes(panel); lane += 4) {
    for (let row: i32 = 0; row < count; row++) {
      if (!blockAllows(p, panel + lane, from + row)) store<f32>(scores + row * PANEL_BYTES + lane, -Infinity);
    }
  }
}

/** Empty blocks allow nothing, full ones all; partial ones are numbered from 2 on and hold a byte for each score. */
function blockAllows(p: AttentionParameters, lane: usize, key: i32): bool {
  const size = p.blockSize;
  const kind = load<u32>(load<u32>(blocksOf(lane)) + (key / size << 2));
  if (kind <= FULL_BLOCK) return kind == FULL_BLOCK;
  const bytes = p.blockBytes + <usize>(kind - 2) * size * size;
  return load<u8>(bytes + load<i32>(blockRowsOf(lane)) * size + key % size) != 0;
}

/** All ones in the lanes that may attend `key`, whatever says so. */
export function attendingLanes(p: AttentionParameters, panel: usize, half: usize, key: i32): v128 {
  let lanes = allowedLanes(panel, half, key);
  if (p.mask) lanes = v128.and(lanes, maskLanes(p, panel + half, key));
  if (p.blockKinds == 0) return lanes;
  let blocks = i32x4.splat(blockAllows(p, panel + half, key) ? -1 : 0);
  blocks = i32x4.replace_lane(blocks, 1, blockAllows(p, panel + half + 4, key) ? -1 : 0);
  blocks = i32x4.replace_lane(blocks, 2, blockAllows(p, panel + half + 8, key) ? -1 : 0);
  blocks = i32x4.replace_lane(blocks, 3, blockAllows(p, panel + half + 12, key) ? -1 : 0);
  return v128.and(lanes, blocks);
}

/** All ones in the lanes whose range of keys holds `key`. */
// @ts-ignore: decorator
@inline
function allowedLanes(panel: usize, half: usize, key: i32): v128 {
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
    for (let half: usize = 0; half < usedBytes(panel); half += 16) {
      const s = v128.load(scores + half);
      v128.store(scores + half, v128.bitselect(s, minusInfinity, allowedLanes(panel, half, from + row)));
    }
    scores += PANEL_BYTES;
  }
}

/** Writes a block, [keys][PANEL], into rows of the lanes' own, whose addresses stand at `lanes`. */
export function storeRows(lanes: usize, used: usize, from: i32, count: i32, scores: usize): void {
  for (let half: usize = 0; half < used; half += 16) {
    const rows = lanes + half;
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
