/** The tuned softmax: three passes over a row that stays in the L1 cache. */
import { exponentialOfRow } from "./tuned-exp.ts";

/** Softmax of every row of `x [rows, columns]`. */
export function softmax(x: Float32Array, rows: number, columns: number, out: Float32Array): void {
  for (let i = 0; i < rows; i++) {
    const from = i * columns;
    const sum = exponentialOfRow(x, from, from + columns, maximumOf(x, from, columns), out, from);
    scaleRow(out, from, from + columns, 1 / sum);
  }
}

/** Four running maxima, so that a comparison does not wait for the one before it. */
function maximumOf(x: Float32Array, from: number, columns: number): number {
  let m0 = -Infinity;
  let m1 = -Infinity;
  let m2 = -Infinity;
  let m3 = -Infinity;
  const end = from + columns;
  let i = from;
  for (; i + 3 < end; i += 4) {
    const x0 = x[i];
    const x1 = x[i + 1];
    const x2 = x[i + 2];
    const x3 = x[i + 3];
    if (x0 > m0) m0 = x0;
    if (x1 > m1) m1 = x1;
    if (x2 > m2) m2 = x2;
    if (x3 > m3) m3 = x3;
  }
  for (; i < end; i++) if (x[i] > m0) m0 = x[i];
  return Math.max(m0, m1, m2, m3);
}

function scaleRow(x: Float32Array, from: number, to: number, factor: number): void {
  for (let i = from; i < to; i = (i + 1) | 0) x[i] = x[i] * factor;
}
