import { describe, expect, test } from "vitest";
import { cosine, exponential, logarithm, power, sine } from "../../src/elementary.ts";
import { Random } from "../../src/random.ts";

// The judge: integers as fixed-point numbers of 200 bits behind the point, and Taylor series without reduction tricks.
const BITS = 200n;
const ONE = 1n << BITS;

/** x = m / 2^k, exactly. */
function exact(x: number): [m: bigint, k: bigint] {
  let k = 0n;
  for (; !Number.isInteger(x); k++) x *= 2;
  return [BigInt(x), k];
}

function fixed(x: number): bigint {
  const [m, k] = exact(x);
  return (m << BITS) >> k;
}

const toNumber = (x: bigint): number => Number(x) / 2 ** 200;

function arctangentOfInverse(n: bigint): bigint {
  let sum = 0n;
  let power = ONE / n;
  for (let odd = 1n; power !== 0n; odd += 2n) {
    sum += odd % 4n === 1n ? power / odd : -power / odd;
    power /= n * n;
  }
  return sum;
}

/** Machin's formula. */
const PI = 16n * arctangentOfInverse(5n) - 4n * arctangentOfInverse(239n);

function circle(x: number): { sine: bigint; cosine: bigint } {
  const angle = fixed(x) % (2n * PI);
  const sums: [bigint, bigint] = [0n, 0n];
  let term = ONE;
  for (let n = 0n; term !== 0n; n++) {
    sums[Number(n % 2n)]! += n % 4n < 2n ? term : -term;
    term = (term * angle) / ONE / (n + 1n);
  }
  return { sine: sums[1], cosine: sums[0] };
}

/** e^x for fixed x >= 0. */
function exponentialFixed(x: bigint): bigint {
  let sum = 0n;
  let term = ONE;
  for (let n = 1n; term !== 0n; n++) {
    sum += term;
    term = (term * x) / 1024n / ONE / n;
  }
  for (let i = 0; i < 10; i++) sum = (sum * sum) / ONE;
  return sum;
}

/** e^x / value - 1 for fixed x: the relative error of an exponential, the absolute one of a logarithm. */
function mismatch(x: bigint, value: number): bigint {
  const [m, k] = exact(value);
  if (x >= 0n) return (exponentialFixed(x) << k) / m - ONE;
  return ONE - ((exponentialFixed(-x) * m) >> k);
}

/** ln x: what is tested, after a step of Newton's method, which doubles the number of right bits. */
function logarithmFixed(x: number): bigint {
  const start = fixed(logarithm(x));
  return start - mismatch(start, x);
}

const random = new Random(11);
const between = (low: number, high: number): number =>
  low + (high - low) * (random.uniform() + random.uniform() * 2 ** -24);
const largest = (count: number, error: () => number): number => {
  let most = 0;
  for (let i = 0; i < count; i++) most = Math.max(most, error());
  return most;
};

describe("sine and cosine", () => {
  test.each([1, 2 ** 10, 2 ** 20, 2 ** 31])("are within 2^-53 of the truth up to %d", (range) => {
    const error = largest(400, () => {
      const x = between(-range, range);
      const truth = circle(x);
      return Math.max(
        Math.abs(toNumber(fixed(sine(x)) - truth.sine)),
        Math.abs(toNumber(fixed(cosine(x)) - truth.cosine)),
      );
    });
    expect(error).toBeLessThan(2 ** -53);
  });

  test("stay so next to multiples of a quarter turn, where digits cancel", () => {
    for (let turns = 1; turns < 2 ** 31 / 1.6; turns = 3 * turns + 1) {
      const x = toNumber((PI * BigInt(turns)) / 2n);
      const truth = circle(x);
      expect(Math.abs(toNumber(fixed(sine(x)) - truth.sine) / sine(x))).toBeLessThan(2 ** -52);
      expect(Math.abs(toNumber(fixed(cosine(x)) - truth.cosine) / cosine(x))).toBeLessThan(2 ** -52);
    }
    expect(sine(355)).toBe(-0.00003014435335948845); // 355 / 113 is nearly pi
  });

  test("agree with Math, and with the addition theorem", () => {
    const angle = () => Math.fround(between(-1000, 1000)); // of few bits: the sum of two is exact
    const error = largest(20_000, () => {
      const [x, y] = [angle(), angle()];
      const sum = sine(x) * cosine(y) + cosine(x) * sine(y) - sine(x + y);
      return Math.max(Math.abs(sine(x) - Math.sin(x)), Math.abs(cosine(y) - Math.cos(y)), Math.abs(sum));
    });
    expect(error).toBeLessThan(5e-16);
  });

  test("have their symmetries and their limits", () => {
    for (const x of [0.1, Math.PI / 4, 3, 1e6]) {
      expect(sine(-x)).toBe(-sine(x));
      expect(cosine(-x)).toBe(cosine(x));
    }
    expect([sine(0), cosine(0), sine(5e-324)]).toEqual([0, 1, 5e-324]);
    expect([sine(1), cosine(1)]).toEqual([0.8414709848078965, 0.5403023058681398]);
    for (const x of [2 ** 31 + 1, Number.POSITIVE_INFINITY, Number.NaN]) expect(sine(x)).toBeNaN();
  });
});

describe("exponential, logarithm and power", () => {
  test("are within a unit in the last place", () => {
    for (const range of [708, 1, 1e-6]) {
      const error = largest(200, () => {
        const x = between(-range, range);
        const y = Math.exp(x) === 1 ? 2 : Math.exp(x);
        const exponentials = Math.abs(toNumber(mismatch(fixed(x), exponential(x))));
        const logarithms = Math.abs(toNumber(mismatch(fixed(logarithm(y)), y)) / logarithm(y));
        return Math.max(exponentials, logarithms);
      });
      expect(error).toBeLessThan(2 ** -52);
    }
  });

  test("powers are within 1e-14, in the frequencies' range within a unit in the last place", () => {
    const error = (base: number, exponent: number): number => {
      const [m, k] = exact(exponent);
      return Math.abs(toNumber(mismatch((logarithmFixed(base) * m) >> k, power(base, exponent))));
    };
    expect(largest(300, () => error(between(1, 1e6), between(-1, 1)))).toBeLessThan(2 ** -52);
    expect(largest(300, () => error(Math.exp(between(-9, 9)), between(-70, 70)))).toBeLessThan(1e-14);
  });

  test("agree with exact integers, roots, Math and each other", () => {
    for (const base of [3, 7, 10, 500_000])
      for (const exponent of [1, 2, 17, 40, -1, -33]) {
        const whole = Number(BigInt(base) ** BigInt(Math.abs(exponent)));
        const truth = exponent < 0 ? 1 / whole : whole;
        expect(Math.abs(power(base, exponent) / truth - 1)).toBeLessThan(4.5e-16);
      }
    const error = largest(5000, () => {
      const x = between(0.001, 1000);
      expect(Math.abs(logarithm(x) - Math.log(x))).toBeLessThan(9e-16);
      return Math.max(
        Math.abs(power(x, 0.25) / Math.sqrt(Math.sqrt(x)) - 1),
        Math.abs(exponential(-x / 2) / Math.exp(-x / 2) - 1),
        Math.abs(exponential(logarithm(x)) / x - 1) / 3, // the logarithm's own rounding is in there
      );
    });
    expect(error).toBeLessThan(4.5e-16);
    expect([exponential(1), logarithm(2), logarithm(10)]).toEqual([Math.E, Math.LN2, Math.LN10]);
  });

  test("have the limits of Math", () => {
    const expectNear = (value: number, truth: number): void => {
      if (truth === 0 || !Number.isFinite(truth)) expect(value).toBe(truth);
      else expect(Math.abs(value / truth - 1)).toBeLessThan(1e-14);
    };
    const infinity = Number.POSITIVE_INFINITY;
    for (const size of [0, 5e-324, 1e-310, 0.5, 1, 2, 709.78, 710, 1e308, infinity, Number.NaN])
      for (const x of [size, -size]) {
        expectNear(exponential(x), Math.exp(x));
        expectNear(logarithm(x), Math.log(x));
      }
    expect([exponential(-745.1), exponential(-745.2), exponential(-1e9)]).toEqual([5e-324, 0, 0]);
    for (const base of [0, 0.5, 2, 1e300, infinity, Number.NaN])
      for (const exponent of [0, 1, -1, 1e300, -1e300, infinity, -infinity, Number.NaN])
        expectNear(power(base, exponent), base ** exponent);
    expect([power(-2, 2), power(1, infinity)]).toEqual([Number.NaN, 1]);
  });
});

test("the bits are the same everywhere", () => {
  // FNV-1a over the words of 5,000 results of each; the number was recorded on Node 20.
  const generator = new Random(5);
  const results = new Float64Array(25_000);
  for (let i = 0; i < results.length; ) {
    const x = 1000 * generator.uniform();
    for (const result of [sine(x), cosine(x), exponential(x - 500), logarithm(x), power(x, 1 - x / 400)])
      results[i++] = result;
  }
  let hash = 0x811c9dc5;
  for (const word of new Uint32Array(results.buffer)) hash = Math.imul(hash ^ word, 0x01000193);
  expect(hash >>> 0).toBe(1402972649);
});
