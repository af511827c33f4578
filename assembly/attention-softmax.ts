// The online softmax of a block of scores, [keys][PANEL]: lanes are queries, so nothing is reduced across lanes.

import { correctionsOf, denominatorsOf, fewQueriesOf, maximaOf, usedBytes } from "./attention-panel";
import { hasTerms } from "./attention-scores";
import { softmaxPair } from "./attention-softmax-pair";
import {
  coefficient2, coefficient3, coefficient4, coefficient5, coefficient6, exponential_f32x4, exponentialOnce_f32x4, ln2, ln2Rest,
  log2e, lowest, one, rounder,
} from "./exponential";
import { AttentionParameters } from "./parameters";
import { madd_f32x4 } from "./simd";
import { BLOCK_BYTES, PAIR_BYTES, PANEL_BYTES, WIDE_REGISTERS } from "./tile-sizes";

/** Turns a block of scores into exponentials, and moves maximum, denominator and correction along. */
export function softmaxBlock(p: AttentionParameters, panel: usize, count: i32, scores: usize): void {
  const scale: f32 = p.finalScores ? 1 : p.scale;
  if (WIDE_REGISTERS && fewQueriesOf(panel) == 0 && !hasTerms(p)) {
    for (let lanes: usize = 0; lanes < PANEL_BYTES; lanes += PAIR_BYTES)
      softmaxPair(panel + lanes, count, scores + lanes, scale);
    return;
  }
  for (let lanes: usize = 0; lanes < usedBytes(panel); lanes += 16)
    softmaxLanes(panel + lanes, count, scores + lanes, scale, hasTerms(p));
}

/**
 * Four lanes of a block. Scaling is monotone and scale > 0, so the scaled maximum is the maximum of the scaled scores.
 */
function softmaxLanes(lanes: usize, count: i32, scores: usize, scale: f32, rests: bool): void {
  const maxima = maximaOf(lanes), denominators = denominatorsOf(lanes);
  const old = v128.load(maxima);
  const maximum = f32x4.pmax(old, f32x4.mul(largestScores(scores, count), f32x4.splat(scale)));
  const shift = finite(maximum);
  const correction = exponentialOnce_f32x4(f32x4.sub(old, shift));
  v128.store(maxima, maximum);
  v128.store(correctionsOf(lanes), correction);
  const sum = rests ? exponentiateWithRests(scores, count, shift) : exponentiateLanes(scores, count, scale, shift);
  v128.store(denominators, madd_f32x4(v128.load(denominators), correction, sum));
}

/** Largest score of each lane. NaN is passed over here; it reaches the denominator through its exponential. */
function largestScores(scores: usize, count: i32): v128 {
  let maximum = f32x4.splat(-Infinity);
  const end = scores + count * PANEL_BYTES;
  for (; scores < end; scores += PANEL_BYTES) maximum = f32x4.pmax(maximum, v128.load(scores));
  return maximum;
}

/** A lane that has seen no key yet subtracts 0, as -infinity - -infinity is NaN. */
export function finite(maximum: v128): v128 {
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

/** The same for scores that are sums of terms: what their additions rounded off joins once the maximum is subtracted. */
function exponentiateWithRests(scores: usize, count: i32, shift: v128): v128 {
  let sum = f32x4.splat(0);
  const end = scores + count * PANEL_BYTES;
  for (; scores < end; scores += PANEL_BYTES) {
    const x = f32x4.add(f32x4.sub(v128.load(scores), shift), v128.load(scores + BLOCK_BYTES));
    const power = exponentialOnce_f32x4(x);
    v128.store(scores, power);
    sum = f32x4.add(sum, power);
  }
  return sum;
}

/** Turns a block of scores into weights, once maximum and denominator are final. */
export function weighBlock(p: AttentionParameters, panel: usize, count: i32, scores: usize): void {
  for (let lanes: usize = 0; lanes < usedBytes(panel); lanes += 16) weighLanes(p, panel + lanes, count, scores + lanes);
}

/**
 * e^(score - maximum) / denominator; 0 for an excluded key, even where the denominator is NaN. The exponents stand one block
 * after the weights then, for those who want the weights' logarithms.
 */
function weighLanes(p: AttentionParameters, lanes: usize, count: i32, scores: usize): void {
  const factor = f32x4.splat(p.finalScores ? 1 : p.scale);
  const term = f32x4.neg(finite(v128.load(maximaOf(lanes))));
  const sums = v128.load(denominatorsOf(lanes));
  const divisor = v128.bitselect(f32x4.splat(1), sums, f32x4.eq(sums, f32x4.splat(0)));
  const rests = hasTerms(p);
  const end = scores + count * PANEL_BYTES;
  for (; scores < end; scores += PANEL_BYTES) {
    const score = v128.load(scores);
    let x = madd_f32x4(score, factor, term);
    if (rests) x = f32x4.add(x, v128.load(scores + BLOCK_BYTES));
    v128.store(scores + BLOCK_BYTES, x);
    const weight = f32x4.div(exponentialOnce_f32x4(x), divisor);
    v128.store(scores, v128.andnot(weight, f32x4.eq(score, f32x4.splat(-Infinity))));
  }
}
