/** Seeded inputs: the same numbers on every machine and in every version of Node. */

export interface FloatTensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

export interface ByteTensor {
  readonly data: Uint8Array;
  readonly shape: readonly number[];
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Numbers between 0 and 1: "mulberry32" by Tommy Ettinger, public domain. */
export function generator(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b9);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Evenly spread over [low, high). */
export function uniform(shape: readonly number[], seed: number, low = -1, high = 1): FloatTensor {
  const next = generator(seed);
  return { data: Float32Array.from({ length: sizeOf(shape) }, () => low + (high - low) * next()), shape };
}

/** Near enough to the normal distribution of mean 0: a sum of four uniform numbers, scaled. */
export function normal(shape: readonly number[], seed: number, deviation = 1): FloatTensor {
  const next = generator(seed);
  const draw = () => deviation * Math.sqrt(3) * (next() + next() + next() + next() - 2);
  return { data: Float32Array.from({ length: sizeOf(shape) }, draw), shape };
}

/** Ones, about that share of them, among zeros. */
export function bytes(shape: readonly number[], seed: number, share = 0.7): ByteTensor {
  const next = generator(seed);
  return { data: Uint8Array.from({ length: sizeOf(shape) }, () => (next() < share ? 1 : 0)), shape };
}

/** A copy in which some elements are replaced: `change` sees value and position, and gives the new value. */
export function changed(x: FloatTensor, change: (value: number, index: number) => number): FloatTensor {
  return { data: x.data.map(change), shape: x.shape };
}
