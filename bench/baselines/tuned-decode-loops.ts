/**
 * The inner loops for few queries, where keys and values are read once and nothing is packed.
 *
 * Four queries share each key they read, and with it the conversion to a double: three times the speed of
 * one query, for which four keys at a time are best.
 */

/** Keys of a block. */
export const blockKeys = 4096;
/** Head sizes beyond this are not in the benchmark. */
const largestHead = 1024;

const q0 = new Float64Array(largestHead);
const q1 = new Float64Array(largestHead);
const q2 = new Float64Array(largestHead);
const q3 = new Float64Array(largestHead);
const s0 = new Float32Array(blockKeys);
const s1 = new Float32Array(blockKeys);
const s2 = new Float32Array(blockKeys);
const s3 = new Float32Array(blockKeys);
const t0 = new Float64Array(largestHead);
const t1 = new Float64Array(largestHead);
const t2 = new Float64Array(largestHead);
const t3 = new Float64Array(largestHead);

/** Scaled queries, their scores or weights, and their weighted sums of values. */
export const queries = [q0, q1, q2, q3] as const;
export const scores = [s0, s1, s2, s3] as const;
export const totals = [t0, t1, t2, t3] as const;

/** Scores of all four queries against the key at `k`. */
export function scoreFour(key: Float32Array, k: number, s: number, E: number): void {
  let d0 = 0;
  let d1 = 0;
  let d2 = 0;
  let d3 = 0;
  for (let e = 0; e < E; e = (e + 1) | 0) {
    const x = key[(k + e) | 0];
    d0 += q0[e] * x;
    d1 += q1[e] * x;
    d2 += q2[e] * x;
    d3 += q3[e] * x;
  }
  s0[s] = d0;
  s1[s] = d1;
  s2[s] = d2;
  s3[s] = d3;
}

/** Scores of the first query against four keys. */
export function scoreFourKeys(key: Float32Array, start: number, s: number, E: number): void {
  const k0 = start | 0;
  const k1 = (k0 + E) | 0;
  const k2 = (k1 + E) | 0;
  const k3 = (k2 + E) | 0;
  let d0 = 0;
  let d1 = 0;
  let d2 = 0;
  let d3 = 0;
  let e = 0;
  for (; e + 1 < E; e = (e + 2) | 0) {
    const x = q0[e];
    const y = q0[e + 1];
    d0 += x * key[(k0 + e) | 0] + y * key[(k0 + e + 1) | 0];
    d1 += x * key[(k1 + e) | 0] + y * key[(k1 + e + 1) | 0];
    d2 += x * key[(k2 + e) | 0] + y * key[(k2 + e + 1) | 0];
    d3 += x * key[(k3 + e) | 0] + y * key[(k3 + e + 1) | 0];
  }
  if (e < E) {
    d0 += q0[e] * key[k0 + e];
    d1 += q0[e] * key[k1 + e];
    d2 += q0[e] * key[k2 + e];
    d3 += q0[e] * key[k3 + e];
  }
  s0[s] = d0;
  s0[s + 1] = d1;
  s0[s + 2] = d2;
  s0[s + 3] = d3;
}

/** Adds the values at `v` and at `w`, weighted by keys `s` and `s + 1`, to all four totals. */
export function addTwoValues(value: Float32Array, v: number, w: number, s: number, E: number): void {
  const a0 = s0[s];
  const a1 = s1[s];
  const a2 = s2[s];
  const a3 = s3[s];
  const b0 = v === w ? 0 : s0[s + 1];
  const b1 = v === w ? 0 : s1[s + 1];
  const b2 = v === w ? 0 : s2[s + 1];
  const b3 = v === w ? 0 : s3[s + 1];
  for (let e = 0; e < E; e = (e + 1) | 0) {
    const x = value[(v + e) | 0];
    const y = value[(w + e) | 0];
    t0[e] = t0[e] + a0 * x + b0 * y;
    t1[e] = t1[e] + a1 * x + b1 * y;
    t2[e] = t2[e] + a2 * x + b2 * y;
    t3[e] = t3[e] + a3 * x + b3 * y;
  }
}

/** Adds up to eight values from `start` on to the first total; past `count` the first is repeated with weight 0. */
export function addEightValues(
  value: Float32Array,
  start: number,
  s: number,
  count: number,
  E: number,
): void {
  const v0 = start | 0;
  const v1 = (count > 1 ? v0 + E : v0) | 0;
  const v2 = (count > 2 ? v1 + E : v0) | 0;
  const v3 = (count > 3 ? v2 + E : v0) | 0;
  const v4 = (count > 4 ? v3 + E : v0) | 0;
  const v5 = (count > 5 ? v4 + E : v0) | 0;
  const v6 = (count > 6 ? v5 + E : v0) | 0;
  const v7 = (count > 7 ? v6 + E : v0) | 0;
  const w0 = s0[s];
  const w1 = count > 1 ? s0[s + 1] : 0;
  const w2 = count > 2 ? s0[s + 2] : 0;
  const w3 = count > 3 ? s0[s + 3] : 0;
  const w4 = count > 4 ? s0[s + 4] : 0;
  const w5 = count > 5 ? s0[s + 5] : 0;
  const w6 = count > 6 ? s0[s + 6] : 0;
  const w7 = count > 7 ? s0[s + 7] : 0;
  for (let e = 0; e < E; e = (e + 1) | 0)
    t0[e] =
      t0[e] +
      w0 * value[(v0 + e) | 0] +
      w1 * value[(v1 + e) | 0] +
      w2 * value[(v2 + e) | 0] +
      w3 * value[(v3 + e) | 0] +
      w4 * value[(v4 + e) | 0] +
      w5 * value[(v5 + e) | 0] +
      w6 * value[(v6 + e) | 0] +
      w7 * value[(v7 + e) | 0];
}
