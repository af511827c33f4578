/**
 * The tuned attention: online softmax over blocks of keys, both products through the panel kernel.
 *
 * Scores are made transposed, a row per key and a column per query. The query block, packed once, is the
 * B of `scores = key query^T`; the exponentials of the scores are, without another pass, the B of
 * `out^T = value^T weights`. Keys and values are read as they lie. The softmax runs down the columns, so
 * that its inner loop is over queries too, with nothing to reduce.
 */

import { type AttentionInputs, type AttentionSize, forEachHead } from "./problem.ts";
import { attendRows } from "./tuned-decode.ts";
import { exponentialAcross } from "./tuned-exp.ts";
import { rowArrays, stepArrays, sweep } from "./tuned-panels.ts";

/** Queries side by side: long enough to pay for the 12 factors the kernel loads before it walks along them. */
const blockQueries = 128;
/** Keys of a block, a multiple of 3 and 4: its scores and weights take 96 KiB each, in the L2 cache. */
const blockKeys = 96;
/** Keys treated alike on the diagonal of a causal block: they share the first query that sees them. */
const diagonalKeys = 12;
/** Below this many queries the columns are too short and packing does not pay. */
const fewQueries = 8;

const maximum = new Float64Array(blockQueries);
const sum = new Float64Array(blockQueries);
const correction = new Float64Array(blockQueries);

/** `out = softmax(query key^T / sqrt(E)) value`. */
export function attention(inputs: AttentionInputs, size: AttentionSize, out: Float32Array): void {
  if (size.L < fewQueries) attendFew(inputs, size, out);
  else
    forEachHead(size, (q, kv) => {
      for (let i = 0; i < size.L; i += blockQueries)
        attendBlock(inputs, size, q, kv, i, Math.min(blockQueries, size.L - i), out);
    });
}

/** The query heads of a group lie side by side: with one query each, they are rows over the same keys. */
function attendFew(inputs: AttentionInputs, size: AttentionSize, out: Float32Array): void {
  const { H, K, L, S, E, causal } = size;
  if (L === 1)
    forEachHead({ ...size, H: K }, (q, kv) =>
      attendRows(inputs, q * (H / K), H / K, kv, causal ? 1 : S, E, out),
    );
  else
    forEachHead(size, (q, kv) => {
      if (!causal) attendRows(inputs, q, L, kv, S, E, out);
      else for (let i = 0; i < L; i++) attendRows(inputs, q + i * E, 1, kv, Math.min(S, i + 1), E, out);
    });
}

/** Queries `first` to `first + n` of one head: `query` and `kv` are where its rows start. */
function attendBlock(
  inputs: AttentionInputs,
  size: AttentionSize,
  query: number,
  kv: number,
  first: number,
  n: number,
  out: Float32Array,
): void {
  const { S, E, causal } = size;
  const weightsAt = Math.ceil(E / 3) * blockQueries;
  const outputAt = (blockKeys / 4) * blockQueries;
  const outputLength = Math.ceil(E / 4) * blockQueries;
  packQueries(inputs.query, query + first * E, n, E);
  maximum.fill(-Infinity);
  sum.fill(0);
  for (const row of rowArrays) row.fill(0, outputAt, outputAt + outputLength);

  const keys = causal ? Math.min(S, first + n) : S;
  for (let start = 0; start < keys; start += blockKeys) {
    const count = Math.min(blockKeys, keys - start);
    const diagonal = causal && start + count > first + 1;
    // The first query that sees key `start + s`, counted within this block.
    const seenFrom = (s: number) => (diagonal ? Math.max(0, start + s - first) : 0);

    for (let s = 0; s < count; s += 4) {
      const at = (s / 4) * blockQueries;
      const from = seenFrom(s);
      for (const row of rowArrays) row.fill(0, at + from, at + n);
      const rows = Math.min(4, count - s);
      sweep(inputs.key, kv + (start + s) * E, E, 1, rows, E, from, blockQueries, at + from, n - from);
    }

    raiseMaximum(count, n, seenFrom);
    if (start > 0) rescaleOutput(outputAt, E, n);

    for (let s = 0; s < count; s++) {
      const from = seenFrom(s);
      const at = weightsAt + Math.floor(s / 3) * blockQueries;
      const scoresAt = Math.floor(s / 4) * blockQueries;
      const weights = stepArrays[s % 3];
      exponentialAcross(rowArrays[s % 4], scoresAt, weights, at, from, n, maximum, sum);
      if (diagonal) weights.fill(0, at + seenFrom(s - (s % diagonalKeys)), at + from);
    }

    const chunk = diagonal ? diagonalKeys : count;
    for (let s = 0; s < count; s += chunk) {
      const from = seenFrom(s);
      const at = weightsAt + (s / 3) * blockQueries + from;
      const steps = Math.min(chunk, count - s);
      for (let v = 0; v < E; v += 4) {
        const target = outputAt + (v / 4) * blockQueries + from;
        const rows = Math.min(4, E - v);
        sweep(inputs.value, kv + (start + s) * E + v, 1, E, rows, steps, at, blockQueries, target, n - from);
      }
    }
  }
  storeOutput(outputAt, E, n, out, query + first * E);
}

/** Query e of row j, scaled, to row e of B, column j. */
function packQueries(query: Float32Array, start: number, n: number, E: number): void {
  const scale = 1 / Math.sqrt(E);
  for (let e = 0; e < E; e++) {
    const target = stepArrays[e % 3];
    const at = Math.floor(e / 3) * blockQueries;
    for (let j = 0; j < n; j++) target[at + j] = query[start + j * E + e] * scale;
  }
}

/** Takes the block's scores into the running maxima; `correction` is what earlier sums shrink by. */
function raiseMaximum(count: number, n: number, seenFrom: (s: number) => number): void {
  correction.set(maximum);
  for (let s = 0; s < count; s++)
    maximumAcross(rowArrays[s % 4], Math.floor(s / 4) * blockQueries, seenFrom(s), n);
  for (let j = 0; j < n; j++) {
    correction[j] = correction[j] === maximum[j] ? 1 : Math.exp(correction[j] - maximum[j]);
    sum[j] *= correction[j];
  }
}

function maximumAcross(scores: Float64Array, at: number, from: number, n: number): void {
  for (let j = from; j < n; j++) {
    const x = scores[at + j];
    if (x > maximum[j]) maximum[j] = x;
  }
}

function rescaleOutput(outputAt: number, E: number, n: number): void {
  for (let v = 0; v < E; v++) {
    const row = rowArrays[v % 4];
    const at = outputAt + Math.floor(v / 4) * blockQueries;
    for (let j = 0; j < n; j++) row[at + j] *= correction[j];
  }
}

function storeOutput(outputAt: number, E: number, n: number, out: Float32Array, start: number): void {
  for (let j = 0; j < n; j++) sum[j] = 1 / sum[j];
  for (let v = 0; v < E; v++) {
    const row = rowArrays[v % 4];
    const at = outputAt + Math.floor(v / 4) * blockQueries;
    for (let j = 0; j < n; j++) out[start + j * E + v] = row[at + j] * sum[j];
  }
}
