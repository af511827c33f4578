import { allocateDoubles } from "../allocate.ts";
import { cosine, logarithm, sine } from "../elementary.ts";
import type { Random } from "../random.ts";

const TWO_PI = 6.283185307179586;

/**
 * `length` numbers of the normal distribution itself, in float64 and the same on every machine (G. Box and M. Muller
 * 1958). `Random.normal` is only near to it: directions made of it would favour some, and the features of the Performer
 * are unbiased for directions that favour none.
 */
export function gaussian(random: Random, length: number): Float64Array {
  const values = allocateDoubles(length, "a random matrix");
  for (let n = 0; n < length; n += 2) {
    const radius = Math.sqrt(-2 * logarithm(uniform(random)));
    const angle = TWO_PI * uniform(random);
    values[n] = radius * cosine(angle);
    if (n + 1 < length) values[n + 1] = radius * sine(angle);
  }
  return values;
}

/** In the middle of one of 2^32 equal parts of (0, 1): never 0, whose logarithm is infinite. */
function uniform(random: Random): number {
  return (random.bits() + 0.5) * 2 ** -32;
}
