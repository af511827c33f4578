// The one place where the strict and the relaxed kernel set differ in arithmetic, and lane helpers.

import { LANES } from "./tile-sizes";

/** a * b + c: two roundings in strict, one where relaxed SIMD and the processor fuse them. */
// @ts-ignore: decorator
@inline
export function madd_f32x4(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b)); // c first: V8 then adds in place, without a move
}

/** Loads `count` (1 to 3) floats and fills the other lanes; never reads past the last of them. */
export function loadTail_f32x4(address: usize, count: i32, fill: f32): v128 {
  let lanes = v128.load32_lane(address, f32x4.splat(fill), 0);
  if (count > 1) lanes = v128.load32_lane(address, lanes, 1, 4);
  if (count > 2) lanes = v128.load32_lane(address, lanes, 2, 8);
  return lanes;
}

/** Stores the first `count` (1 to 3) lanes; never writes past the last of them. */
export function storeTail_f32x4(address: usize, lanes: v128, count: i32): void {
  v128.store32_lane(address, lanes, 0);
  if (count > 1) v128.store32_lane(address, lanes, 1, 4);
  if (count > 2) v128.store32_lane(address, lanes, 2, 8);
}

export function largestLane(x: v128): f32 {
  const pairs = f32x4.pmax(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmax(pairs, v128.shuffle<f32>(pairs, pairs, 1, 0, 3, 2)), 0);
}

export function sumLanes(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** Loads up to four floats; the lanes beyond `count` are 0, and not read. */
export function loadSome_f32x4(address: usize, count: i32): v128 {
  if (count >= LANES) return v128.load(address);
  return count > 0 ? loadTail_f32x4(address, count, 0) : f32x4.splat(0);
}

/** Stores the first of four floats; what lies beyond `count` is not touched. */
export function storeSome_f32x4(address: usize, lanes: v128, count: i32): void {
  if (count >= LANES) v128.store(address, lanes);
  else if (count > 0) storeTail_f32x4(address, lanes, count);
}

/** Four floats from four addresses. */
// @ts-ignore: decorator
@inline
export function gather_f32x4(lane0: usize, lane1: usize, lane2: usize, lane3: usize): v128 {
  let lanes = v128.load32_zero(lane0);
  lanes = v128.load32_lane(lane1, lanes, 1);
  lanes = v128.load32_lane(lane2, lanes, 2);
  return v128.load32_lane(lane3, lanes, 3);
}

// A 4 x 4 transpose in two rounds of shuffles: interleave rows 0, 1 and rows 2, 3, then join halves.

// @ts-ignore: decorator
@inline
export function interleaveLow(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 4, 1, 5);
}

// @ts-ignore: decorator
@inline
export function interleaveHigh(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 2, 6, 3, 7);
}

// @ts-ignore: decorator
@inline
export function joinLow(a: v128, b: v128): v128 {
  return v128.shuffle<f64>(a, b, 0, 2);
}

// @ts-ignore: decorator
@inline
export function joinHigh(a: v128, b: v128): v128 {
  return v128.shuffle<f64>(a, b, 1, 3);
}
