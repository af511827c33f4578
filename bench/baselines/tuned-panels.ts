/**
 * The one inner loop under the tuned matrix product and the tuned attention: C += A B by 4 rows and
 * 3 steps, over columns that lie side by side.
 *
 * What makes it fast in V8 (figures in bench/NOTES.md):
 * - B and C are Float64Arrays. Numbers are doubles in JavaScript: a Float32Array costs a conversion on
 *   every load and every store, packing pays it once.
 * - Row r of C lives in array r mod 4, row k of B in array k mod 3: constants of equal length, so that one
 *   bounds check serves all reads at an index and no address is computed.
 * - 12 factors of A stay in registers while 24 floating-point operations share 7 loads and 4 stores.
 * - `addSteps` is a function of its own, called often: V8 then optimizes it as a whole. A loop nest that
 *   is replaced while it runs keeps code that does not know the arrays are constants (half the speed).
 */

/** Doubles in each of the arrays; only what a block uses needs to stay in the L2 cache. */
export const stepCapacity = 32768;
export const rowCapacity = 32768;

const b0 = new Float64Array(stepCapacity);
const b1 = new Float64Array(stepCapacity);
const b2 = new Float64Array(stepCapacity);
const c0 = new Float64Array(rowCapacity);
const c1 = new Float64Array(rowCapacity);
const c2 = new Float64Array(rowCapacity);
const c3 = new Float64Array(rowCapacity);

/** Row k of B is in `stepArrays[k % 3]`, row r of C in `rowArrays[r % 4]`. */
export const stepArrays = [b0, b1, b2] as const;
export const rowArrays = [c0, c1, c2, c3] as const;

/** Three steps k, k+1, k+2 for the four rows of A that start at p0, p1, p2, p3, over `n` columns. */
function addSteps(
  a: Float32Array,
  p0: number,
  p1: number,
  p2: number,
  p3: number,
  aStep: number,
  bStart: number,
  cStart: number,
  n: number,
): void {
  const q = (2 * aStep) | 0;
  const a00 = a[p0];
  const a01 = a[p0 + aStep];
  const a02 = a[p0 + q];
  const a10 = a[p1];
  const a11 = a[p1 + aStep];
  const a12 = a[p1 + q];
  const a20 = a[p2];
  const a21 = a[p2 + aStep];
  const a22 = a[p2 + q];
  const a30 = a[p3];
  const a31 = a[p3 + aStep];
  const a32 = a[p3 + q];
  const toC = (cStart - bStart) | 0;
  const end = (bStart + n) | 0;
  for (let t = bStart | 0; t < end; t = (t + 1) | 0) {
    const s = (t + toC) | 0;
    const x0 = b0[t];
    const x1 = b1[t];
    const x2 = b2[t];
    c0[s] = c0[s] + a00 * x0 + a01 * x1 + a02 * x2;
    c1[s] = c1[s] + a10 * x0 + a11 * x1 + a12 * x2;
    c2[s] = c2[s] + a20 * x0 + a21 * x1 + a22 * x2;
    c3[s] = c3[s] + a30 * x0 + a31 * x1 + a32 * x2;
  }
}

/** The one or two steps left where their number is no multiple of three. */
function addOneStep(
  a: Float32Array,
  p0: number,
  p1: number,
  p2: number,
  p3: number,
  b: Float64Array,
  bStart: number,
  cStart: number,
  n: number,
): void {
  const a0 = a[p0];
  const a1 = a[p1];
  const a2 = a[p2];
  const a3 = a[p3];
  for (let j = 0; j < n; j = (j + 1) | 0) {
    const s = (cStart + j) | 0;
    const x = b[(bStart + j) | 0];
    c0[s] = c0[s] + a0 * x;
    c1[s] = c1[s] + a1 * x;
    c2[s] = c2[s] + a2 * x;
    c3[s] = c3[s] + a3 * x;
  }
}

/**
 * Adds `steps` steps of the product to four rows of C, `n` columns.
 *
 * A's element (r, k) is `a[aStart + r * aRow + k * aStep]`; B's row k starts at `bStart + floor(k / 3) * bStride`
 * in its array, C's rows at `cStart`. With fewer than four `rows` the last one is repeated and the results
 * of the repeats are not read.
 */
export function sweep(
  a: Float32Array,
  aStart: number,
  aRow: number,
  aStep: number,
  rows: number,
  steps: number,
  bStart: number,
  bStride: number,
  cStart: number,
  n: number,
): void {
  let p0 = aStart | 0;
  let p1 = (p0 + (rows > 1 ? aRow : 0)) | 0;
  let p2 = (p1 + (rows > 2 ? aRow : 0)) | 0;
  let p3 = (p2 + (rows > 3 ? aRow : 0)) | 0;
  const advance = (3 * aStep) | 0;
  let b = bStart | 0;
  let k = 3;
  for (; k <= steps; k = (k + 3) | 0) {
    addSteps(a, p0, p1, p2, p3, aStep, b, cStart, n);
    p0 = (p0 + advance) | 0;
    p1 = (p1 + advance) | 0;
    p2 = (p2 + advance) | 0;
    p3 = (p3 + advance) | 0;
    b = (b + bStride) | 0;
  }
  for (let i = 0; i < steps - k + 3; i++) {
    const p = i * aStep;
    addOneStep(a, p0 + p, p1 + p, p2 + p, p3 + p, stepArrays[i], b, cStart, n);
  }
}
