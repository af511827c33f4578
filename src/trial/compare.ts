// Whether two kernel sets agree: one fuses its multiply-adds and the other rounds in between, so not to the last bit.

/** Numbers are about 1, and sums have some hundred terms. */
const TOLERANCE = 2e-5;

export function agree(expected: readonly Float32Array[], actual: readonly Float32Array[]): boolean {
  return expected.every((numbers, i) => numbers.every((x, j) => close(x, actual[i]![j]!)));
}

/** NaN and infinities are where they are expected, and nowhere else. */
function close(expected: number, actual: number): boolean {
  if (!Number.isFinite(expected)) return Object.is(expected, actual);
  return Math.abs(expected - actual) <= TOLERANCE * Math.max(1, Math.abs(expected));
}
