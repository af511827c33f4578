// Inputs of the trial.

import { sizeOf } from "../tensor-like.ts";

interface Floats {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Numbers between -1 and 1, no two alike. */
export function numbers(shape: readonly number[], seed: number): Floats {
  const data = new Float32Array(sizeOf(shape));
  // A linear congruential generator: quick before anything is compiled, and random enough.
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = state / 2 ** 31;
  }
  return { data, shape };
}

/** Whole numbers between -8 and 8. */
export function wholeNumbers(shape: readonly number[], seed: number): Floats {
  const { data } = numbers(shape, seed);
  return { data: data.map((x) => Math.round(8 * x)), shape };
}

/** What a lane must keep to itself. */
const peculiar: readonly number[] = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -0,
  1e-40,
];

/** Numbers with a peculiar one in some rows, each in another column. */
export function planted(shape: readonly number[], seed: number): Floats {
  const tensor = numbers(shape, seed);
  const columns = shape.at(-1)!;
  const rows = tensor.data.length / columns;
  peculiar.forEach((number, i) => {
    const row = (i * 5 + seed) % rows;
    tensor.data[row * columns + ((i * 7 + seed) % columns)] = number;
  });
  return tensor;
}

/** Two of three are kept. */
export function mask(shape: readonly number[]): { data: Uint8Array; shape: readonly number[] } {
  const { data } = numbers(shape, 25);
  return { data: Uint8Array.from(data, (x) => (x < 1 / 3 ? 1 : 0)), shape };
}
