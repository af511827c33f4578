/**
 * Where two large scores decide a row, the plain algorithm's error is one rounding, and may be near 0 by luck. So it runs
 * several times, over the same numbers with the head's dimensions in another order, and the largest of the errors counts.
 */
import { plainTolerance } from "./accuracy.ts";
import type { FloatTensor } from "./random-tensors.ts";
import type { Tolerance } from "./tolerance.ts";

/** The dimensions of every head in another order: rotated by a quarter of E, n times. */
export function turned({ data, shape }: FloatTensor, E: number, n: number): FloatTensor {
  const by = Math.floor((n * E) / 4);
  const at = (i: number) => i - (i % E) + (((i % E) + by) % E);
  return { data: data.map((_, i) => data[at(i)]!), shape };
}

/** What the largest of some plain errors allows. Results below 2^-126 may be 0: the kernels have no subnormal numbers. */
export function worst(exact: ArrayLike<number>, plain: readonly ArrayLike<number>[]): Tolerance {
  const absolute = Math.max(...plain.map((p) => plainTolerance(exact, p).absolute));
  return { absolute: absolute + 2 ** -126, relative: 0 };
}
