/** What a cache stores of a number, by definition and in float64: nothing here looks at a bit. */
import type { CacheType } from "wasm-attention";
import type { FloatTensor } from "../support/random-tensors.ts";

const { abs, fround, max } = Math;

/** The nearest whole number, of two as near the even one. */
function nearestEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** Of the 2^16 numbers with 8 significant bits the nearest: by quanta of the number's own exponent, not by its bits. */
function toBfloat16(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  let exponent = -126;
  while (2 ** (exponent + 1) <= abs(x)) exponent++;
  const quantum = 2 ** (exponent - 7);
  const rounded = nearestEven(x / quantum) * quantum;
  return abs(rounded) >= 2 ** 128 ? Math.sign(x) * Infinity : rounded;
}

function toInt8(row: readonly number[]): number[] {
  const largest = row.reduce((most, x) => (Number.isFinite(x) ? max(most, abs(x)) : Number.NaN), 0);
  if (Number.isNaN(largest)) return row.map(() => Number.NaN);
  // Below this the step has no 24 bits any more.
  if (largest < fround(1e-30)) return row.map(() => 0);
  const step = fround(largest / 127);
  return row.map((x) => fround(nearestEven(fround(x / step)) * step));
}

/** A tensor as a cache gives it back. */
export function rounded(dtype: CacheType, { data, shape }: FloatTensor): FloatTensor {
  if (dtype === "float32") return { data, shape };
  if (dtype === "bfloat16") return { data: data.map(toBfloat16), shape };
  const size = shape.at(-1)!;
  const out = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += size)
    out.set(toInt8(Array.from(data.subarray(at, at + size))), at);
  return { data: out, shape };
}

/** Few queries beside an int8 cache, row by row: whole multiples of a 32767th of the largest magnitude, ties to even. */
export function roundedQueries({ data, shape }: FloatTensor): FloatTensor {
  const size = shape.at(-1)!;
  const out = Float64Array.from(data, (x, n) => {
    const row = data.subarray(n - (n % size), n - (n % size) + size);
    const unit = fround(row.reduce((most, y) => max(most, abs(y)), 0) / 32767);
    const steps = fround(x / unit);
    const low = Math.floor(steps);
    const nearest = steps - low === 0.5 ? low + (low % 2 === 0 ? 0 : 1) : Math.round(steps);
    return unit === 0 ? 0 : nearest * unit;
  });
  return { data: Float32Array.from(out), shape };
}
