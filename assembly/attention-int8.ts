// A few queries against a block of an int8 cache, without widening it first. A query is rounded to int16 once, with a unit
// of its own, max |q| / 32767; its products with a key are then exact integer sums (4 products and 4 sums an instruction),
// turned into scores by both units. Values are widened in registers, their units multiplied into the exponentials. Against
// float32 queries a score moves by at most scale * sum |k| * max |q| / 65534, a 250th of what storing the key may move it by.

import {
  int8Scores1x1, int8Scores1x6, int8Scores2x1, int8Scores2x4, int8Scores3x1, int8Scores3x3, int8Scores4x1, int8Scores4x2,
  int8Values1x32, int8Values1x8, int8Values2x16, int8Values2x8, int8Values3x8, int8Values4x8,
} from "./generated/tiles";
import { touch } from "./attention-few";
import { correctionsOf, fewQueriesOf, normsOf, queriesOf, queryLengthOf, seenOf, sumsOf } from "./attention-panel";
import { shapeScores } from "./attention-scores";
import { softmaxBlock } from "./attention-softmax";
import { INT8, pageAt, rowInPage } from "./pages";
import { AttentionParameters } from "./parameters";
import { interleaveHigh, interleaveLow, joinHigh, joinLow } from "./simd";
import { BLOCK_BYTES, FEW, KEY_BLOCK, PANEL_BYTES } from "./tile-sizes";

const LARGEST_INT16: f32 = 32767;
/** Numbers widened at a time. */
const STEP: i32 = 8;
/** 127 * 32767 times this many still fit an int32. */
const DEEPEST: i32 = 512;

/**
 * Are an entry's queries taken against int8 rows as they are stored? All of a head's or none: a rounded query has other bits,
 * and which of them share a panel is no matter of its own.
 */
export function readsInt8(p: AttentionParameters, entry: i32): bool {
  return p.storage == INT8 && p.group * queryLengthOf(p, entry) <= FEW && p.similarity == 0 && p.scores == 0
    && p.headSize <= DEEPEST && (p.headSize | p.valueSize) % STEP == 0;
}

/** Behind the widened blocks: one whose units are not finite is widened, and the next takes the rounded queries again. */
export function roundedOf(p: AttentionParameters, widened: usize): usize {
  return widened + <usize>KEY_BLOCK * (p.keyRowStride + p.valueRowStride);
}

/** The panel's queries as int16, [E / 8][query][8]; their units go where the norms of other similarities stand. */
export function roundQueries(p: AttentionParameters, panel: usize, widened: usize): void {
  const target = roundedOf(p, widened);
  const queries = fewQueriesOf(panel);
  for (let query: i32 = 0; query < queries; query++) {
    const column = queriesOf(panel) + (query << 2);
    let largest: f32 = 0;
    for (let k: i32 = 0; k < p.headSize; k++) largest = max<f32>(largest, abs<f32>(load<f32>(column + k * PANEL_BYTES)));
    const unit: f32 = largest / LARGEST_INT16;
    // Lanes past the last query repeat it, here too.
    for (let lane = query; lane < FEW; lane++) store<f32>(normsOf(panel) + (lane << 2), unit);
    const units = f32x4.splat(unit > 0 ? unit : 1);
    for (let k: i32 = 0; k < p.headSize; k++) {
      const rounded = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.div(v128.load32_splat(column + k * PANEL_BYTES), units)));
      const at = ((k / STEP) * queries + query) * STEP + k % STEP;
      store<i16>(target + (at << 1), <i16>i32x4.extract_lane(rounded, 0));
    }
  }
}

/** A row with a NaN or an infinity has such a unit, which must not reach who excludes the row. */
export function unitsAreFinite(p: AttentionParameters, entry: i32, kvHead: i32, block: i32, from: i32, to: i32): bool {
  const page = pageOf(p, entry, block);
  let sum: f32 = 0;
  for (let key = from - block; key < to - block; key++) {
    const row = rowInPage(kvHead, key) << 2;
    sum += 0 * load<f32>(page + p.pageKeyScalesBytes + row) + 0 * load<f32>(page + p.pageValueScalesBytes + row);
  }
  return sum == 0;
}

function pageOf(p: AttentionParameters, entry: i32, block: i32): usize {
  return pageAt(p.pages, p.firstPages, p.pageColumns, entry, block / KEY_BLOCK);
}

/** Scores of keys `from` to `to`: scores[key][lane], lanes past the last query repeat it. */
export function scoreInt8(
  p: AttentionParameters, panel: usize, entry: i32, kvHead: i32, block: i32, from: i32, to: i32, widened: usize,
  scores: usize,
): void {
  multiplyInt8(p, panel, entry, kvHead, block, from, to, roundedOf(p, widened), scores);
  shapeScores(p, panel, 0, from, to, scores);
}

function multiplyInt8(
  p: AttentionParameters, panel: usize, entry: i32, kvHead: i32, block: i32, from: i32, to: i32, rounded: usize,
  scores: usize,
): void {
  const queries = fewQueriesOf(panel);
  const page = pageOf(p, entry, block);
  const first = rowInPage(kvHead, from - block);
  const rows = page + first * p.storedKeyBytes;
  const units = page + p.pageKeyScalesBytes + (first << 2);
  const queryUnits = v128.load(normsOf(panel));
  const together = queries == 1 ? 6 : queries == 2 ? 4 : queries == 3 ? 3 : 2;
  const sums = scores + BLOCK_BYTES;
  const count = to - from;
  touch(rows, rows + count * p.storedKeyBytes, seenOf(panel));
  for (let key: i32 = 0; key < count; ) {
    const keys = key + together <= count ? together : 1;
    sumProducts(queries, keys, p.headSize, rows + key * p.storedKeyBytes, p.storedKeyBytes, rounded, sums);
    for (let i: i32 = 0; i < keys; i++) {
      const unit = f32x4.mul(queryUnits, v128.load32_splat(units + (key + i << 2)));
      const products = f32x4.convert_i32x4_s(addUp(sums + (i * queries << 4), queries));
      v128.store(scores + (key + i) * PANEL_BYTES, f32x4.mul(products, unit));
    }
    key += keys;
  }
}

function sumProducts(queries: i32, keys: i32, depth: i32, a: usize, rowBytes: usize, b: usize, c: usize): void {
  switch (queries) {
    case 4: return keys == 1 ? int8Scores4x1(depth, a, rowBytes, b, c) : int8Scores4x2(depth, a, rowBytes, b, c);
    case 3: return keys == 1 ? int8Scores3x1(depth, a, rowBytes, b, c) : int8Scores3x3(depth, a, rowBytes, b, c);
    case 2: return keys == 1 ? int8Scores2x1(depth, a, rowBytes, b, c) : int8Scores2x4(depth, a, rowBytes, b, c);
    default: return keys == 1 ? int8Scores1x1(depth, a, rowBytes, b, c) : int8Scores1x6(depth, a, rowBytes, b, c);
  }
}

/** Four partial sums of each query become one, a lane a query. Exact, so their order does not matter. */
function addUp(sums: usize, queries: i32): v128 {
  const last: usize = (queries - 1) << 4;
  const sum0 = v128.load(sums), sum1 = v128.load(sums + min<usize>(16, last));
  const sum2 = v128.load(sums + min<usize>(32, last)), sum3 = v128.load(sums + last);
  const sum01 = i32x4.add(interleaveLow(sum0, sum1), interleaveHigh(sum0, sum1));
  const sum23 = i32x4.add(interleaveLow(sum2, sum3), interleaveHigh(sum2, sum3));
  return i32x4.add(joinLow(sum01, sum23), joinHigh(sum01, sum23));
}

/** The block, from scores to sums. */
export function attendInt8(
  p: AttentionParameters, panel: usize, entry: i32, kvHead: i32, block: i32, from: i32, to: i32, widened: usize,
  scores: usize,
): void {
  scoreInt8(p, panel, entry, kvHead, block, from, to, widened, scores);
  softmaxBlock(p, panel, to - from, scores);
  addInt8Values(p, panel, entry, kvHead, block, from, to, scores);
}

/** sums = sums * correction + p v for rows of sums, [queries][V]. */
function addInt8Values(
  p: AttentionParameters, panel: usize, entry: i32, kvHead: i32, block: i32, from: i32, to: i32, powers: usize,
): void {
  const sums = sumsOf(p, panel), corrections = correctionsOf(panel);
  const queries = fewQueriesOf(panel);
  const page = pageOf(p, entry, block);
  const first = rowInPage(kvHead, from - block);
  const units = page + p.pageValueScalesBytes + (first << 2);
  const rows = page + p.pageValuesBytes + first * p.storedValueBytes;
  touch(rows, rows + (to - from) * p.storedValueBytes, seenOf(panel));
  for (let key: i32 = 0; key < to - from; key++) {
    const power = powers + key * PANEL_BYTES;
    v128.store(power, f32x4.mul(v128.load(power), v128.load32_splat(units + (key << 2))));
  }
  const rowBytes: usize = <usize>p.valueSize << 2;
  const together = queries == 1 ? 4 * STEP : queries == 2 ? 2 * STEP : STEP;
  for (let column: i32 = 0; column < p.valueSize; ) {
    const columns = column + together <= p.valueSize ? together : STEP;
    addColumns(
      queries, columns, to - from, rows + column, p.storedValueBytes, powers, sums + (column << 2), rowBytes, corrections,
    );
    column += columns;
  }
}

function addColumns(
  queries: i32, columns: i32, depth: i32, a: usize, stride: usize, b: usize, c: usize, rowBytes: usize, correction: usize,
): void {
  switch (queries) {
    case 4: return int8Values4x8(depth, a, stride, b, c, rowBytes, correction);
    case 3: return int8Values3x8(depth, a, stride, b, c, rowBytes, correction);
    case 2:
      if (columns == STEP) return int8Values2x8(depth, a, stride, b, c, rowBytes, correction);
      return int8Values2x16(depth, a, stride, b, c, rowBytes, correction);
    default:
      if (columns == STEP) return int8Values1x8(depth, a, stride, b, c, rowBytes, correction);
      return int8Values1x32(depth, a, stride, b, c, rowBytes, correction);
  }
}
