// Softmax over one axis of [outer, length, inner], one slice after another; the maximum is subtracted first, so that
// no score overflows: t = scale x + mask, p = e^(t - max t) / sum e^(t - max t), or its logarithm.
//
// Three passes over a slice, which stays in the cache between them: scaled and masked values with their maximum,
// exponentials with their sum, the division. A row without a mask and with a positive scale needs no values of its own: its
// maximum is that of its elements, scaled. A slice with nothing to keep gives zeros (logarithm: -infinity).
// Where the axis is the last one, lanes run along it; else along the inner index, four slices at a time.

import {
  coefficient2, coefficient3, coefficient4, coefficient5, coefficient6, exponential_f32x4, ln2, ln2Rest, log2e, lowest, one, rounder,
} from "./exponential";
import { SoftmaxParameters } from "./parameters";
import { gather_f32x4, largestLane, loadTail_f32x4, madd_f32x4, storeTail_f32x4, sumLanes } from "./simd";
import { LANES } from "./tile-sizes";

const NO_MASK: i32 = 0;
const BOOLEAN_MASK: i32 = 1;

export function softmaxTile(address: usize, tile: i32): void {
  const p = changetype<SoftmaxParameters>(address);
  if (p.inner == 1) rowsTile(p, tile);
  else columnsTile(p, tile);
}

function maskOffset(offsets: usize, index: i32): usize {
  return offsets == 0 ? 0 : load<u32>(offsets + (index << 2));
}

/** The axis is the last one: each slice is contiguous. */
function rowsTile(p: SoftmaxParameters, tile: i32): void {
  const first = tile * p.perTile;
  const last = min(first + p.perTile, p.outer);
  const rowBytes: usize = <usize>p.length * 4;
  for (let i = first; i < last; i++) {
    const mask = p.mask + maskOffset(p.maskOuterOffsets, i);
    softmaxRow(p, p.input + i * rowBytes, p.output + i * rowBytes, mask);
  }
}

function softmaxRow(p: SoftmaxParameters, input: usize, output: usize, mask: usize): void {
  if (p.maskKind == NO_MASK && p.scale > 0 && !p.logarithm) return softmaxPlainRow(p, input, output);
  const length = p.length;
  const factor = f32x4.splat(p.scale);
  let maximum_f32x4 = f32x4.splat(-Infinity);
  let i: i32 = 0;
  for (; i + LANES <= length; i += LANES) {
    const t = maskLanes(p, f32x4.mul(v128.load(input + (i << 2)), factor), mask, i, LANES);
    v128.store(output + (i << 2), t);
    maximum_f32x4 = f32x4.pmax(maximum_f32x4, t);
  }
  if (i < length) {
    const rest = length - i;
    const x = f32x4.mul(loadTail_f32x4(input + (i << 2), rest, 0), factor);
    storeTail_f32x4(output + (i << 2), maskLanes(p, x, mask, i, rest), rest);
    maximum_f32x4 = f32x4.pmax(maximum_f32x4, loadTail_f32x4(output + (i << 2), rest, -Infinity));
  }
  const maximum = finiteMaximum(largestLane(maximum_f32x4));
  const sum = p.logarithm ? sumExponentials(output, length, maximum) : exponentiate(output, length, maximum);
  if (p.logarithm) subtract(output, length, maximum, <f32>NativeMath.log(<f64>sum), sum);
  else divide(output, length, sum, p.maskKind == BOOLEAN_MASK);
}

function softmaxPlainRow(p: SoftmaxParameters, input: usize, output: usize): void {
  const maximum = finiteMaximum(largestOf(input, p.length) * p.scale);
  const sum = exponentiateFrom(input, output, p.length, p.scale, maximum);
  multiplyRow(output, p.length, 1 / (sum == 0 ? 1 : sum));
}

/** The largest element; NaN is passed over, and reaches the sum through its exponential. */
function largestOf(row: usize, length: i32): f32 {
  let maximum0 = f32x4.splat(-Infinity), maximum1 = maximum0;
  let i: i32 = 0;
  for (; i + 2 * LANES <= length; i += 2 * LANES) {
    maximum0 = f32x4.pmax(maximum0, v128.load(row));
    maximum1 = f32x4.pmax(maximum1, v128.load(row, 16));
    row += 32;
  }
  for (; i < length; i += LANES) {
    const lanes = i + LANES <= length ? v128.load(row) : loadTail_f32x4(row, length - i, -Infinity);
    maximum0 = f32x4.pmax(maximum0, lanes);
    row += 16;
  }
  return largestLane(f32x4.pmax(maximum0, maximum1));
}

/** e^(scale x - maximum); returns their sum. */
function exponentiateFrom(input: usize, output: usize, length: i32, scale: f32, maximum: f32): f32 {
  const low = lowest(), l2e = log2e(), round = rounder(), l2 = ln2(), l2r = ln2Rest();
  const c6 = coefficient6(), c5 = coefficient5(), c4 = coefficient4(), c3 = coefficient3(), c2 = coefficient2(), c1 = one();
  const factor = f32x4.splat(scale), term = f32x4.splat(-maximum);
  let sum_f32x4 = f32x4.splat(0);
  let i: i32 = 0;
  for (; i + LANES <= length; i += LANES) {
    const x = madd_f32x4(v128.load(input), factor, term);
    const power = exponential_f32x4(x, low, l2e, round, l2, l2r, c6, c5, c4, c3, c2, c1);
    v128.store(output, power);
    sum_f32x4 = f32x4.add(sum_f32x4, power);
    input += 16;
    output += 16;
  }
  if (i < length) {
    const x = madd_f32x4(loadTail_f32x4(input, length - i, -Infinity), factor, term);
    const power = exponential_f32x4(x, low, l2e, round, l2, l2r, c6, c5, c4, c3, c2, c1);
    storeTail_f32x4(output, power, length - i);
    sum_f32x4 = f32x4.add(sum_f32x4, power);
  }
  return sumLanes(sum_f32x4);
}

function multiplyRow(row: usize, length: i32, factor: f32): void {
  const factor_f32x4 = f32x4.splat(factor);
  let i: i32 = 0;
  for (; i + 2 * LANES <= length; i += 2 * LANES) {
    v128.store(row, f32x4.mul(v128.load(row), factor_f32x4));
    v128.store(row, f32x4.mul(v128.load(row, 16), factor_f32x4), 16);
    row += 32;
  }
  for (; i + LANES <= length; i += LANES) {
    v128.store(row, f32x4.mul(v128.load(row), factor_f32x4));
    row += 16;
  }
  if (i < length) storeTail_f32x4(row, f32x4.mul(loadTail_f32x4(row, length - i, 0), factor_f32x4), length - i);
}

/** Adds the mask to up to four values of a row, or puts -infinity where a boolean mask has 0. */
function maskLanes(p: SoftmaxParameters, t: v128, mask: usize, index: i32, count: i32): v128 {
  if (p.maskKind == NO_MASK) return t;
  const stride: usize = p.maskLengthStride;
  const address = mask + index * stride;
  const last = count - 1;
  const lane1 = address + min(1, last) * stride;
  const lane2 = address + min(2, last) * stride;
  const lane3 = address + last * stride;
  if (p.maskKind == BOOLEAN_MASK)
    return excludeLanes(t, load<u8>(address), load<u8>(lane1), load<u8>(lane2), load<u8>(lane3));
  return f32x4.add(t, gather_f32x4(address, lane1, lane2, lane3));
}

function excludeLanes(t: v128, keep0: u32, keep1: u32, keep2: u32, keep3: u32): v128 {
  let keep = i32x4.splat(keep0);
  keep = i32x4.replace_lane(keep, 1, keep1);
  keep = i32x4.replace_lane(keep, 2, keep2);
  keep = i32x4.replace_lane(keep, 3, keep3);
  return v128.bitselect(f32x4.splat(-Infinity), t, i32x4.eq(keep, i32x4.splat(0)));
}

/** -infinity would turn -infinity - maximum into NaN: a slice with nothing to keep subtracts 0. */
function finiteMaximum(maximum: f32): f32 {
  return maximum == -Infinity ? 0 : maximum;
}

/** Replaces t by e^(t - maximum) and returns their sum. */
function exponentiate(row: usize, length: i32, maximum: f32): f32 {
  const low = lowest(), l2e = log2e(), round = rounder(), l2 = ln2(), l2r = ln2Rest();
  const c6 = coefficient6(), c5 = coefficient5(), c4 = coefficient4(), c3 = coefficient3(), c2 = coefficient2(), c1 = one();
  const shift = f32x4.splat(maximum);
  let sum_f32x4 = f32x4.splat(0);
  let i: i32 = 0;
  for (; i + LANES <= length; i += LANES) {
    const x = f32x4.sub(v128.load(row), shift);
    const power = exponential_f32x4(x, low, l2e, round, l2, l2r, c6, c5, c4, c3, c2, c1);
    v128.store(row, power);
    sum_f32x4 = f32x4.add(sum_f32x4, power);
    row += 16;
  }
  if (i < length) {
    const x = f32x4.sub(loadTail_f32x4(row, length - i, -Infinity), shift);
    const power = exponential_f32x4(x, low, l2e, round, l2, l2r, c6, c5, c4, c3, c2, c1);
    storeTail_f32x4(row, power, length - i);
    sum_f32x4 = f32x4.add(sum_f32x4, power);
  }
  return sumLanes(sum_f32x4);
}

/** The sum alone, leaving t in place for its logarithm. */
function sumExponentials(row: usize, length: i32, maximum: f32): f32 {
  const low = lowest(), l2e = log2e(), round = rounder(), l2 = ln2(), l2r = ln2Rest();
  const c6 = coefficient6(), c5 = coefficient5(), c4 = coefficient4(), c3 = coefficient3(), c2 = coefficient2(), c1 = one();
  const shift = f32x4.splat(maximum);
  let sum_f32x4 = f32x4.splat(0);
  let i: i32 = 0;
  for (; i + LANES <= length; i += LANES) {
    const x = f32x4.sub(v128.load(row), shift);
    sum_f32x4 = f32x4.add(sum_f32x4, exponential_f32x4(x, low, l2e, round, l2, l2r, c6, c5, c4, c3, c2, c1));
    row += 16;
  }
  if (i < length) {
    const x = f32x4.sub(loadTail_f32x4(row, length - i, -Infinity), shift);
    sum_f32x4 = f32x4.add(sum_f32x4, exponential_f32x4(x, low, l2e, round, l2, l2r, c6, c5, c4, c3, c2, c1));
  }
  return sumLanes(sum_f32x4);
}

/** Divides a row by its sum. What a boolean mask dropped is 0 and stays 0, even where the sum is NaN. */
function divide(row: usize, length: i32, sum: f32, keepZeros: bool): void {
  const divisor = f32x4.splat(sum == 0 ? 1 : sum);
  let i: i32 = 0;
  for (; i + LANES <= length; i += LANES) {
    v128.store(row, quotient_f32x4(v128.load(row), divisor, keepZeros));
    row += 16;
  }
  if (i == length) return;
  storeTail_f32x4(row, quotient_f32x4(loadTail_f32x4(row, length - i, 0), divisor, keepZeros), length - i);
}

// @ts-ignore: decorator
@inline
function quotient_f32x4(power: v128, divisor: v128, keepZeros: bool): v128 {
  const quotient = f32x4.div(power, divisor);
  return keepZeros ? v128.and(quotient, f32x4.ne(power, f32x4.splat(0))) : quotient;
}

/** (t - maximum) - ln(sum): in this order, so that large scores cancel before the small logarithm joins. */
function subtract(row: usize, length: i32, maximum: f32, logarithm: f32, sum: f32): void {
  const shift = f32x4.splat(maximum);
  const rest = f32x4.splat(sum == 0 ? 0 : logarithm);
  let i: i32 = 0;
  for (; i + LANES <= length; i += LANES) {
    v128.store(row, f32x4.sub(f32x4.sub(v128.load(row), shift), rest));
    row += 16;
  }
  if (i < length) {
    const t = loadTail_f32x4(row, length - i, 0);
    storeTail_f32x4(row, f32x4.sub(f32x4.sub(t, shift), rest), length - i);
  }
}

/** The axis is an inner one: four neighbouring slices in the lanes, a step of the axis is a row of `inner` floats. */
function columnsTile(p: SoftmaxParameters, tile: i32): void {
  const perOuter = (p.inner + LANES - 1) / LANES;
  const first = tile * p.perTile;
  const last = min(first + p.perTile, p.outer * perOuter);
  for (let i = first; i < last; i++) {
    const outer = i / perOuter;
    const inner = (i % perOuter) * LANES;
    const offset: usize = ((<usize>outer * p.length) * p.inner + inner) * 4;
    softmaxColumns(p, p.input + offset, p.output + offset, outer, inner, min(LANES, p.inner - inner));
  }
}

function softmaxColumns(p: SoftmaxParameters, input: usize, output: usize, outer: i32, inner: i32, count: i32): void {
  const stride: usize = <usize>p.inner * 4;
  const factor = f32x4.splat(p.scale);
  let maximum = f32x4.splat(-Infinity);
  for (let i: i32 = 0; i < p.length; i++) {
    let t = f32x4.mul(loadLanes(input + i * stride, count), factor);
    t = maskColumns(p, t, outer, inner, i, count);
    storeLanes(output + i * stride, t, count);
    maximum = f32x4.pmax(maximum, t);
  }
  maximum = v128.bitselect(f32x4.splat(0), maximum, f32x4.eq(maximum, f32x4.splat(-Infinity)));
  const low = lowest(), l2e = log2e(), round = rounder(), l2 = ln2(), l2r = ln2Rest();
  const c6 = coefficient6(), c5 = coefficient5(), c4 = coefficient4(), c3 = coefficient3(), c2 = coefficient2(), c1 = one();
  let sum = f32x4.splat(0);
  for (let i: i32 = 0; i < p.length; i++) {
    const x = f32x4.sub(loadLanes(output + i * stride, count), maximum);
    const power = exponential_f32x4(x, low, l2e, round, l2, l2r, c6, c5, c4, c3, c2, c1);
    if (!p.logarithm) storeLanes(output + i * stride, power, count);
    sum = f32x4.add(sum, power);
  }
  if (p.logarithm) {
    const rest = logarithms_f32x4(sum);
    for (let i: i32 = 0; i < p.length; i++) {
      const t = loadLanes(output + i * stride, count);
      storeLanes(output + i * stride, f32x4.sub(f32x4.sub(t, maximum), rest), count);
    }
    return;
  }
  const divisor = v128.bitselect(f32x4.splat(1), sum, f32x4.eq(sum, f32x4.splat(0)));
  for (let i: i32 = 0; i < p.length; i++)
    storeLanes(
      output + i * stride,
      quotient_f32x4(loadLanes(output + i * stride, count), divisor, p.maskKind == BOOLEAN_MASK),
      count,
    );
}

function loadLanes(address: usize, count: i32): v128 {
  return count == LANES ? v128.load(address) : loadTail_f32x4(address, count, 0);
}

function storeLanes(address: usize, lanes: v128, count: i32): void {
  if (count == LANES) v128.store(address, lanes);
  else storeTail_f32x4(address, lanes, count);
}

function maskColumns(p: SoftmaxParameters, t: v128, outer: i32, inner: i32, index: i32, count: i32): v128 {
  if (p.maskKind == NO_MASK) return t;
  const row = p.mask + maskOffset(p.maskOuterOffsets, outer) + index * <usize>p.maskLengthStride;
  const last = count - 1;
  const lane0 = row + maskOffset(p.maskInnerOffsets, inner);
  const lane1 = row + maskOffset(p.maskInnerOffsets, inner + min(1, last));
  const lane2 = row + maskOffset(p.maskInnerOffsets, inner + min(2, last));
  const lane3 = row + maskOffset(p.maskInnerOffsets, inner + last);
  if (p.maskKind == BOOLEAN_MASK)
    return excludeLanes(t, load<u8>(lane0), load<u8>(lane1), load<u8>(lane2), load<u8>(lane3));
  return f32x4.add(t, gather_f32x4(lane0, lane1, lane2, lane3));
}

/** ln of each lane; 0 for an empty sum, whose values are -infinity already. */
function logarithms_f32x4(sum: v128): v128 {
  let lanes = f32x4.splat(logarithm(f32x4.extract_lane(sum, 0)));
  lanes = f32x4.replace_lane(lanes, 1, logarithm(f32x4.extract_lane(sum, 1)));
  lanes = f32x4.replace_lane(lanes, 2, logarithm(f32x4.extract_lane(sum, 2)));
  return f32x4.replace_lane(lanes, 3, logarithm(f32x4.extract_lane(sum, 3)));
}

function logarithm(sum: f32): f32 {
  return sum == 0 ? 0 : <f32>NativeMath.log(<f64>sum);
}
