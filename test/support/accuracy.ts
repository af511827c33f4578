/**
 * How exact a kernel must be: its largest error against the float64 reference is at most twice that of the plain
 * float32 algorithm, plus 2^-22 of the largest value. NaN and infinities must stand where the reference has them.
 */
import { expect } from "vitest";
import { exactly, expectClose, expectTensorClose, type Tolerance } from "./tolerance.ts";

interface Numbers {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** What the plain algorithm's error allows. */
export function plainTolerance(exact: ArrayLike<number>, plain: ArrayLike<number>): Tolerance {
  let largest = 0;
  let error = 0;
  for (let i = 0; i < exact.length; i++) {
    if (!Number.isFinite(exact[i]!)) continue;
    largest = Math.max(largest, Math.abs(exact[i]!));
    if (Number.isFinite(plain[i]!)) error = Math.max(error, Math.abs(exact[i]! - plain[i]!));
  }
  return { absolute: 2 * error + 2 ** -22 * largest, relative: 0 };
}

/** Compares with the reference within a tolerance; where the reference has NaN there must be NaN, and nowhere else. */
export function expectAccurate(actual: Numbers, exact: Numbers, tolerance: Tolerance, label: string): void {
  const withoutNaN = ({ data, shape }: Numbers) => ({
    data: Float64Array.from(data, (x) => (Number.isNaN(x) ? 0 : x)),
    shape,
  });
  const marks = ({ data }: Numbers) => Array.from(data, (x) => (Number.isNaN(x) ? 1 : 0));
  expectTensorClose(withoutNaN(actual), withoutNaN(exact), tolerance, label);
  expectClose(marks(actual), marks(exact), exactly, `${label}: where NaN stands`);
}

/** The bits of floats, for results that must not differ in any; every NaN counts as the same. */
export function bitsOf(data: ArrayLike<number>): Uint32Array {
  return new Uint32Array(Float32Array.from(data, (x) => (Number.isNaN(x) ? Number.NaN : x)).buffer);
}

/** Equal to the last bit, the sign of zero included. */
export function expectSameBits(actual: ArrayLike<number>, expected: ArrayLike<number>, label: string): void {
  const [a, b] = [bitsOf(actual), bitsOf(expected)];
  expect(a.length, `${label}: length`).toBe(b.length);
  for (let i = 0; i < a.length; i++)
    if (a[i] !== b[i])
      expect.fail(`${label}: element ${i} is ${actual[i]}, expected the bits of ${expected[i]}`);
}
