// e^x for x <= 0, and the natural logarithm of a sum of such.
//
// x = n ln2 + r with |r| <= ln2 / 2, e^x = 2^n e^r, and e^r by a polynomial of degree 6 whose first two
// coefficients are exactly 1 (so that e^0 is exactly 1: a maximum that did not move corrects by nothing). The other
// five minimise the largest relative error, 3e-9; rounding adds a unit in the last place. Degree 5 would be a twentieth
// faster and err by 1.1e-7, which shows in an attention whose scores are exact.
//
// Rounding to n adds 1.5 * 2^23 + 127, which leaves n + 127 in the low bits of the sum: shifted left by 23 they are
// the float 2^n. For x below -87.7 that is 2^-127, whose bits are those of 0, so that everything small, -infinity
// included, gives exactly 0. NaN stays NaN. No constant is folded into x: scores of 1e4 would lose their last bits.

import { madd_f32x4 } from "./simd";

/**
 * Coefficients live in memory and are loaded into locals before a loop: V8 rebuilds a v128 constant at every use. They are
 * spread over the lanes as they are loaded, so that a register of 8 lanes takes no more of them.
 */
const table = memory.data<f32>(
  [
    -88, 1.44269502, 12583039, 0.693359375, -2.12194442e-4, 0.693147182,
    0.001381422160193324, 0.00836889911442995, 0.04166840389370918, 0.1666651964187622,
    0.4999999403953552, 1,
  ],
  16,
);

/** Below this everything is 0. */
// @ts-ignore: decorator
@inline
export function lowest(): v128 { return v128.load_splat<f32>(table); }

// @ts-ignore: decorator
@inline
export function log2e(): v128 { return v128.load_splat<f32>(table, 4); }

/** 1.5 * 2^23 + 127: adding it rounds to a whole number and biases that to a float's exponent. */
// @ts-ignore: decorator
@inline
export function rounder(): v128 { return v128.load_splat<f32>(table, 8); }

/** ln2: whole for a fused step, which does not round in between; else its high bits, n times which is exact. */
// @ts-ignore: decorator
@inline
export function ln2(): v128 { return ASC_FEATURE_RELAXED_SIMD ? v128.load_splat<f32>(table, 20) : v128.load_splat<f32>(table, 12); }

/** What the high bits of ln2 leave. */
// @ts-ignore: decorator
@inline
export function ln2Rest(): v128 { return v128.load_splat<f32>(table, 16); }

// @ts-ignore: decorator
@inline
export function coefficient6(): v128 { return v128.load_splat<f32>(table, 24); }

// @ts-ignore: decorator
@inline
export function coefficient5(): v128 { return v128.load_splat<f32>(table, 28); }

// @ts-ignore: decorator
@inline
export function coefficient4(): v128 { return v128.load_splat<f32>(table, 32); }

// @ts-ignore: decorator
@inline
export function coefficient3(): v128 { return v128.load_splat<f32>(table, 36); }

// @ts-ignore: decorator
@inline
export function coefficient2(): v128 { return v128.load_splat<f32>(table, 40); }

// @ts-ignore: decorator
@inline
export function one(): v128 { return v128.load_splat<f32>(table, 44); }

/** e^x of four x <= 0. The constants are arguments so that the loop around it keeps them in registers. */
// @ts-ignore: decorator
@inline
export function exponential_f32x4(
  x: v128, lowest: v128, log2e: v128, rounder: v128, ln2: v128, ln2Rest: v128,
  coefficient6: v128, coefficient5: v128, coefficient4: v128, coefficient3: v128, coefficient2: v128, one: v128,
): v128 {
  const clamped = f32x4.pmax(x, lowest);
  const rounded = madd_f32x4(clamped, log2e, rounder);
  const n = f32x4.sub(rounded, rounder);
  const r = reduce_f32x4(clamped, n, ln2, ln2Rest);
  let power = madd_f32x4(coefficient6, r, coefficient5);
  power = madd_f32x4(power, r, coefficient4);
  power = madd_f32x4(power, r, coefficient3);
  power = madd_f32x4(power, r, coefficient2);
  power = madd_f32x4(power, r, one);
  power = madd_f32x4(power, r, one);
  return f32x4.mul(power, i32x4.shl(rounded, 23));
}

/** x - n ln2: in two exact steps where a product rounds before it is subtracted. */
// @ts-ignore: decorator
@inline
function reduce_f32x4(x: v128, n: v128, ln2: v128, ln2Rest: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(n, ln2, x);
  return f32x4.sub(f32x4.sub(x, f32x4.mul(n, ln2)), f32x4.mul(n, ln2Rest));
}

/** The same outside of hot loops, for the few values that correct running sums. */
export function exponentialOnce_f32x4(x: v128): v128 {
  return exponential_f32x4(
    x, lowest(), log2e(), rounder(), ln2(), ln2Rest(),
    coefficient6(), coefficient5(), coefficient4(), coefficient3(), coefficient2(), one(),
  );
}

/** m + ln(sum) in float64, rounded once; -infinity for an empty sum. The logarithm is compiled in: same bits everywhere. */
export function logSum(maximum: f32, sum: f32): f32 {
  if (sum == 0) return -f32.MAX_VALUE * 2;
  return <f32>((<f64>maximum) + NativeMath.log(<f64>sum));
}
