/** Rotary embedding in float64, for goldens whose query and key are rotated before the attention reads them. */
import type { GoldenRope } from "./golden.ts";
import type { FloatTensor } from "./random-tensors.ts";

/** Rows of numbers, float32 or float64. */
interface Rows {
  readonly data: ArrayLike<number> & Iterable<number>;
  readonly shape: readonly number[];
}

/** The same rounded once, as an attention of float32 reads it. */
export function rotated(x: FloatTensor, rope: GoldenRope, tables: GoldenRope["query"]): FloatTensor {
  const { data, shape } = rotatedExactly(x, rope, tables);
  return { data: Float32Array.from(data), shape };
}

/** Rotates the first `rotaryDim` numbers of every row by its table; nothing is rounded. */
export function rotatedExactly(
  x: Rows,
  rope: GoldenRope,
  { cos, sin }: GoldenRope["query"],
): { readonly data: Float64Array; readonly shape: readonly number[] } {
  const [length, E] = x.shape.slice(-2) as [number, number];
  const pairs = rope.rotaryDim / 2;
  const data = Float64Array.from(x.data);
  for (let row = 0; row < data.length / E; row++)
    for (let f = 0; f < pairs; f++) {
      const first = row * E + (rope.interleaved ? 2 * f : f);
      const second = first + (rope.interleaved ? 1 : pairs);
      const entry = (row % length) * pairs + f;
      const [a, b, c, s] = [x.data[first]!, x.data[second]!, cos.data[entry]!, sin.data[entry]!];
      data[first] = a * c - b * s;
      data[second] = b * c + a * s;
    }
  return { data, shape: x.shape };
}
