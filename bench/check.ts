/**
 * Results are checked before they are timed: sample rows against float64, allowed twice the error of the
 * plain float32 algorithm (every operation rounded, in order) plus 2^-22 of the largest output.
 */
import type { AttentionInputs, AttentionSize, LayerInputs, LayerSize } from "./problem.ts";

/** A row of a result as float64 and as the plain float32 algorithm have it, and where it lies. */
export interface ExpectedRow {
  readonly start: number;
  readonly exact: Float64Array;
  readonly plain: Float64Array;
}

type Round = (x: number) => number;
const float64: Round = (x) => x;
const float32: Round = Math.fround;

/**
 * Says what is wrong with a result, or nothing. Rows beyond the end of `out` are not in this slice.
 *
 * @param allowance how many times the tolerance is allowed
 */
export function findMismatch(
  out: Float32Array,
  rows: readonly ExpectedRow[],
  allowance = 1,
): string | undefined {
  const tolerance = toleranceOf(rows) * allowance;
  for (const { start, exact } of rows) {
    if (start >= out.length) continue;
    for (let i = 0; i < exact.length; i++) {
      const error = Math.abs(out[start + i] - exact[i]);
      if (!(error <= tolerance))
        return `element ${start + i} is ${out[start + i]}, expected ${exact[i]} within ${tolerance.toExponential(1)}`;
    }
  }
  return undefined;
}

function toleranceOf(rows: readonly ExpectedRow[]): number {
  let plainError = 0;
  let largest = 0;
  for (const { exact, plain } of rows)
    for (let i = 0; i < exact.length; i++) {
      plainError = Math.max(plainError, Math.abs(plain[i] - exact[i]));
      largest = Math.max(largest, Math.abs(exact[i]));
    }
  return 2 * plainError + 2 ** -22 * largest;
}

/** Some rows out of `count`, the first and the last among them. */
export function sampleRows(count: number, samples: number): number[] {
  const rows = Array.from({ length: Math.min(count, samples) }, (_, i) =>
    samples >= count ? i : Math.round((i * (count - 1)) / (samples - 1)),
  );
  return [...new Set(rows)];
}

function expectRow(start: number, compute: (round: Round) => Float64Array): ExpectedRow {
  return { start, exact: compute(float64), plain: compute(float32) };
}

/** Query `row`, counted over all batch entries and heads. */
export function expectAttention(inputs: AttentionInputs, size: AttentionSize, row: number): ExpectedRow {
  const { H, K, L, S, E, causal } = size;
  const head = Math.floor(row / L);
  const kvHead = Math.floor(head / H) * K + Math.floor((head % H) / (H / K));
  const keys = causal ? Math.min(S, (row % L) + 1) : S;
  const { query, key, value } = inputs;
  return expectRow(row * E, (round) => {
    const scale = round(1 / Math.sqrt(E));
    const scores = new Float64Array(keys);
    for (let j = 0; j < keys; j++) {
      let dot = 0;
      for (let e = 0; e < E; e++)
        dot = round(dot + round(query[row * E + e] * key[(kvHead * S + j) * E + e]));
      scores[j] = round(dot * scale);
    }
    softmaxInPlace(scores, round);
    const out = new Float64Array(E);
    for (let j = 0; j < keys; j++)
      for (let e = 0; e < E; e++) out[e] = round(out[e] + round(scores[j] * value[(kvHead * S + j) * E + e]));
    return out;
  });
}

export function expectProduct(
  a: Float32Array,
  b: Float32Array,
  K: number,
  N: number,
  row: number,
): ExpectedRow {
  return expectRow(row * N, (round) => {
    const out = new Float64Array(N);
    for (let k = 0; k < K; k++)
      for (let j = 0; j < N; j++) out[j] = round(out[j] + round(a[row * K + k] * b[k * N + j]));
    return out;
  });
}

export function expectSoftmax(x: Float32Array, columns: number, row: number): ExpectedRow {
  return expectRow(row * columns, (round) => {
    const out = Float64Array.from(x.subarray(row * columns, (row + 1) * columns));
    softmaxInPlace(out, round);
    return out;
  });
}

/** Row `row` of heads, its halves turned by the angles of its position; `cos` and `sin` are `[L, E/2]`. */
export function expectRotary(
  x: Float32Array,
  { cos, sin }: { readonly cos: Float32Array; readonly sin: Float32Array },
  E: number,
  row: number,
): ExpectedRow {
  const half = E / 2;
  const angles = (row * half) % cos.length;
  return expectRow(row * E, (round) => {
    const out = new Float64Array(E);
    for (let f = 0; f < half; f++) {
      const [a, b] = [x[row * E + f], x[row * E + half + f]];
      const [c, s] = [cos[angles + f], sin[angles + f]];
      out[f] = round(round(a * c) - round(b * s));
      out[half + f] = round(round(b * c) + round(a * s));
    }
    return out;
  });
}

/** Row `row` of attention that is put together from outputs over parts of the keys. */
export function expectMerge(
  parts: readonly { readonly output: Float32Array; readonly logSumExp: Float32Array }[],
  V: number,
  row: number,
): ExpectedRow {
  return expectRow(row * V, (round) => {
    const weights = Float64Array.from(parts, ({ logSumExp }) => logSumExp[row]);
    softmaxInPlace(weights, round);
    const out = new Float64Array(V);
    parts.forEach(({ output }, i) => {
      for (let v = 0; v < V; v++) out[v] = round(out[v] + round(weights[i] * output[row * V + v]));
    });
    return out;
  });
}

/**
 * Token `row` of a layer. Keys and values of all tokens would be products of their own; here the query goes to the tokens
 * instead: q (x W_K') = (q W_K) x', and likewise for the values.
 */
export function expectLayer(inputs: LayerInputs, { L, embedDim: E, H }: LayerSize, row: number): ExpectedRow {
  const { x, inWeight, inBias, outWeight, outBias } = inputs;
  const D = E / H;
  return expectRow(row * E, (round) => {
    const dot = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, n: number) => {
      let sum = 0;
      for (let e = 0; e < n; e++) sum = round(sum + round(a[i + e] * b[j + e]));
      return sum;
    };
    const add = (to: Float64Array, factor: number, from: Float32Array, start: number) => {
      for (let e = 0; e < to.length; e++) to[e] = round(to[e] + round(factor * from[start + e]));
    };
    const heads = new Float64Array(E);
    for (let h = 0; h < H; h++) {
      const toKeys = new Float64Array(E);
      // What the key's bias adds is the same for all keys and drops out of the softmax.
      for (let d = h * D; d < (h + 1) * D; d++)
        add(toKeys, round(dot(x, row * E, inWeight, d * E, E) + inBias[d]), inWeight, (E + d) * E);
      const scores = Float64Array.from({ length: L }, (_, j) =>
        round(dot(toKeys, 0, x, j * E, E) * round(1 / Math.sqrt(D))),
      );
      softmaxInPlace(scores, round);
      const mean = new Float64Array(E);
      for (let j = 0; j < L; j++) add(mean, scores[j], x, j * E);
      for (let d = h * D; d < (h + 1) * D; d++)
        heads[d] = round(dot(mean, 0, inWeight, (2 * E + d) * E, E) + inBias[2 * E + d]);
    }
    return Float64Array.from({ length: E }, (_, e) => round(dot(heads, 0, outWeight, e * E, E) + outBias[e]));
  });
}

function softmaxInPlace(x: Float64Array, round: Round): void {
  const maximum = x.reduce((a, b) => Math.max(a, b), -Infinity);
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    x[i] = round(Math.exp(round(x[i] - maximum)));
    sum = round(sum + x[i]);
  }
  for (let i = 0; i < x.length; i++) x[i] = round(x[i] / sum);
}
