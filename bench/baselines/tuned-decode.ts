/** The tuned attention of few queries that see the same keys: a decoder step, alone or for a group of heads. */
import type { AttentionInputs } from "./problem.ts";
import {
  addEightValues,
  addTwoValues,
  blockKeys,
  queries,
  scoreFour,
  scoreFourKeys,
  scores,
  totals,
} from "./tuned-decode-loops.ts";
import { exponentialOfRow } from "./tuned-exp.ts";

const maximum = new Float64Array(4);
const sum = new Float64Array(4);

/** Queries `q`, `q + E`, ... (`rows` of them) over the `S` keys and values from `kv` on; outputs lie where queries do. */
export function attendRows(
  inputs: AttentionInputs,
  q: number,
  rows: number,
  kv: number,
  S: number,
  E: number,
  out: Float32Array,
): void {
  for (let row = 0; row < rows; row += 4)
    attendFour(inputs, q + row * E, Math.min(4, rows - row), kv, S, E, out);
}

/** Up to four queries, softmax online over blocks of keys. Two and three are computed as four. */
function attendFour(
  inputs: AttentionInputs,
  q: number,
  rows: number,
  kv: number,
  S: number,
  E: number,
  out: Float32Array,
): void {
  const lanes = rows > 1 ? 4 : 1;
  const scale = 1 / Math.sqrt(E);
  for (let r = 0; r < lanes; r++) {
    const from = q + Math.min(r, rows - 1) * E;
    for (let e = 0; e < E; e++) queries[r][e] = inputs.query[from + e] * scale;
    totals[r].fill(0, 0, E);
  }
  maximum.fill(-Infinity);
  sum.fill(0);
  for (let start = 0; start < S; start += blockKeys) {
    const count = Math.min(blockKeys, S - start);
    scoreKeys(inputs.key, kv + start * E, count, E, lanes);
    for (let r = 0; r < lanes; r++) weigh(r, count, E);
    addValues(inputs.value, kv + start * E, count, E, lanes);
  }
  for (let r = 0; r < rows; r++) for (let e = 0; e < E; e++) out[q + r * E + e] = totals[r][e] / sum[r];
}

function scoreKeys(key: Float32Array, start: number, count: number, E: number, lanes: number): void {
  let s = 0;
  if (lanes === 1) for (; s + 3 < count; s += 4) scoreFourKeys(key, start + s * E, s, E);
  for (; s < count; s++) scoreFour(key, start + s * E, s, E);
}

/** Scores to weights; what was summed before shrinks where the maximum has risen. */
function weigh(r: number, count: number, E: number): void {
  const before = maximum[r];
  maximum[r] = maximumOf(scores[r], count, before);
  if (before !== maximum[r] && before !== -Infinity) {
    const correction = Math.exp(before - maximum[r]);
    sum[r] *= correction;
    for (let e = 0; e < E; e++) totals[r][e] *= correction;
  }
  sum[r] += exponentialOfRow(scores[r], 0, count, maximum[r], scores[r], 0);
}

function maximumOf(x: Float32Array, count: number, start: number): number {
  let largest = start;
  for (let i = 0; i < count; i++) if (x[i] > largest) largest = x[i];
  return largest;
}

function addValues(value: Float32Array, start: number, count: number, E: number, lanes: number): void {
  if (lanes === 1) {
    for (let s = 0; s < count; s += 8) addEightValues(value, start + s * E, s, count - s, E);
    return;
  }
  for (let s = 0; s < count; s += 2) {
    const v = start + s * E;
    addTwoValues(value, v, s + 1 < count ? v + E : v, s, E);
  }
}
