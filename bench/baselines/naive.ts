/**
 * The textbook: triple loops over Float32Arrays, as a first version is written. Not slowed on purpose:
 * no closures, no strings, no allocation inside the loops.
 */
import { type AttentionInputs, type AttentionSize, forEachHead } from "./problem.ts";

/** `out = softmax(query key^T / sqrt(E)) value`, head after head, one row of scores at a time. */
export function attention(inputs: AttentionInputs, size: AttentionSize, out: Float32Array): void {
  forEachHead(size, (q, kv) => attendHead(inputs, size, q, kv, out));
}

function attendHead(
  { query, key, value }: AttentionInputs,
  { L, S, E, causal }: AttentionSize,
  q: number,
  kv: number,
  out: Float32Array,
): void {
  const scale = 1 / Math.sqrt(E);
  const scores = new Float32Array(S);
  for (let i = 0; i < L; i++) {
    const keys = causal ? Math.min(S, i + 1) : S;
    let maximum = -Infinity;
    for (let j = 0; j < keys; j++) {
      let dot = 0;
      for (let e = 0; e < E; e++) dot += query[q + i * E + e] * key[kv + j * E + e];
      scores[j] = dot * scale;
      maximum = Math.max(maximum, scores[j]);
    }
    let sum = 0;
    for (let j = 0; j < keys; j++) {
      scores[j] = Math.exp(scores[j] - maximum);
      sum += scores[j];
    }
    for (let e = 0; e < E; e++) {
      let total = 0;
      for (let j = 0; j < keys; j++) total += scores[j] * value[kv + j * E + e];
      out[q + i * E + e] = total / sum;
    }
  }
}

/** `out [M, N] = a [M, K] b [K, N]`. */
export function matmul(
  a: Float32Array,
  b: Float32Array,
  M: number,
  K: number,
  N: number,
  out: Float32Array,
): void {
  for (let i = 0; i < M; i++)
    for (let j = 0; j < N; j++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[i * K + k] * b[k * N + j];
      out[i * N + j] = sum;
    }
}

/** Softmax of every row of `x [rows, columns]`. */
export function softmax(x: Float32Array, rows: number, columns: number, out: Float32Array): void {
  for (let i = 0; i < rows; i++) {
    let maximum = -Infinity;
    for (let j = 0; j < columns; j++) maximum = Math.max(maximum, x[i * columns + j]);
    let sum = 0;
    for (let j = 0; j < columns; j++) {
      out[i * columns + j] = Math.exp(x[i * columns + j] - maximum);
      sum += out[i * columns + j];
    }
    for (let j = 0; j < columns; j++) out[i * columns + j] = out[i * columns + j] / sum;
  }
}
