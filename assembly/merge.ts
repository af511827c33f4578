// Attention over all keys, put together from attention over disjoint sets of them. A part gives for each row its output
// o and its logSumExp l, the logarithm of the sum of the row's exponentials; so e^l o is what it adds to the whole:
//
//   m = max l,  w = e^(l - m),  output = sum (w / sum w) o,  logSumExp = m + ln sum w
//
// This is the step of the online softmax (Milakov and Gimelshein 2018) from block to block, with parts for blocks. Each
// output is read once, the result written once: what limits it is memory, so a tile is some rows, whatever the parts.
//
// Weights are taken for four rows at once, as their logarithms lie side by side; outputs row by row, lanes along V.
// Weights are divided by their sum before they meet the outputs, so that large values do not overflow on the way.

import { exponentialOnce_f32x4, logSum } from "./exponential";
import { MergeParameters } from "./parameters";
import { loadTail_f32x4, madd_f32x4, storeTail_f32x4 } from "./simd";
import { LANES } from "./tile-sizes";

/** Bytes of a register: what four rows have of one number. */
const LANE_BYTES: usize = <usize>LANES * 4;

// Scratch: maxima and sums of four rows, their weights part by part, and the terms of one row.
const SUMS: usize = LANE_BYTES;
const WEIGHTS: usize = 2 * LANE_BYTES;

// A term of a row: where the part's output begins, and its weight.
const TERM_WEIGHT: usize = 4;
const TERM_BYTES: usize = 8;

export function mergeTile(address: usize, tile: i32, scratch: usize): void {
  const p = changetype<MergeParameters>(address);
  const first = tile * p.rowsPerTile;
  const last = min(first + p.rowsPerTile, p.rows);
  for (let row = first; row < last; row += LANES) {
    const count = min(LANES, last - row);
    weigh(p, row, count, scratch);
    for (let lane: i32 = 0; lane < count; lane++) finishRow(p, row + lane, scratch, lane << 2);
  }
}

/** Maxima, sums and weights of up to four rows. The weights of a row sum to 1. */
function weigh(p: MergeParameters, row: i32, count: i32, scratch: usize): void {
  const zero = f32x4.splat(0), nothing = f32x4.splat(-Infinity);
  let maxima = nothing;
  // NaN is passed over here; it reaches the result through its weight.
  for (let part: i32 = 0; part < p.parts; part++)
    maxima = f32x4.pmax(maxima, loadRows(p.logSumExps, part, row, count));
  // A row without keys subtracts 0, as -infinity - -infinity is NaN.
  const shift = v128.andnot(maxima, f32x4.eq(maxima, nothing));
  let sums = zero;
  const weights = scratch + WEIGHTS;
  for (let part: i32 = 0; part < p.parts; part++) {
    const weight = exponentialOnce_f32x4(f32x4.sub(loadRows(p.logSumExps, part, row, count), shift));
    v128.store(weights + part * LANE_BYTES, weight);
    sums = f32x4.add(sums, weight);
  }
  for (let part: i32 = 0; part < p.parts; part++) {
    const weight = weights + part * LANE_BYTES;
    v128.store(weight, f32x4.div(v128.load(weight), sums));
  }
  v128.store(scratch, maxima);
  v128.store(scratch, sums, SUMS);
}

/** One float of each of up to four rows, from a part named by a table. */
function loadRows(table: usize, part: i32, row: i32, count: i32): v128 {
  const address = entryOf(table, part) + (row << 2);
  return count == LANES ? v128.load(address) : loadTail_f32x4(address, count, -Infinity);
}

/** The address that a table has for a part. */
// @ts-ignore: decorator
@inline
function entryOf(table: usize, part: i32): usize {
  return load<u32>(table + (part << 2));
}

/** Writes one row, whose numbers stand `lane` bytes into those of its group. */
function finishRow(p: MergeParameters, row: i32, scratch: usize, lane: usize): void {
  const i = row % p.queryLength;
  const head = (row / p.queryLength) % p.heads;
  const entry = row / p.queryLength / p.heads;
  const at: usize = entry * p.batchStride + head * p.headStride + i * p.rowStride;
  const terms = scratch + WEIGHTS + p.parts * LANE_BYTES;
  const end = listTerms(p, row, at, scratch + WEIGHTS + lane, terms);
  if (end == terms) memory.fill(p.output + at, 0, p.valueSize << 2);
  else addTerms(terms, end, p.output + at, p.valueSize);
  store<f32>(p.logSumExp + (row << 2), logSum(load<f32>(scratch + lane), load<f32>(scratch + lane, SUMS)));
}

/** Lists the parts that have keys for a row; the others are never read, whatever they hold. Returns the list's end. */
function listTerms(p: MergeParameters, row: i32, offset: usize, weights: usize, terms: usize): usize {
  for (let part: i32 = 0; part < p.parts; part++) {
    if (load<f32>(entryOf(p.logSumExps, part) + (row << 2)) == -Infinity) continue;
    store<u32>(terms, entryOf(p.outputs, part) + offset);
    store<f32>(terms, load<f32>(weights + part * LANE_BYTES), TERM_WEIGHT);
    terms += TERM_BYTES;
  }
  return terms;
}

/** output = sum of weight * row over the terms: 16 columns at a time stay in registers, then 4 or fewer. */
function addTerms(terms: usize, end: usize, output: usize, size: i32): void {
  // 0 + -0 would be 0: a part that is alone returns itself to the bit.
  const zero = f32x4.splat(-0.0);
  let k: i32 = 0;
  for (; k + 4 * LANES <= size; k += 4 * LANES) {
    const at: usize = <usize>k << 2;
    let sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero;
    for (let term = terms; term < end; term += TERM_BYTES) {
      const x: usize = load<u32>(term) + at;
      const weight = v128.load32_splat(term, TERM_WEIGHT);
      sum0 = madd_f32x4(v128.load(x), weight, sum0);
      sum1 = madd_f32x4(v128.load(x, 16), weight, sum1);
      sum2 = madd_f32x4(v128.load(x, 32), weight, sum2);
      sum3 = madd_f32x4(v128.load(x, 48), weight, sum3);
    }
    v128.store(output + at, sum0);
    v128.store(output + at, sum1, 16);
    v128.store(output + at, sum2, 32);
    v128.store(output + at, sum3, 48);
  }
  for (; k < size; k += LANES) {
    const at: usize = <usize>k << 2;
    const count = min(LANES, size - k);
    let sum = zero;
    for (let term = terms; term < end; term += TERM_BYTES) {
      const x: usize = load<u32>(term) + at;
      const lanes = count == LANES ? v128.load(x) : loadTail_f32x4(x, count, 0);
      sum = madd_f32x4(lanes, v128.load32_splat(term, TERM_WEIGHT), sum);
    }
    if (count == LANES) v128.store(output + at, sum);
    else storeTail_f32x4(output + at, sum, count);
  }
}
