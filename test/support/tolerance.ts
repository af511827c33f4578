/**
 * How close is close enough, and a comparison that names the worst element. Tolerances come from where the
 * expected numbers come from; they are never widened to let a test pass.
 */
import { AssertionError } from "node:assert";

/** |actual - expected| <= absolute + relative * |expected| */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/** What `torchTolerance` needs to know of an expected tensor: a `GoldenTensor` has it. */
interface TorchExpectation {
  readonly name: string;
  readonly absmax: number;
  readonly torchError: number;
}

/** For float32 results against a PyTorch golden: as its README suggests, `lse` by its own rule. */
export function torchTolerance({ name, absmax, torchError }: TorchExpectation): Tolerance {
  const floor = name === "lse" ? 1e-6 * absmax + 1e-6 : 1e-5 * absmax;
  return { absolute: Math.max(4 * torchError, floor), relative: 0 };
}

/** For float64 results against a golden, which is a float64 result rounded once to float32. */
export function roundedOnce({ absmax }: Pick<TorchExpectation, "absmax">): Tolerance {
  return { absolute: 1e-12 * absmax, relative: 2 ** -24 };
}

/** For ONNX cases, by the type of the expected tensor. */
export function onnxTolerance(dtype: string): Tolerance {
  return dtype === "float16" ? { absolute: 1e-3, relative: 1e-3 } : { absolute: 1e-6, relative: 1e-4 };
}

/** For float64 arithmetic against float64 arithmetic done another way. */
export const float64Tolerance: Tolerance = { absolute: 1e-13, relative: 1e-12 };

/** Equal, bit for bit but for the sign of zero. */
export const exactly: Tolerance = { absolute: 0, relative: 0 };

/**
 * Compares element by element and fails with the worst one. NaN never passes, on either side; infinities
 * must be the same.
 */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
  label: string,
): void {
  compare(actual, expected, () => tolerance, label, expectClose);
}

/** What `expectClose` does, for tensors: their shapes must be equal too, and the index is given by dimension. */
export function expectTensorClose(
  actual: { readonly data: ArrayLike<number>; readonly shape: readonly number[] },
  expected: { readonly data: ArrayLike<number>; readonly shape: readonly number[] },
  tolerance: Tolerance,
  label: string,
): void {
  checkShapes(actual.shape, expected.shape, label, expectTensorClose);
  compare(actual.data, expected.data, () => tolerance, label, expectTensorClose, expected.shape);
}

/**
 * Compares with a result of PyTorch that has NaN where a row has no key to attend to. There `actual` must be
 * exactly what this library defines: 0, or what `defined` gives for the element. Elsewhere as
 * `expectTensorClose`. Returns how many elements were NaN, so that a test can check that there were any.
 */
export function expectCloseOrDefined(
  actual: { readonly data: ArrayLike<number>; readonly shape: readonly number[] },
  expected: { readonly data: ArrayLike<number>; readonly shape: readonly number[] },
  tolerance: Tolerance,
  label: string,
  defined: (index: number) => number = () => 0,
): number {
  checkShapes(actual.shape, expected.shape, label, expectCloseOrDefined);
  const masked = Array.from(expected.data, (value) => Number.isNaN(value));
  const filled = Array.from(expected.data, (value, i) => (masked[i] ? defined(i) : value));
  const toleranceAt = (i: number) => (masked[i] ? exactly : tolerance);
  compare(actual.data, filled, toleranceAt, label, expectCloseOrDefined, expected.shape);
  return masked.filter(Boolean).length;
}

function compare(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  toleranceAt: (index: number) => Tolerance,
  label: string,
  caller: (...args: never[]) => unknown,
  shape: readonly number[] = [expected.length],
): void {
  if (actual.length !== expected.length)
    fail(`${label}: ${actual.length} elements, expected ${expected.length}`, caller);
  let worst = -1;
  let worstExcess = 1;
  let bad = 0;
  for (let i = 0; i < expected.length; i++) {
    const excess = excessOf(actual[i]!, expected[i]!, toleranceAt(i));
    if (excess <= 1) continue;
    bad++;
    if (excess > worstExcess) {
      worst = i;
      worstExcess = excess;
    }
  }
  if (worst < 0) return;
  const where = `[${unravel(worst, shape).join(", ")}]`;
  const by = Number.isFinite(worstExcess) ? `, ${worstExcess.toPrecision(3)} times the tolerance` : "";
  fail(
    `${label}: ${bad} of ${expected.length} elements are off; the worst is ${where}: ` +
      `got ${actual[worst]}, expected ${expected[worst]}${by}`,
    caller,
  );
}

/** The error as a multiple of what is allowed: up to 1 passes. */
function excessOf(actual: number, expected: number, { absolute, relative }: Tolerance): number {
  if (actual === expected) return 0;
  const error = Math.abs(actual - expected);
  // NaN on either side, or an infinity that is not matched.
  if (!Number.isFinite(error)) return Infinity;
  const allowed = absolute + relative * Math.abs(expected);
  return allowed > 0 ? error / allowed : Infinity;
}

function checkShapes(
  actual: readonly number[],
  expected: readonly number[],
  label: string,
  caller: (...args: never[]) => unknown,
): void {
  if (actual.join() !== expected.join())
    fail(`${label}: shape [${actual.join(", ")}], expected [${expected.join(", ")}]`, caller);
}

function unravel(position: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = position;
  for (const size of [...shape].reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}

function fail(message: string, caller: (...args: never[]) => unknown): never {
  throw new AssertionError({ message, stackStartFn: caller as (...args: unknown[]) => unknown });
}
