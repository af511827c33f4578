// Fused attention: softmax(scale q k^T + masks) v for some panels of 8 queries of one key/value head, a step of keys a
// call. No L x S matrix exists; keys are taken in blocks of KEY_BLOCK with the online softmax (Milakov and
// Gimelshein 2018; Dao et al. 2022, FlashAttention):
//
//   for each block of keys                       keys and values of the block: read once for all panels, stay in L1
//     for each panel                             queries [E][8], sums [V][8]: 4 KiB at E = V = 64, stay in L1
//       scores[key][8] = scale k q + masks       register tiles of ROWS keys, k read row by row in place
//       m' = max(m, scores); c = e^(m - m')      lanes are queries: nothing is reduced across lanes
//       p = e^(scores - m'); l = l c + sum p
//       sums[v][8] = sums c + p v                register tiles of ROWS columns of V; p is packed already
//   output = sums / l; logSumExp = m + ln l
//
// Blocks lie at multiples of KEY_BLOCK whatever the queries are, a lane never looks at its neighbours, and a key that a
// lane may not attend adds exactly 0 to it: the bits of a row depend on its own query, keys and options alone.
// A block outside the keys that a panel attends is skipped, a block at the border is cut to them.

import { valueTile1x8, valueTile2x8, valueTile3x8, valueTile4x8, valueTile5x8, valueTile6x8 } from "./generated/tiles";
import {
  correctionsOf, denominatorsOf, everyEnd, everyFirst, finishPanel, keyLengthOf, maximaOf, panelBytes, queryLengthOf,
  someEnd, someFirst, startOf, startPanel, sumsOf,
} from "./attention-panel";
import { attendingLanes, blockMaskExcludes, returnScores, scoreBlock } from "./attention-scores";
import { finishWeights, forgetScores } from "./attention-weights";
import {
  coefficient2, coefficient3, coefficient4, coefficient5, coefficient6, exponential_f32x4, exponentialOnce_f32x4, ln2, ln2Rest, log2e,
  lowest, one, rounder,
} from "./exponential";
import { AttentionParameters } from "./parameters";
import { madd_f32x4 } from "./simd";
import { KEY_BLOCK, PANEL, PANEL_BYTES, ROWS } from "./tile-sizes";

/** Bytes of a block of scores, and of the lanes that may attend each of its keys, which the selecting path needs. */
const BLOCK_BYTES: usize = KEY_BLOCK * PANEL_BYTES;

/** Step `step` of tile `tile`. Scratch holds a block of scores and one of lanes, then the panels, which live on. */
export function attentionTile(address: usize, tile: i32, scratch: usize, step: i32): void {
  const p = changetype<AttentionParameters>(address);
  let group = tile / p.tilesPerGroup;
  let firstRow = (tile % p.tilesPerGroup) * p.panels * PANEL;
  if (p.tiles) {
    group = load<i32>(p.tiles + (tile << 3));
    firstRow = load<i32>(p.tiles + (tile << 3), 4);
  }
  const entry = group / p.kvHeads;
  const keys = keyLengthOf(p, entry);
  const lastStep = max(1, (keys + p.keysPerStep - 1) / p.keysPerStep) - 1;
  if (step > lastStep) return;

  const kvHead = group % p.kvHeads;
  const rows = min(p.panels * PANEL, p.group * queryLengthOf(p, entry) - firstRow);
  const panels = (rows + PANEL - 1) / PANEL;
  const state = scratch + 2 * BLOCK_BYTES;
  const bytes = panelBytes(p);
  if (step == 0) {
    for (let i: i32 = 0; i < panels; i++) startPanel(p, state + i * bytes, entry, kvHead, firstRow + i * PANEL);
  }
  const firstKey = step * p.keysPerStep;
  attendKeys(p, entry, kvHead, state, panels, firstKey, min(firstKey + p.keysPerStep, keys), scratch);
  if (step < lastStep) return;
  for (let i: i32 = 0; i < panels; i++) {
    finishPanel(p, state + i * bytes);
    if (p.weights) finishWeights(p, state + i * bytes);
  }
}

/** All panels over the keys of one step, block by block. */
function attendKeys(
  p: AttentionParameters, entry: i32, kvHead: i32, state: usize, panels: i32, firstKey: i32, lastKey: i32, scores: usize,
): void {
  const start = startOf(p.keyStarts, entry);
  const key = p.key + entry * p.keyBatchStride + kvHead * p.keyHeadStride + start * p.keyRowStride;
  const value = p.value + entry * p.valueBatchStride + kvHead * p.valueHeadStride + start * p.valueRowStride;
  const bytes = panelBytes(p);
  let lowest = lastKey, highest = firstKey;
  for (let i: i32 = 0; i < panels; i++) {
    lowest = min(lowest, someFirst(state + i * bytes));
    highest = max(highest, someEnd(state + i * bytes));
  }
  if (p.scores == 0) {
    // A window over many keys leaves most blocks to no panel at all: they are not even looked at.
    firstKey = max(firstKey, (lowest / KEY_BLOCK) * KEY_BLOCK);
    lastKey = min(lastKey, highest);
  }
  for (let block = firstKey; block < lastKey; block += KEY_BLOCK) {
    const blockEnd = min(block + KEY_BLOCK, lastKey);
    const readFrom = max(block, lowest), readTo = min(blockEnd, highest);
    // A mask may exclude any of these keys from any lane; values that are finite need no care all the same.
    const select = (p.mask | p.blockKinds) != 0
      && someRowIsNotFinite(p, value + readFrom * p.valueRowStride, readFrom, readTo);
    for (let i: i32 = 0; i < panels; i++) {
      const panel = state + i * bytes;
      if (p.scores) returnScores(p, panel, key + block * p.keyRowStride, block, blockEnd, scores);
      const from = max(block, someFirst(panel));
      const to = min(blockEnd, someEnd(panel));
      if (from >= to) continue;
      if (p.blockKinds != 0 && blockMaskExcludes(p, panel, from, to)) {
        if (p.weights) forgetScores(panel, from, to);
        continue;
      }
      scoreBlock(p, panel, key + from * p.keyRowStride, from, to, scores);
      softmaxBlock(p, panel, to - from, scores);
      addValues(p, panel, value + from * p.valueRowStride, from, to, scores, select);
    }
  }
}

/** Turns a block of scores into exponentials, and moves maximum, denominator and correction along. */
function softmaxBlock(p: AttentionParameters, panel: usize, count: i32, scores: usize): void {
  const scale: f32 = p.finalScores ? 1 : p.scale;
  softmaxLanes(panel, count, scores, scale);
  softmaxLanes(panel + 16, count, scores + 16, scale);
}

/**
 * Four lanes of a block. Scaling is monotone and scale > 0, so the scaled maximum is the maximum of the scaled scores.
 */
function softmaxLanes(lanes: usize, count: i32, scores: usize, scale: f32): void {
  const maxima = maximaOf(lanes), denominators = denominatorsOf(lanes);
  const old = v128.load(maxima);
  const maximum = f32x4.pmax(old, f32x4.mul(largestScores(scores, count), f32x4.splat(scale)));
  const shift = finite(maximum);
  const correction = exponentialOnce_f32x4(f32x4.sub(old, shift));
  v128.store(maxima, maximum);
  v128.store(correctionsOf(lanes), correction);
  v128.store(denominators, madd_f32x4(v128.load(denominators), correction, exponentiateLanes(scores, count, scale, shift)));
}

/** Largest score of each lane. NaN is passed over here; it reaches the denominator through its exponential. */
function largestScores(scores: usize, count: i32): v128 {
  let maximum = f32x4.splat(-Infinity);
  const end = scores + count * PANEL_BYTES;
  for (; scores < end; scores += PANEL_BYTES) maximum = f32x4.pmax(maximum, v128.load(scores));
  return maximum;
}

/** A lane that has seen no key yet subtracts 0, as -infinity - -infinity is NaN. */
function finite(maximum: v128): v128 {
  return v128.andnot(maximum, f32x4.eq(maximum, f32x4.splat(-Infinity)));
}

/** e^(scale score - shift) in place for four lanes of every key; returns their sums. */
function exponentiateLanes(scores: usize, count: i32, scale: f32, shift: v128): v128 {
  const low = lowest(), l2e = log2e(), round = rounder(), l2 = ln2(), l2r = ln2Rest();
  const c6 = coefficient6(), c5 = coefficient5(), c4 = coefficient4(), c3 = coefficient3(), c2 = coefficient2(), c1 = one();
  const factor = f32x4.splat(scale);
  const term = f32x4.neg(shift);
  let sum = f32x4.splat(0);
  const end = scores + count * PANEL_BYTES;
  for (; scores < end; scores += PANEL_BYTES) {
    const x = madd_f32x4(v128.load(scores), factor, term);
    const power = exponential_f32x4(x, low, l2e, round, l2, l2r, c6, c5, c4, c3, c2, c1);
    v128.store(scores, power);
    sum = f32x4.add(sum, power);
  }
  return sum;
}

/** sums = sums * correction + p v. */
function addValues(
  p: AttentionParameters, panel: usize, values: usize, from: i32, to: i32, powers: usize, select: bool,
): void {
  const sums = sumsOf(p, panel);
  const corrections = correctionsOf(panel);
  const size = p.valueSize;
  if (select || somePartlyAllowedValueIsNotFinite(p, panel, values, from, to))
    return addAllowedValues(p, panel, values, from, to, powers);
  for (let column: i32 = 0; column < size; column += ROWS)
    addColumns(
      min(ROWS, size - column), to - from, values + (column << 2), p.valueRowStride, powers,
      sums + column * PANEL_BYTES, corrections,
    );
}

function addColumns(height: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize, correction: usize): void {
  switch (height) {
    case 6: return valueTile6x8(depth, a, stride, b, c, correction);
    case 5: return valueTile5x8(depth, a, stride, b, c, correction);
    case 4: return valueTile4x8(depth, a, stride, b, c, correction);
    case 3: return valueTile3x8(depth, a, stride, b, c, correction);
    case 2: return valueTile2x8(depth, a, stride, b, c, correction);
    default: return valueTile1x8(depth, a, stride, b, c, correction);
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

function someRowIsNotFinite(p: AttentionParameters, values: usize, from: i32, to: i32): bool {
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
  for (let half: usize = 0; half < PANEL_BYTES; half += 16) {
    for (let key = from; key < to; key++)
      v128.store(allowed + (key - from) * PANEL_BYTES, attendingLanes(p, panel, half, key));
    for (let column: i32 = 0; column < p.valueSize; column++) {
      const target = sums + column * PANEL_BYTES + half;
      let sum = f32x4.mul(v128.load(target), v128.load(corrections + half));
      for (let row: i32 = 0; row < to - from; row++) {
        const value = v128.load32_splat(values + row * p.valueRowStride + (column << 2));
        const power = v128.load(powers + row * PANEL_BYTES + half);
        sum = madd_f32x4(v128.and(value, v128.load(allowed + row * PANEL_BYTES)), power, sum);
      }
      v128.store(target, sum);
    }
  }
}
