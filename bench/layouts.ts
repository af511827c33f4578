/** Copies between layouts; none of it is timed. */
import type { AttentionSize } from "./problem.ts";

/** `[outer, rows, columns, inner]` to `[outer, columns, rows, inner]`. */
export function swapMiddle(
  data: Float32Array,
  [outer, rows, columns, inner]: readonly [number, number, number, number],
): Float32Array {
  const swapped = new Float32Array(data.length);
  for (let o = 0; o < outer; o++)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const from = ((o * rows + row) * columns + column) * inner;
        swapped.set(data.subarray(from, from + inner), ((o * columns + column) * rows + row) * inner);
      }
  return swapped;
}

/** `[matrices, rows, columns]` to `[matrices, columns, rows]`. */
export function transpose(data: Float32Array, matrices: number, rows: number, columns: number): Float32Array {
  return swapMiddle(data, [matrices, rows, columns, 1]);
}

/** What is added to scores so that query i sees the keys 0 to i: `[L, S]`, `times` one below the other. */
export function causalMask(times: number, L: number, S: number): Float32Array {
  const mask = new Float32Array(times * L * S);
  for (let row = 0; row < times * L; row++) mask.fill(-Infinity, row * S + (row % L) + 1, (row + 1) * S);
  return mask;
}

/** Tokens `from` to `to` of every head. */
export function takeTokens(
  data: Float32Array,
  { S, E }: AttentionSize,
  from: number,
  to: number,
): Float32Array {
  const heads = data.length / (S * E);
  const taken = new Float32Array(heads * (to - from) * E);
  for (let head = 0; head < heads; head++)
    taken.set(data.subarray((head * S + from) * E, (head * S + to) * E), head * (to - from) * E);
  return taken;
}
