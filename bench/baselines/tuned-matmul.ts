/** The tuned matrix product: B packed by blocks into doubles, C gathered four rows at a time. */
import { rowArrays, stepArrays, sweep } from "./tuned-panels.ts";

/** Columns and steps of a packed block of B: 3 x 43 x 128 doubles, 129 KiB, in the L2 cache. */
const blockColumns = 128;
const blockSteps = 129;
/** Below this many rows packing B costs more than it saves. */
const fewRows = 6;
const rowBlock = new Float64Array(1024);

/** `out [M, N] = a [M, K] b [K, N]`. */
export function matmul(
  a: Float32Array,
  b: Float32Array,
  M: number,
  K: number,
  N: number,
  out: Float32Array,
): void {
  if (M < fewRows) for (let m = 0; m < M; m++) multiplyRow(a, m * K, b, K, N, out, m * N);
  else multiplyPacked(a, b, M, K, N, out);
}

function multiplyPacked(
  a: Float32Array,
  b: Float32Array,
  M: number,
  K: number,
  N: number,
  out: Float32Array,
): void {
  for (let n = 0; n < N; n += blockColumns) {
    const columns = Math.min(blockColumns, N - n);
    for (let k = 0; k < K; k += blockSteps) {
      const steps = Math.min(blockSteps, K - k);
      for (let i = 0; i < steps; i++) packRow(b, (k + i) * N + n, columns, i);
      for (let m = 0; m < M; m += 4) {
        const rows = Math.min(4, M - m);
        for (const row of rowArrays) row.fill(0, 0, columns);
        sweep(a, m * K + k, K, 1, rows, steps, 0, blockColumns, 0, columns);
        for (let r = 0; r < rows; r++) storeRow(rowArrays[r], columns, out, (m + r) * N + n, k > 0);
      }
    }
  }
}

function rowOfStep(step: number): number {
  return Math.floor(step / 3) * blockColumns;
}

function packRow(b: Float32Array, from: number, columns: number, step: number): void {
  const target = stepArrays[step % 3];
  const start = rowOfStep(step);
  for (let j = 0; j < columns; j++) target[start + j] = b[from + j];
}

function storeRow(row: Float64Array, columns: number, out: Float32Array, start: number, add: boolean): void {
  if (add) for (let j = 0; j < columns; j++) out[start + j] += row[j];
  else for (let j = 0; j < columns; j++) out[start + j] = row[j];
}

/** One row of A: four rows of B at a time, read as they lie, into sums that stay in the L1 cache. */
function multiplyRow(
  a: Float32Array,
  aStart: number,
  b: Float32Array,
  K: number,
  N: number,
  out: Float32Array,
  outStart: number,
): void {
  for (let n = 0; n < N; n += rowBlock.length) {
    const columns = Math.min(rowBlock.length, N - n);
    rowBlock.fill(0, 0, columns);
    let k = 0;
    for (; k + 3 < K; k += 4)
      addRows(
        a[aStart + k],
        a[aStart + k + 1],
        a[aStart + k + 2],
        a[aStart + k + 3],
        b,
        k * N + n,
        N,
        columns,
      );
    for (; k < K; k++) addRows(a[aStart + k], 0, 0, 0, b, k * N + n, 0, columns);
    for (let j = 0; j < columns; j++) out[outStart + n + j] = rowBlock[j];
  }
}

function addRows(
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  b: Float32Array,
  start: number,
  stride: number,
  columns: number,
): void {
  const b1 = start + stride;
  const b2 = b1 + stride;
  const b3 = b2 + stride;
  for (let j = 0; j < columns; j = (j + 1) | 0)
    rowBlock[j] = rowBlock[j] + a0 * b[start + j] + a1 * b[b1 + j] + a2 * b[b2 + j] + a3 * b[b3 + j];
}
