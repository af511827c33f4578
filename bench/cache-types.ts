/** What a cache makes of the numbers that it is given, so that a step over it can be checked like any attention. */

export const cacheTypes = ["float32", "bfloat16", "int8"] as const;

export type CacheType = (typeof cacheTypes)[number];

/** Rows of `E` numbers as they come back from a cache of that type. */
export function roundAsStored(data: Float32Array, type: CacheType, E: number): Float32Array {
  if (type === "float32") return data;
  return type === "bfloat16" ? roundToBfloat16(data) : roundRows(data, E, 127);
}

/** Rows of a few queries as they meet a cache of that type: int16 beside int8, with a unit for each row. */
export function roundQueries(data: Float32Array, type: CacheType, E: number): Float32Array {
  return type === "int8" ? roundRows(data, E, 32767) : data;
}

/** The upper 16 bits, rounded to nearest, ties to even. */
function roundToBfloat16(data: Float32Array): Float32Array {
  const bits = new Uint32Array(data.slice().buffer);
  for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] + 0x7fff + ((bits[i] >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer);
}

/** Multiples of the row's largest magnitude by so many steps. */
function roundRows(data: Float32Array, E: number, steps: number): Float32Array {
  const rounded = new Float32Array(data.length);
  for (let start = 0; start < data.length; start += E) {
    let largest = 0;
    for (let i = start; i < start + E; i++) largest = Math.max(largest, Math.abs(data[i]));
    const step = Math.fround(largest / steps);
    for (let i = start; i < start + E; i++) rounded[i] = step * roundToEven(Math.fround(data[i] / step));
  }
  return rounded;
}

/** To the nearest whole number; a half goes to the even one. */
function roundToEven(x: number): number {
  const upper = Math.round(x);
  return upper - x === 0.5 && upper % 2 !== 0 ? upper - 1 : upper;
}
