// The weights, where they are asked for: the scores of the first pass stand in their rows; once maximum and
// denominator are known, each row becomes e^(score - maximum) / denominator, and 0 outside the keys it saw.

import { denominatorsOf, maximaOf, someEnd, someFirst, weightsOf } from "./attention-panel";
import { exponentialOnce_f32x4 } from "./exponential";
import { AttentionParameters } from "./parameters";
import { loadTail_f32x4, madd_f32x4, storeTail_f32x4 } from "./simd";
import { PANEL_BYTES } from "./tile-sizes";

export function finishWeights(p: AttentionParameters, panel: usize): void {
  const from = someFirst(panel), to = max(from, someEnd(panel));
  let done: usize = 0;
  for (let lane: usize = 0; lane < PANEL_BYTES; lane += 4) {
    const row: usize = load<u32>(weightsOf(panel) + lane);
    // Lanes past the last row repeat its address: what is a weight already must not be taken for a score.
    if (row == done) continue;
    done = row;
    memory.fill(row, 0, from << 2);
    normalizeRow(
      row + (from << 2), to - from, p.finalScores ? 1 : p.scale,
      load<f32>(maximaOf(panel) + lane), load<f32>(denominatorsOf(panel) + lane),
    );
    memory.fill(row + (to << 2), 0, (p.keyLength - to) << 2);
  }
}

/** Keys that were not looked at score -infinity. */
export function forgetScores(panel: usize, from: i32, to: i32): void {
  for (let lane: usize = 0; lane < PANEL_BYTES; lane += 4) {
    const row: usize = load<u32>(weightsOf(panel) + lane);
    for (let key = from; key < to; key++) store<f32>(row + (key << 2), -Infinity);
  }
}

/** The same arithmetic as in the softmax of a block. */
function normalizeRow(row: usize, count: i32, scale: f32, maximum: f32, denominator: f32): void {
  const factor = f32x4.splat(scale);
  const term = f32x4.splat(maximum == -Infinity ? 0 : -maximum);
  const divisor = f32x4.splat(denominator == 0 ? 1 : denominator);
  let i: i32 = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(row, weight_f32x4(v128.load(row), factor, term, divisor));
    row += 16;
  }
  if (i < count) {
    const scores = loadTail_f32x4(row, count - i, 0);
    storeTail_f32x4(row, weight_f32x4(scores, factor, term, divisor), count - i);
  }
}

/** e^(scale score - maximum) / denominator; 0 for an excluded key, even where the denominator is NaN. */
function weight_f32x4(scores: v128, factor: v128, term: v128, divisor: v128): v128 {
  const weight = f32x4.div(exponentialOnce_f32x4(madd_f32x4(scores, factor, term)), divisor);
  return v128.andnot(weight, f32x4.eq(scores, f32x4.splat(-Infinity)));
}
