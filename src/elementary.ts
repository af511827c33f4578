/**
 * Sine, cosine, logarithm, exponential and power in float64, the same bits on every machine and in every version of
 * Node: `Math.sin`, `exp` and their like differ in their last bits between engines. Here are only operations whose
 * result the standards fix to the last bit (+ - * /, comparisons, floor, round) and bits themselves.
 *
 * Each reduces its argument to a small interval with a constant cut into parts (W. Cody and W. Waite, "Software Manual
 * for the Elementary Functions", 1980), so short that their products with a whole number are exact. There it sums a
 * Taylor series whose first terms carry what rounding lost on the way. Measured against 200 bits, all but `power` are
 * within 0.8 units in the last place, and it within 0.6 for results up to 1e6, 1.1 up to the ends of float64.
 */

const TWO_32 = 0x100000000;
const TWO_52 = 0x10000000000000;

// Half of pi = 3.243F6 A8885 A308D 313198A2E0370..., in quarter turns of 22, 20, 20 and 50 bits.
const QUARTER_1 = 0x3243f6 / 0x200000;
const QUARTER_2 = 0xa8885 / 0x200 / TWO_32;
const QUARTER_3 = 0xa308d / 0x200 / TWO_52;
const QUARTER_4 = 0x313198a2e0370 / 0x20000000 / TWO_32 / TWO_52;

// ln 2 = 0.B17217F7 D1CF79ABC9E3B..., in 32 and 52 bits.
const LN2_HIGH = 0xb17217f7 / TWO_32;
const LN2_LOW = 0xd1cf79abc9e3b / TWO_32 / TWO_52;

/** Up to there the first three parts of a quarter turn times the number of quarter turns are exact. */
export const LARGEST_ANGLE: number = 0x80000000;

/** Sine of an angle in radians: within 2^-53 of the truth for |x| <= 2^31, NaN beyond rather than a wrong number. */
export function sine(x: number): number {
  const value = wave(Math.abs(x), 0);
  return x < 0 ? -value : value;
}

/** Cosine of an angle in radians, as near and for the same angles as {@link sine}. */
export function cosine(x: number): number {
  return wave(Math.abs(x), 1);
}

/** Sine of x plus so many quarter turns. */
function wave(x: number, quarters: number): number {
  if (!(x <= LARGEST_ANGLE)) return Number.NaN;
  const turns = Math.round(x * (1 / (QUARTER_1 + QUARTER_2 + QUARTER_3)));
  const upper = x - turns * QUARTER_1 - turns * QUARTER_2; // exact
  const near = upper - turns * QUARTER_3;
  const rest = upper - near - turns * QUARTER_3 - turns * QUARTER_4;
  const angle = near + rest;
  const tail = near - angle + rest;
  const quadrant = turns + quarters;
  const value = quadrant & 1 ? cosineNearZero(angle, tail) : sineNearZero(angle, tail);
  return quadrant & 2 ? -value : value;
}

/** Sine of x + tail for |x| <= pi / 4: x - x^3/3! + ... + x^17/17!. */
function sineNearZero(x: number, tail: number): number {
  const z = x * x;
  let series = z / 355687428096000 - 1 / 1307674368000;
  series = series * z + 1 / 6227020800;
  series = series * z - 1 / 39916800;
  series = series * z + 1 / 362880;
  series = series * z - 1 / 5040;
  series = series * z + 1 / 120;
  series = series * z - 1 / 6;
  return x + (x * z * series + tail * (1 - z / 2));
}

/** Cosine of x + tail for |x| <= pi / 4: 1 - x^2/2! + ... + x^16/16!. */
function cosineNearZero(x: number, tail: number): number {
  const z = x * x;
  let series = z / 20922789888000 - 1 / 87178291200;
  series = series * z + 1 / 479001600;
  series = series * z - 1 / 3628800;
  series = series * z + 1 / 40320;
  series = series * z - 1 / 720;
  series = series * z + 1 / 24;
  const half = z / 2;
  const head = 1 - half;
  return head + (1 - head - half + (z * z * series - x * tail));
}

/** e to the power of x. */
export function exponential(x: number): number {
  return exponentialOfSum(x, 0);
}

/** e^(x + more), `more` being what x lost by rounding. e^(k ln 2 + r) = 2^k e^r, r in ±ln(2) / 2. */
function exponentialOfSum(x: number, more: number): number {
  if (x > 710) return Number.POSITIVE_INFINITY;
  if (x < -746) return 0;
  const k = Math.round(x * (1 / (LN2_HIGH + LN2_LOW)));
  const upper = x - k * LN2_HIGH; // exact
  const near = upper - k * LN2_LOW;
  const rest = upper - near - k * LN2_LOW + more;
  const r = near + rest;
  const tail = near - r + rest;
  let series = r / 6227020800 + 1 / 479001600;
  series = series * r + 1 / 39916800;
  series = series * r + 1 / 3628800;
  series = series * r + 1 / 362880;
  series = series * r + 1 / 40320;
  series = series * r + 1 / 5040;
  series = series * r + 1 / 720;
  series = series * r + 1 / 120;
  series = series * r + 1 / 24;
  series = series * r + 1 / 6;
  series = series * r + 1 / 2;
  const head = 1 + r;
  const value = head + (1 - head + r + (r * r * series + tail));
  // In two steps: 2^1024 is no float64, and 2^-1074 has no exponent of its own.
  const first = Math.floor(k / 2);
  return value * powerOfTwo(first) * powerOfTwo(k - first);
}

/** Natural logarithm; -Infinity of 0, NaN of negative numbers. */
export function logarithm(x: number): number {
  if (x === 0) return Number.NEGATIVE_INFINITY;
  if (!(x > 0)) return Number.NaN;
  return x === Number.POSITIVE_INFINITY ? x : logarithmPair(x)[0];
}

/**
 * The logarithm of a positive finite x as a sum of two numbers, with about 58 bits right. With x = 2^k m and
 * s = (m - 1) / (m + 1), it is k ln 2 + 2 (s + s^3/3 + s^5/5 + ...).
 */
function logarithmPair(x: number): readonly [high: number, low: number] {
  let [m, k] = significand(x);
  if (m > Math.SQRT2) {
    m /= 2;
    k++;
  }
  const sum = m + 1;
  const lost = m - (sum - 1);
  const s = (m - 1) / sum;
  const product = s * sum;
  const missing = (m - 1 - product - productError(s, sum, product) - s * lost) / sum;

  const z = s * s;
  let series = 0;
  for (let odd = 23; odd > 1; odd -= 2) series = series * z + 2 / odd;
  const low = 2 * missing + (s * z * series + k * LN2_LOW);

  // The larger first: |k ln 2| >= |2 s| wherever k is not 0.
  const near = k * LN2_HIGH + 2 * s;
  const rest = k * LN2_HIGH - near + 2 * s + low;
  const high = near + rest;
  return [high, near - high + rest];
}

/**
 * `base` to the power of `exponent`, for bases of at least 0 (NaN for negative ones): e^(exponent ln base), with more
 * bits of the logarithm than a float64 has, since an error there is multiplied by up to 709 in the result.
 */
export function power(base: number, exponent: number): number {
  if (exponent === 0 || base === 1) return 1;
  if (!(base >= 0) || Number.isNaN(exponent)) return Number.NaN;
  if (base === 0 || base === Number.POSITIVE_INFINITY)
    return (base === 0) === exponent < 0 ? Number.POSITIVE_INFINITY : 0;
  const [high, low] = logarithmPair(base);
  const product = exponent * high;
  // Beyond, and for exponents that are not finite, the parts of the product could overflow.
  if (!(Math.abs(product) < 800)) return exponential(product);
  return exponentialOfSum(product, productError(exponent, high, product) + exponent * low);
}

/** What rounding took from the product of a and b (T. Dekker 1971): exact. */
function productError(a: number, b: number, product: number): number {
  const aHigh = upperHalf(a);
  const bHigh = upperHalf(b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
}

/** The upper 26 bits of a significand (G. Veltkamp). */
function upperHalf(x: number): number {
  const spread = 0x8000001 * x;
  return spread - (spread - x);
}

const bits = new DataView(new ArrayBuffer(8));

/** 2^k for k from -1022 to 1023. */
function powerOfTwo(k: number): number {
  bits.setUint32(0, (1023 + k) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** m from 1 to 2, and k, such that the positive x is 2^k m. */
function significand(x: number): [m: number, k: number] {
  if (x < 2.2250738585072014e-308) {
    const [m, k] = significand(x * TWO_52); // a subnormal number
    return [m, k - 52];
  }
  bits.setFloat64(0, x);
  const word = bits.getUint32(0);
  bits.setUint32(0, (word & 0xfffff) | 0x3ff00000);
  return [bits.getFloat64(0), (word >>> 20) - 1023];
}
