// tanh. Near 0, where 1 - e^(-2|x|) would cancel, x + x^3 P(x^2) with the coefficients of tanhf in Cephes (S. Moshier,
// netlib.org/cephes, single precision); beyond, 1 - 2 e / (1 + e) with e = e^(-2|x|): the closer to 1, the
// less the quotient's rounding counts.

import { exponentialOnce_f32x4 } from "./exponential";
import { madd_f32x4 } from "./simd";

const NEAR: f32 = 0.625;

export function hyperbolicTangent_f32x4(x: v128): v128 {
  const size = f32x4.abs(x);
  const square = f32x4.mul(x, x);
  let near = madd_f32x4(f32x4.splat(-5.70498872745e-3), square, f32x4.splat(2.06390887954e-2));
  near = madd_f32x4(near, square, f32x4.splat(-5.37397155531e-2));
  near = madd_f32x4(near, square, f32x4.splat(1.33314422036e-1));
  near = madd_f32x4(near, square, f32x4.splat(-3.33332819422e-1));
  near = madd_f32x4(f32x4.mul(near, square), x, x);

  const e = exponentialOnce_f32x4(f32x4.mul(size, f32x4.splat(-2)));
  const one = f32x4.splat(1);
  const far = f32x4.sub(one, f32x4.div(f32x4.add(e, e), f32x4.add(one, e)));
  const signed = v128.or(far, v128.and(x, f32x4.splat(-0.0)));
  return v128.bitselect(near, signed, f32x4.lt(size, f32x4.splat(NEAR)));
}
