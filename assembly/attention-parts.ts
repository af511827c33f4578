// Keys in parts of PART_KEYS, from key 0 on. A part's softmax is taken by itself: its maximum m, its denominator l and its
// sums s. Then it joins the parts before it, as the softmax of a block joins that of the blocks before:
//
//   m' = max(M, m),  L = L e^(M - m') + l e^(m - m'),  S = S e^(M - m') + s e^(m - m'),  M = m'
//
// This is so whether one tile takes all keys of its queries, part by part, or each part is a tile's, so that a few long
// heads keep all threads busy, and a stage of its own joins what they leave. So who computes what changes no bit, nor does
// a part without keys for a row: it joins with factors of exactly 1 and 0. For the same reason the first part is just
// kept, and a part outside of all that a panel may attend is passed over.
//
// What a part leaves, its record: maximum and denominator of each lane, then its sums as the panel has them.

import {
  correctionsOf, denominatorsOf, fewQueriesOf, hasJoined, joinedDenominatorsOf, joinedMaximaOf, joinedSumsOf, maximaOf,
  partFactorsOf, setJoined, someEnd, someFirst, sumsOf, usedBytes, validLengthOf,
} from "./attention-panel";
import { finite } from "./attention-softmax";
import { exponentialOnce_f32x4 } from "./exponential";
import { AttentionParameters } from "./parameters";
import { madd_f32x4 } from "./simd";
import { LANES, PANEL_BYTES, PART_KEYS } from "./tile-sizes";

/** Maximum and denominator, which are neighbours in the panel too. */
const RECORD_HEADER: usize = 2 * PANEL_BYTES;

/** Parts of an entry's keys; one without keys is a part, too. */
export function partsOf(p: AttentionParameters, entry: i32): i32 {
  return max(1, (validLengthOf(p, entry) + PART_KEYS - 1) / PART_KEYS);
}

/** The part that ends before key `end` joins those before it, and the next begins. */
export function endPart(p: AttentionParameters, panel: usize, end: i32): void {
  // A sink is in the first part, whatever its keys.
  const hasSink = p.sinks != 0 && end == PART_KEYS;
  if (!hasSink && (someFirst(panel) >= end || someEnd(panel) <= end - PART_KEYS)) return;
  const joined = joinedSumsOf(p, panel);
  if (hasJoined(panel)) join(p, panel, joinedMaximaOf(panel), joined);
  else {
    copyHeader(maximaOf(panel), joinedMaximaOf(panel));
    memory.copy(joined, sumsOf(p, panel), p.valueSize * PANEL_BYTES);
    setJoined(panel);
  }
  startPart(p, panel);
}

/** The last part joins, and the panel has what belongs to all keys. */
export function endLastPart(p: AttentionParameters, panel: usize): void {
  if (hasJoined(panel)) join(p, panel, maximaOf(panel), sumsOf(p, panel));
}

/** Writes what a part leaves of a panel. */
export function storePart(p: AttentionParameters, panel: usize, record: usize): void {
  copyHeader(maximaOf(panel), record);
  memory.copy(record + RECORD_HEADER, sumsOf(p, panel), p.valueSize * PANEL_BYTES);
}

/** No keys yet, and no sink. */
export function startPart(p: AttentionParameters, panel: usize): void {
  for (let lanes = panel; lanes < panel + PANEL_BYTES; lanes += 16) {
    v128.store(maximaOf(lanes), f32x4.splat(-Infinity));
    v128.store(denominatorsOf(lanes), f32x4.splat(0));
  }
  memory.fill(sumsOf(p, panel), 0, p.valueSize * PANEL_BYTES);
}

/** Joins the parts of an entry from their records, in order. */
export function joinParts(p: AttentionParameters, panel: usize, entry: i32, record: usize): void {
  const parts = partsOf(p, entry);
  for (let part: i32 = 0; part < parts; part++) {
    if (part > 0) endPart(p, panel, part * PART_KEYS);
    copyHeader(record, maximaOf(panel));
    memory.copy(sumsOf(p, panel), record + RECORD_HEADER, p.valueSize * PANEL_BYTES);
    record += recordBytes(p);
  }
  endLastPart(p, panel);
}

export function recordBytes(p: AttentionParameters): usize {
  return RECORD_HEADER + p.valueSize * PANEL_BYTES;
}

function copyHeader(from: usize, to: usize): void {
  for (let at: usize = 0; at < RECORD_HEADER; at += 16) v128.store(to + at, v128.load(from + at));
}

/** Joins the part to what was joined; the result goes to one of the two. */
function join(p: AttentionParameters, panel: usize, header: usize, target: usize): void {
  for (let lanes: usize = 0; lanes < usedBytes(panel); lanes += 16) joinLanes(panel + lanes, header + lanes);
  const sums = sumsOf(p, panel), joined = joinedSumsOf(p, panel);
  const few = fewQueriesOf(panel);
  if (few > 0) return joinRows(few, p.valueSize, sums, joined, target, panel);
  for (let lanes: usize = 0; lanes < PANEL_BYTES; lanes += 16)
    joinColumns(p.valueSize, sums + lanes, joined + lanes, target + lanes, panel + lanes);
}

/** Maxima and denominators of four lanes; leaves the factors of both sides. */
function joinLanes(lanes: usize, header: usize): void {
  const before = v128.load(joinedMaximaOf(lanes)), part = v128.load(maximaOf(lanes));
  const maximum = f32x4.pmax(before, part);
  const shift = finite(maximum);
  const correction = exponentialOnce_f32x4(f32x4.sub(before, shift));
  const factor = exponentialOnce_f32x4(f32x4.sub(part, shift));
  const sum = f32x4.mul(v128.load(denominatorsOf(lanes)), factor);
  v128.store(header, maximum);
  v128.store(header, madd_f32x4(v128.load(joinedDenominatorsOf(lanes)), correction, sum), <usize>PANEL_BYTES);
  v128.store(correctionsOf(lanes), correction);
  v128.store(partFactorsOf(lanes), factor);
}

/** Four lanes of sums, [V][PANEL]. */
function joinColumns(size: i32, sums: usize, joined: usize, target: usize, lanes: usize): void {
  const correction = v128.load(correctionsOf(lanes)), factor = v128.load(partFactorsOf(lanes));
  for (let k: i32 = 0; k < size; k++) {
    v128.store(target, madd_f32x4(v128.load(joined), correction, f32x4.mul(v128.load(sums), factor)));
    sums += PANEL_BYTES;
    joined += PANEL_BYTES;
    target += PANEL_BYTES;
  }
}

/** Sums that are rows, [queries][V]. */
function joinRows(queries: i32, size: i32, sums: usize, joined: usize, target: usize, panel: usize): void {
  for (let row: i32 = 0; row < queries; row++) {
    const correction = v128.load32_splat(correctionsOf(panel) + (row << 2));
    const factor = v128.load32_splat(partFactorsOf(panel) + (row << 2));
    let k: i32 = 0;
    for (; k + LANES <= size; k += LANES) {
      v128.store(target, madd_f32x4(v128.load(joined), correction, f32x4.mul(v128.load(sums), factor)));
      sums += 16;
      joined += 16;
      target += 16;
    }
    for (; k < size; k++) {
      const sum = madd_f32x4(v128.load32_splat(joined), correction, f32x4.mul(v128.load32_splat(sums), factor));
      v128.store32_lane(target, sum, 0);
      sums += 4;
      joined += 4;
      target += 4;
    }
  }
}
