// A panel: PANEL query rows side by side in the lanes, with all that attention carries for them from one block of keys to
// the next. It lives in the caller's scratch: this header, then the packed queries [E][PANEL], then the sums [V][PANEL] and,
// where keys are more than one part, the sums of the parts before (attention-parts.ts).
//
// Rows of one key/value head are numbered g * L + i over the g query heads that share it, so that a panel may hold
// several heads of a group (with one query each while decoding). Lanes past the last row repeat it, with its
// addresses and its keys: they compute the same and store the same, and nothing asks how many lanes are real.

import { logSum } from "./exponential";
import { packLanes } from "./pack";
import { AttentionParameters } from "./parameters";
import { interleaveHigh, interleaveLow, joinHigh, joinLow } from "./simd";
import { FEW, LANES, PANEL, PANEL_BYTES, PANEL_HEADER, PART_KEYS } from "./tile-sizes";

export const COSINE: i32 = 1;
export const ROOT_NORM: i32 = 2;

/** Norms below this count as this, as in PyTorch's cosine similarity. */
export const SMALLEST_NORM: f32 = 1e-12;

// Header: one field of PANEL lanes each. Addresses of the lane's rows:
const OUTPUT: usize = 0;
const LOG_SUM_EXP: usize = PANEL_BYTES;
const WEIGHTS: usize = 2 * PANEL_BYTES;
const SCORES: usize = 3 * PANEL_BYTES;
const MASK: usize = 4 * PANEL_BYTES;
const BIAS: usize = 5 * PANEL_BYTES;
const SECOND_BIAS: usize = 6 * PANEL_BYTES;
/** The entry of distance 0 in the head's row of the relative bias. */
const RELATIVE: usize = 7 * PANEL_BYTES;
/** The row of block kinds, and the query's row inside its block. */
const BLOCKS: usize = 8 * PANEL_BYTES;
const BLOCK_ROW: usize = 9 * PANEL_BYTES;
// Numbers of the lane:
const POSITION: usize = 10 * PANEL_BYTES;
const SLOPE: usize = 11 * PANEL_BYTES;
/** Keys a lane may attend: from FIRST (inclusive) to END (exclusive). */
const FIRST: usize = 12 * PANEL_BYTES;
const END: usize = 13 * PANEL_BYTES;
const MAXIMUM: usize = 14 * PANEL_BYTES;
const SUM: usize = 15 * PANEL_BYTES;
const CORRECTION: usize = 16 * PANEL_BYTES;
const NORM: usize = 17 * PANEL_BYTES;
/** Of the parts before the current one: maximum, denominator; and what the current one is multiplied by as it joins them. */
const JOINED_MAXIMUM: usize = 18 * PANEL_BYTES;
const JOINED_SUM: usize = 19 * PANEL_BYTES;
const PART_FACTOR: usize = 20 * PANEL_BYTES;
const HEAD_FACTOR: usize = 21 * PANEL_BYTES;
// Header: one value for the panel.
/** Keys that some lane attends, and keys that every lane attends. */
const SOME_FIRST: usize = 22 * PANEL_BYTES;
const SOME_END: usize = SOME_FIRST + 4;
const EVERY_FIRST: usize = SOME_FIRST + 8;
const EVERY_END: usize = SOME_FIRST + 12;
/** Queries of a panel that has few, else 0; and bytes of the lanes that count. */
const FEW_QUERIES: usize = SOME_FIRST + 16;
const USED_BYTES: usize = SOME_FIRST + 20;
/** Whether parts were joined already. */
const HAS_JOINED: usize = SOME_FIRST + 24;
/** What was read only to have it near. */
const SEEN: usize = SOME_FIRST + 28;
const QUERIES: usize = PANEL_HEADER;

// @ts-ignore: decorator
@inline
export function queriesOf(panel: usize): usize { return panel + QUERIES; }
// @ts-ignore: decorator
@inline
export function seenOf(panel: usize): usize { return panel + SEEN; }
// @ts-ignore: decorator
@inline
export function sumsOf(p: AttentionParameters, panel: usize): usize { return panel + QUERIES + p.headSize * PANEL_BYTES; }
// @ts-ignore: decorator
@inline
export function maximaOf(panel: usize): usize { return panel + MAXIMUM; }
// @ts-ignore: decorator
@inline
export function denominatorsOf(panel: usize): usize { return panel + SUM; }
// @ts-ignore: decorator
@inline
export function joinedMaximaOf(panel: usize): usize { return panel + JOINED_MAXIMUM; }
// @ts-ignore: decorator
@inline
export function joinedDenominatorsOf(panel: usize): usize { return panel + JOINED_SUM; }
// @ts-ignore: decorator
@inline
export function partFactorsOf(panel: usize): usize { return panel + PART_FACTOR; }
// @ts-ignore: decorator
@inline
export function joinedSumsOf(p: AttentionParameters, panel: usize): usize { return sumsOf(p, panel) + p.valueSize * PANEL_BYTES; }
// @ts-ignore: decorator
@inline
export function hasJoined(panel: usize): bool { return load<i32>(panel, HAS_JOINED) != 0; }
// @ts-ignore: decorator
@inline
export function setJoined(panel: usize): void { store<i32>(panel, 1, HAS_JOINED); }
// @ts-ignore: decorator
@inline
export function correctionsOf(panel: usize): usize { return panel + CORRECTION; }
// @ts-ignore: decorator
@inline
export function normsOf(panel: usize): usize { return panel + NORM; }
// @ts-ignore: decorator
@inline
export function firstKeysOf(panel: usize): usize { return panel + FIRST; }
// @ts-ignore: decorator
@inline
export function endKeysOf(panel: usize): usize { return panel + END; }
// @ts-ignore: decorator
@inline
export function weightsOf(panel: usize): usize { return panel + WEIGHTS; }
// @ts-ignore: decorator
@inline
export function scoreRowsOf(panel: usize): usize { return panel + SCORES; }
// @ts-ignore: decorator
@inline
export function relativeOf(panel: usize): usize { return panel + RELATIVE; }
// @ts-ignore: decorator
@inline
export function blocksOf(panel: usize): usize { return panel + BLOCKS; }
// @ts-ignore: decorator
@inline
export function blockRowsOf(panel: usize): usize { return panel + BLOCK_ROW; }
// @ts-ignore: decorator
@inline
export function positionsOf(panel: usize): usize { return panel + POSITION; }
// @ts-ignore: decorator
@inline
export function slopesOf(panel: usize): usize { return panel + SLOPE; }
// @ts-ignore: decorator
@inline
export function masksOf(panel: usize): usize { return panel + MASK; }
// @ts-ignore: decorator
@inline
export function biasesOf(panel: usize): usize { return panel + BIAS; }
// @ts-ignore: decorator
@inline
export function secondBiasesOf(panel: usize): usize { return panel + SECOND_BIAS; }
// @ts-ignore: decorator
@inline
export function someFirst(panel: usize): i32 { return load<i32>(panel, SOME_FIRST); }
// @ts-ignore: decorator
@inline
export function someEnd(panel: usize): i32 { return load<i32>(panel, SOME_END); }
// @ts-ignore: decorator
@inline
export function everyFirst(panel: usize): i32 { return load<i32>(panel, EVERY_FIRST); }
// @ts-ignore: decorator
@inline
export function everyEnd(panel: usize): i32 { return load<i32>(panel, EVERY_END); }

// @ts-ignore: decorator
@inline
export function fewQueriesOf(panel: usize): i32 { return load<i32>(panel, FEW_QUERIES); }
/** Bytes of a row of lanes that counts: all, or the first 4. */
// @ts-ignore: decorator
@inline
export function usedBytes(panel: usize): usize { return load<u32>(panel, USED_BYTES); }

/** The first key that any of some panels attends, and one past the last. */
export function firstKeyOfAll(p: AttentionParameters, state: usize, panels: i32): i32 {
  let first = i32.MAX_VALUE;
  for (let i: i32 = 0; i < panels; i++) first = min(first, someFirst(state + i * panelBytes(p)));
  return first;
}

export function lastKeyOfAll(p: AttentionParameters, state: usize, panels: i32): i32 {
  let end: i32 = 0;
  for (let i: i32 = 0; i < panels; i++) end = max(end, someEnd(state + i * panelBytes(p)));
  return end;
}

/** Does any entry have more keys than a part? */
// @ts-ignore: decorator
@inline
export function hasParts(p: AttentionParameters): bool { return p.keyLength > PART_KEYS; }

/** Bytes of a panel's state. */
export function panelBytes(p: AttentionParameters): usize {
  return QUERIES + (p.headSize + (hasParts(p) ? 2 : 1) * p.valueSize) * PANEL_BYTES;
}

/** Sets up the lanes of rows `first` to `end`: addresses, keys they may attend, packed queries, empty sums. */
export function startPanel(
  p: AttentionParameters, panel: usize, entry: i32, kvHead: i32, first: i32, end: i32, part: i32,
): void {
  const queries = queryLengthOf(p, entry);
  const length = validLengthOf(p, entry);
  const offset = p.offsets == 0 ? p.offset : load<i32>(p.offsets + (entry << 2));
  const rows = end - first;
  store<i32>(panel, rows <= FEW ? rows : 0, FEW_QUERIES);
  store<u32>(panel, rows <= FEW ? 16 : <u32>PANEL_BYTES, USED_BYTES);
  let lowestFirst = i32.MAX_VALUE, highestFirst = 0, lowestEnd = i32.MAX_VALUE, highestEnd = 0;
  for (let lane: i32 = 0; lane < PANEL; lane++) {
    const row = min(first + lane, end - 1);
    const i = row % queries;
    const at = panel + (lane << 2);
    startLane(p, at, entry, kvHead * p.group + row / queries, i, part);
    const firstKey = firstKeyOf(p, i + offset, length);
    const endKey = max(firstKey, endKeyOf(p, i + offset, length));
    store<i32>(at, i + offset, POSITION);
    store<i32>(at, firstKey, FIRST);
    store<i32>(at, endKey, END);
    lowestFirst = min(lowestFirst, firstKey);
    highestFirst = max(highestFirst, firstKey);
    lowestEnd = min(lowestEnd, endKey);
    highestEnd = max(highestEnd, endKey);
  }
  store<i32>(panel, lowestFirst, SOME_FIRST);
  store<i32>(panel, highestEnd, SOME_END);
  store<i32>(panel, highestFirst, EVERY_FIRST);
  store<i32>(panel, lowestEnd, EVERY_END);
  store<i32>(panel, 0, HAS_JOINED);
  packQueries(p, panel, entry, kvHead, first, end - 1);
  memory.fill(sumsOf(p, panel), 0, p.valueSize * PANEL_BYTES);
}

/** Queries and keys of an entry, and where they start: packed sequences each have their own. */
export function queryLengthOf(p: AttentionParameters, entry: i32): i32 {
  return p.queryStarts == 0 ? p.queryLength : lengthAt(p.queryStarts, entry);
}

export function keyLengthOf(p: AttentionParameters, entry: i32): i32 {
  return p.keyStarts == 0 ? p.keyLength : lengthAt(p.keyStarts, entry);
}

/** Keys of an entry that may be attended. */
export function validLengthOf(p: AttentionParameters, entry: i32): i32 {
  return p.lengths == 0 ? keyLengthOf(p, entry) : load<i32>(p.lengths + (entry << 2));
}

export function startOf(starts: usize, entry: i32): i32 {
  return starts == 0 ? 0 : load<i32>(starts + (entry << 2));
}

function lengthAt(starts: usize, entry: i32): i32 {
  return startOf(starts, entry + 1) - startOf(starts, entry);
}

/** The first key that a query at this position may attend: its window's left edge. */
function firstKeyOf(p: AttentionParameters, position: i32, length: i32): i32 {
  if (p.left < 0) return 0;
  return min(length, max(0, position - p.left));
}

/** One past the last key that it may attend. In 64 bits: a window may be as wide as an i32. */
function endKeyOf(p: AttentionParameters, position: i32, length: i32): i32 {
  if (p.right < 0) return length;
  return <i32>min<i64>(length, max<i64>(0, <i64>position + <i64>p.right + 1));
}

function startLane(p: AttentionParameters, lane: usize, entry: i32, head: i32, query: i32, part: i32): void {
  const i = query + startOf(p.queryStarts, entry);
  const row: usize = entry * p.rowsBatchStride + head * p.rowsHeadStride + i;
  // The first part has the sink for all.
  const sink: f32 = p.sinks == 0 || part > 0 ? -Infinity : load<f32>(p.sinks + (head << 2));
  store<f32>(lane, sink, MAXIMUM);
  // A sink is one more exponential, that of its own maximum, and carries no value.
  store<f32>(lane, sink == -Infinity ? 0 : 1, SUM);
  const factor: f32 = p.headFactors == 0 ? 1 : load<f32>(p.headFactors + ((entry * p.kvHeads * p.group + head) << 2));
  store<f32>(lane, factor, HEAD_FACTOR);
  store<u32>(lane, p.output + entry * p.outputBatchStride + head * p.outputHeadStride + i * p.outputRowStride, OUTPUT);
  if (p.logSumExp) store<u32>(lane, p.logSumExp + (row << 2), LOG_SUM_EXP);
  if (p.weights) store<u32>(lane, p.weights + (row * p.keyLength << 2), WEIGHTS);
  if (p.scores) store<u32>(lane, p.scores + (row * p.keyLength << 2), SCORES);
  if (p.mask) store<u32>(lane, p.mask + entry * p.maskBatchStride + head * p.maskHeadStride + i * p.maskRowStride, MASK);
  if (p.bias) store<u32>(lane, p.bias + entry * p.biasBatchStride + head * p.biasHeadStride + i * p.biasRowStride, BIAS);
  if (p.secondBias)
    store<u32>(
      lane,
      p.secondBias + entry * p.secondBiasBatchStride + head * p.secondBiasHeadStride + i * p.secondBiasRowStride,
      SECOND_BIAS,
    );
  if (p.slopes) store<f32>(lane, load<f32>(p.slopes + (head << 2)), SLOPE);
  if (p.relativeBias)
    store<u32>(lane, p.relativeBias + (head * (2 * p.relativeReach + 1) + p.relativeReach << 2), RELATIVE);
  if (p.blockKinds) {
    const row = entry * p.blockBatchStride + head * p.blockHeadStride + (query / p.blockSize) * p.blockColumns * 4;
    store<u32>(lane, p.blockKinds + row, BLOCKS);
    store<i32>(lane, query % p.blockSize, BLOCK_ROW);
  }
}

function queryRow(p: AttentionParameters, entry: i32, kvHead: i32, row: i32): usize {
  const queries = queryLengthOf(p, entry);
  const head = kvHead * p.group + row / queries;
  const i = row % queries + startOf(p.queryStarts, entry);
  return p.query + entry * p.queryBatchStride + head * p.queryHeadStride + i * p.queryRowStride;
}

/** Packs PANEL query rows as [E][PANEL]; for cosine and root-norm also takes their norms. */
function packQueries(p: AttentionParameters, panel: usize, entry: i32, kvHead: i32, first: i32, last: i32): void {
  const queries = panel + QUERIES;
  for (let lane: i32 = 0; lane < PANEL; lane += LANES) {
    const row = first + lane;
    packLanes(
      p.headSize,
      queryRow(p, entry, kvHead, min(row, last)),
      queryRow(p, entry, kvHead, min(row + 1, last)),
      queryRow(p, entry, kvHead, min(row + 2, last)),
      queryRow(p, entry, kvHead, min(row + 3, last)),
      queries + (lane << 2),
    );
  }
  if (p.similarity == 0) return;
  for (let lane: i32 = 0; lane < PANEL; lane++) {
    const norm = normOf(queryRow(p, entry, kvHead, min(first + lane, last)), p.headSize);
    store<f32>(panel + (lane << 2), norm, NORM);
  }
  if (p.similarity == COSINE) normalize(p, panel);
}

/** Cosine: unit queries, so that no product of large norms overflows. */
function normalize(p: AttentionParameters, panel: usize): void {
  const smallest = f32x4.splat(SMALLEST_NORM);
  for (let lanes: usize = 0; lanes < PANEL_BYTES; lanes += 16) {
    const norm = f32x4.pmax(v128.load(panel + lanes, NORM), smallest);
    let query = panel + QUERIES + lanes;
    for (let k: i32 = 0; k < p.headSize; k++) {
      v128.store(query, f32x4.div(v128.load(query), norm));
      query += PANEL_BYTES;
    }
  }
}

/** The Euclidean norm, summed in float64: no square of a float32 overflows there. */
export function normOf(row: usize, size: i32): f32 {
  let sum: f64 = 0;
  for (let k: i32 = 0; k < size; k++) {
    const x = <f64>load<f32>(row + (k << 2));
    sum += x * x;
  }
  return <f32>sqrt<f64>(sum);
}

/** Divides the sums by their denominators and writes what was asked for. */
export function finishPanel(p: AttentionParameters, panel: usize): void {
  const sums = sumsOf(p, panel);
  const few = fewQueriesOf(panel);
  if (few > 0) writeRows(p.valueSize, sums, few, outputFactors(panel), panel);
  else {
    for (let lanes: usize = 0; lanes < PANEL_BYTES; lanes += 16)
      writeLanes(p.valueSize, sums + lanes, outputFactors(panel + lanes), panel + lanes);
  }
  if (p.logSumExp) {
    for (let at = panel; at < panel + usedBytes(panel); at += 4)
      store<f32>(load<u32>(at, LOG_SUM_EXP), logSum(load<f32>(at, MAXIMUM), load<f32>(at, SUM)));
  }
}

/** What makes outputs of sums: 1 / denominator, and the head's factor. A row with no key has sum 0 and output 0. */
function outputFactors(lanes: usize): v128 {
  const sums = v128.load(lanes, SUM);
  const empty = f32x4.eq(sums, f32x4.splat(0));
  const inverse = v128.andnot(f32x4.div(f32x4.splat(1), sums), empty);
  return f32x4.mul(inverse, v128.load(lanes, HEAD_FACTOR));
}

/** A sum divided. Adding 0 makes -0, which sums too small for a float32 may leave, the 0 that excluded keys would make of it. */
// @ts-ignore: decorator
@inline
function quotient_f32x4(sum: v128, factor: v128): v128 {
  return f32x4.add(f32x4.mul(sum, factor), f32x4.splat(0));
}

/** Sums that are rows already, [queries][V]. */
function writeRows(size: i32, sums: usize, count: i32, factors: v128, panel: usize): void {
  for (let row: i32 = 0; row < count; row++) {
    const target: usize = load<u32>(panel + (row << 2), OUTPUT);
    const factor = v128.swizzle(factors, i32x4.splat(0x03020100 + 0x04040404 * row));
    let k: i32 = 0;
    for (; k + LANES <= size; k += LANES)
      v128.store(target + (k << 2), quotient_f32x4(v128.load(sums + (k << 2)), factor));
    for (; k < size; k++) v128.store32_lane(target + (k << 2), quotient_f32x4(v128.load32_splat(sums + (k << 2)), factor), 0);
    sums += <usize>size << 2;
  }
}

/** Four lanes of [V][PANEL] become four rows of the output: 4 x 4 transposes, then one column at a time. */
function writeLanes(size: i32, sums: usize, factor: v128, lanes: usize): void {
  const row0: usize = load<u32>(lanes, OUTPUT);
  const row1: usize = load<u32>(lanes, OUTPUT + 4);
  const row2: usize = load<u32>(lanes, OUTPUT + 8);
  const row3: usize = load<u32>(lanes, OUTPUT + 12);
  let k: i32 = 0;
  let at: usize = 0;
  for (; k + 4 <= size; k += 4) {
    const column0 = quotient_f32x4(v128.load(sums), factor);
    const column1 = quotient_f32x4(v128.load(sums, PANEL_BYTES), factor);
    const column2 = quotient_f32x4(v128.load(sums, 2 * PANEL_BYTES), factor);
    const column3 = quotient_f32x4(v128.load(sums, 3 * PANEL_BYTES), factor);
    const low01 = interleaveLow(column0, column1);
    const high01 = interleaveHigh(column0, column1);
    const low23 = interleaveLow(column2, column3);
    const high23 = interleaveHigh(column2, column3);
    v128.store(row0 + at, joinLow(low01, low23));
    v128.store(row1 + at, joinHigh(low01, low23));
    v128.store(row2 + at, joinLow(high01, high23));
    v128.store(row3 + at, joinHigh(high01, high23));
    sums += 4 * PANEL_BYTES;
    at += 16;
  }
  for (; k < size; k++) {
    const column = quotient_f32x4(v128.load(sums), factor);
    v128.store32_lane(row0 + at, column, 0);
    v128.store32_lane(row1 + at, column, 1);
    v128.store32_lane(row2 + at, column, 2);
    v128.store32_lane(row3 + at, column, 3);
    sums += PANEL_BYTES;
    at += 4;
  }
}
