// The online softmax of a block of scores for two neighbouring vectors of a panel at a time, which V8 joins in one register
// of 8 lanes: both are loaded first, both are stored last and one after the other, and what loops leave goes to memory.
// Lanes compute what attention-softmax.ts computes, in the same order: the bits are the same.

import { correctionsOf, denominatorsOf, maximaOf } from "./attention-panel";
import { finite } from "./attention-softmax";
import {
  coefficient2, coefficient3, coefficient4, coefficient5, coefficient6, exponential_f32x4, exponentialOnce_f32x4, ln2, ln2Rest,
  log2e, lowest, one, rounder,
} from "./exponential";
import { madd_f32x4 } from "./simd";
import { PANEL_BYTES } from "./tile-sizes";

/** Turns 8 lanes of a block of scores into exponentials, and moves maximum, denominator and correction along. */
export function softmaxPair(lanes: usize, count: i32, scores: usize, scale: f32): void {
  const maxima = maximaOf(lanes), corrections = correctionsOf(lanes);
  storeLargest(scores, count, corrections);
  moveMaxima(maxima, corrections, scale);
  moveMaxima(maxima + 16, corrections + 16, scale);
  exponentiatePair(scores, count, scale, maxima, denominatorsOf(lanes), corrections);
}

/** Largest score of each lane; NaN is passed over. */
function storeLargest(scores: usize, count: i32, target: usize): void {
  let largest0 = f32x4.splat(-Infinity), largest1 = f32x4.splat(-Infinity);
  const end = scores + count * PANEL_BYTES;
  for (; scores < end; scores += PANEL_BYTES) {
    const scores0 = v128.load(scores), scores1 = v128.load(scores, 16);
    largest0 = f32x4.pmax(largest0, scores0);
    largest1 = f32x4.pmax(largest1, scores1);
  }
  v128.store(target, largest0);
  v128.store(target, largest1, 16);
}

/** The block's largest scores become corrections. */
function moveMaxima(maxima: usize, corrections: usize, scale: f32): void {
  const old = v128.load(maxima);
  const maximum = f32x4.pmax(old, f32x4.mul(v128.load(corrections), f32x4.splat(scale)));
  v128.store(maxima, maximum);
  v128.store(corrections, exponentialOnce_f32x4(f32x4.sub(old, finite(maximum))));
}

function exponentiatePair(
  scores: usize, count: i32, scale: f32, maxima: usize, denominators: usize, corrections: usize,
): void {
  const low = lowest(), l2e = log2e(), round = rounder(), l2 = ln2(), l2r = ln2Rest();
  const c6 = coefficient6(), c5 = coefficient5(), c4 = coefficient4(), c3 = coefficient3(), c2 = coefficient2(), c1 = one();
  const factor = f32x4.splat(scale);
  const term0 = f32x4.neg(finite(v128.load(maxima))), term1 = f32x4.neg(finite(v128.load(maxima, 16)));
  let sum0 = f32x4.splat(0), sum1 = f32x4.splat(0);
  const end = scores + count * PANEL_BYTES;
  for (; scores < end; scores += PANEL_BYTES) {
    const scores0 = v128.load(scores), scores1 = v128.load(scores, 16);
    const x0 = madd_f32x4(scores0, factor, term0), x1 = madd_f32x4(scores1, factor, term1);
    const power0 = exponential_f32x4(x0, low, l2e, round, l2, l2r, c6, c5, c4, c3, c2, c1);
    const power1 = exponential_f32x4(x1, low, l2e, round, l2, l2r, c6, c5, c4, c3, c2, c1);
    v128.store(scores, power0);
    v128.store(scores, power1, 16);
    sum0 = f32x4.add(sum0, power0);
    sum1 = f32x4.add(sum1, power1);
  }
  const old0 = v128.load(denominators), old1 = v128.load(denominators, 16);
  const correction0 = v128.load(corrections), correction1 = v128.load(corrections, 16);
  v128.store(denominators, madd_f32x4(old0, correction0, sum0));
  v128.store(denominators, madd_f32x4(old1, correction1, sum1), 16);
}
