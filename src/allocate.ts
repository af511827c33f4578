import { describe, listed } from "./describe.ts";
import { AttentionError } from "./errors.ts";

/** What 4 GiB hold: nothing that crosses the border to linear memory may be larger. */
const MOST_FLOATS: number = 2 ** 30;

/**
 * Zeros for a result.
 *
 * @throws AttentionError `ERR_MEMORY` for more than linear memory could hold, or than there is memory for
 */
export function allocateFloats(count: number, purpose: string, shape?: readonly number[]): Float32Array {
  return allocate(Float32Array, count, purpose, shape);
}

/** The same for doubles, in which some numbers are drawn. */
export function allocateDoubles(count: number, purpose: string): Float64Array {
  return allocate(Float64Array, count, purpose);
}

function allocate<A>(
  type: new (length: number) => A,
  count: number,
  purpose: string,
  shape?: readonly number[],
): A {
  let cause: unknown;
  if (count <= MOST_FLOATS) {
    try {
      return new type(count);
    } catch (reason) {
      cause = reason;
    }
  }
  const what = shape === undefined ? purpose : `${purpose} of shape ${listed(shape)}`;
  throw new AttentionError(
    "ERR_MEMORY",
    `${what} needs ${describe(count)} numbers, more than ${cause === undefined ? MOST_FLOATS : "there is memory for"}`,
    { cause },
  );
}
