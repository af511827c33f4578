/**
 * The plain algorithms in float32, every operation rounded, keys and depth in order: what a careful loop without
 * any blocking would give. Their distance from the float64 reference is the measure of what the kernels may err.
 */
import type { BlockMask } from "wasm-attention";
import type { MaskLike, ScoreOptions } from "../../src/attention-options.ts";
import { addend, keeps } from "../../src/reference/mask.ts";
import { relativeBiasAt } from "../../src/reference/relative-bias.ts";
import { isAllowed } from "../../src/reference/scores.ts";
import { type AttentionProblem, readAttention } from "../../src/validate/attention.ts";
import { broadcastShapes, broadcastStrides, indexAt, offsetOf } from "../../src/validate/broadcast.ts";
import { rowOffset } from "../../src/validate/heads.ts";
import { spreadMask } from "../../src/validate/mask.ts";
import type { FloatTensor } from "./random-tensors.ts";

const { fround } = Math;

export interface PlainAttention {
  readonly output: Float32Array;
  readonly logSumExp: Float32Array;
  readonly weights: Float32Array;
}

/** What the plain attention takes: all but packed sequences. A block mask is the built package's. */
export interface PlainOptions extends Omit<ScoreOptions, "blockMask" | "cuSeqlens"> {
  readonly blockMask?: BlockMask;
}

/** Scores, maximum, exponentials, sum, division, product with the values; the output is in the query's layout. */
export function plainAttention(
  query: FloatTensor,
  key: FloatTensor,
  value: FloatTensor,
  { blockMask, ...options }: PlainOptions = {},
): PlainAttention {
  const problem = readAttention(query, key, value, options);
  const { B, H, L, S, V, sinks } = problem;
  const output = new Float32Array(B * H * L * V);
  const logSumExp = new Float32Array(B * H * L);
  const weights = new Float32Array(B * H * L * S);
  const headsFirst = (options.layout ?? "BHLE") === "BHLE";
  for (let b = 0, row = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let i = 0; i < L; i++, row++) {
        const rowWeights = weights.subarray(row * S, (row + 1) * S);
        for (let j = 0; j < S; j++)
          rowWeights[j] =
            (blockMask?.allows(b, h, i, j) ?? true) ? plainScore(problem, b, h, i, j) : -Infinity;
        logSumExp[row] = plainSoftmaxRow(rowWeights, sinks?.[h]);
        const at = headsFirst ? row * V : ((b * L + i) * H + h) * V;
        addWeightedValues(problem, b, h, rowWeights, output.subarray(at, at + V));
      }
  return { output, logSumExp, weights };
}

function plainScore(problem: AttentionProblem, b: number, h: number, i: number, j: number): number {
  if (!isAllowed(problem, b, h, i, j)) return -Infinity;
  const { query, key, H, K, E, similarity } = problem;
  const q = rowOffset(query, b, h, i);
  const k = rowOffset(key, b, Math.floor(h / (H / K)), j);
  const [qs, ks] = [query.data as Float32Array, key.data as Float32Array];
  let score = dot(qs, q, ks, k, E);
  if (similarity !== "dot") {
    const norms = [fround(Math.sqrt(dot(qs, q, qs, q, E))), fround(Math.sqrt(dot(ks, k, ks, k, E)))] as const;
    const smallest = fround(1e-12);
    const divisor =
      similarity === "cosine"
        ? Math.max(norms[0], smallest) * Math.max(norms[1], smallest)
        : Math.sqrt(Math.max(fround(norms[0] * norms[1]), smallest));
    score = fround(score / fround(divisor));
  }
  score = fround(fround(problem.scale) * score);
  if (problem.softcap !== 0) {
    const softcap = fround(problem.softcap);
    score = fround(softcap * fround(Math.tanh(fround(score / softcap))));
  }
  return fround(score + addedTo(problem, b, h, i, j));
}

/** What masks and distances add to a score. */
function addedTo(problem: AttentionProblem, b: number, h: number, i: number, j: number): number {
  const index = [b, h, i, j];
  const distance = j - (i + problem.offsets[b]!);
  let sum = fround(addend(problem.mask, index) + addend(problem.bias, index));
  if (problem.alibiSlopes) sum = fround(sum - fround(fround(problem.alibiSlopes[h]!) * Math.abs(distance)));
  if (problem.relativeBias) sum = fround(sum + relativeBiasAt(problem.relativeBias, h, distance));
  return sum;
}

function dot(a: Float32Array, atA: number, b: Float32Array, atB: number, length: number): number {
  let sum = 0;
  for (let e = 0; e < length; e++) sum = fround(sum + fround(a[atA + e]! * b[atB + e]!));
  return sum;
}

/** Turns a row of scores into weights; returns the logarithm of their sum. A row of nothing but -infinity is 0. */
function plainSoftmaxRow(row: Float32Array, sink = -Infinity): number {
  let maximum = fround(sink);
  for (const score of row) maximum = Math.max(maximum, score);
  if (maximum === -Infinity) {
    row.fill(0);
    return -Infinity;
  }
  let sum = fround(Math.exp(fround(fround(sink) - maximum)));
  for (let j = 0; j < row.length; j++) {
    row[j] = Math.exp(fround(row[j]! - maximum));
    sum = fround(sum + row[j]!);
  }
  for (let j = 0; j < row.length; j++) row[j] = row[j]! / sum;
  return fround(maximum + fround(Math.log(sum)));
}

function addWeightedValues(
  { value, H, K }: AttentionProblem,
  b: number,
  h: number,
  weights: Float32Array,
  output: Float32Array,
): void {
  const kvHead = Math.floor(h / (H / K));
  for (let j = 0; j < weights.length; j++) {
    if (weights[j] === 0) continue;
    const start = rowOffset(value, b, kvHead, j);
    for (let e = 0; e < output.length; e++)
      output[e] = output[e]! + fround(weights[j]! * value.data[start + e]!);
  }
}

/** Attention merged row by row: `parts` outputs of `rows` x V, and a logarithm a row each. */
export function plainMerge(
  parts: readonly { readonly output: FloatTensor; readonly logSumExp: FloatTensor }[],
): Pick<PlainAttention, "output" | "logSumExp"> {
  const rows = parts[0]!.logSumExp.data.length;
  const V = parts[0]!.output.data.length / rows;
  const output = new Float32Array(rows * V);
  const logSumExp = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const weights = Float32Array.from(parts, (part) => part.logSumExp.data[row]!);
    logSumExp[row] = plainSoftmaxRow(weights);
    parts.forEach((part, n) => {
      if (part.logSumExp.data[row] === -Infinity) return;
      for (let v = row * V; v < (row + 1) * V; v++)
        output[v] = output[v]! + fround(weights[n]! * part.output.data[v]!);
    });
  }
  return { output, logSumExp };
}

export interface PlainMatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly bias?: FloatTensor;
  readonly scale?: number;
}

/** scale * (a b) + bias, summed in the order of the depth. */
export function plainMatmul(a: FloatTensor, b: FloatTensor, options: PlainMatmulOptions = {}): Float32Array {
  const { transposeA = false, transposeB = false, bias, scale = 1 } = options;
  const left = matrixShape(a.shape, true, transposeA);
  const right = matrixShape(b.shape, false, transposeB);
  const [M, K, N] = [left.rows, left.columns, right.columns];
  const batch = broadcastShapes("b", left.batch, right.batch);
  const [stridesA, stridesB] = [
    broadcastStrides("a", left.batch, batch),
    broadcastStrides("b", right.batch, batch),
  ];
  const count = batch.reduce((product, size) => product * size, 1);
  const result = new Float32Array(count * M * N);
  for (let n = 0; n < count; n++) {
    const index = indexAt(n, batch);
    const startA = offsetOf(index, stridesA) * M * K;
    const startB = offsetOf(index, stridesB) * K * N;
    for (let i = 0; i < M; i++)
      for (let j = 0; j < N; j++) {
        let sum = 0;
        for (let k = 0; k < K; k++) {
          const x = a.data[startA + (transposeA && a.shape.length > 1 ? k * M + i : i * K + k)]!;
          const y = b.data[startB + (transposeB && b.shape.length > 1 ? j * K + k : k * N + j)]!;
          sum = fround(sum + fround(x * y));
        }
        const at = (n * M + i) * N + j;
        result[at] = fround(fround(scale) * sum) + (bias ? bias.data[at % bias.data.length]! : 0);
      }
  }
  return result;
}

function matrixShape(
  shape: readonly number[],
  first: boolean,
  transpose: boolean,
): { batch: readonly number[]; rows: number; columns: number } {
  if (shape.length === 1)
    return first ? { batch: [], rows: 1, columns: shape[0]! } : { batch: [], rows: shape[0]!, columns: 1 };
  const [m, n] = shape.slice(-2) as [number, number];
  return { batch: shape.slice(0, -2), rows: transpose ? n : m, columns: transpose ? m : n };
}

export interface PlainSoftmaxOptions {
  readonly axis?: number;
  readonly scale?: number;
  readonly mask?: MaskLike;
  readonly log?: boolean;
}

/** softmax(scale x + mask) along an axis, or its logarithm. */
export function plainSoftmax(x: FloatTensor, options: PlainSoftmaxOptions = {}): Float32Array {
  const { axis = -1, scale = 1, log = false } = options;
  const along = axis < 0 ? axis + x.shape.length : axis;
  const mask = options.mask && spreadMask("mask", options.mask, x.shape);
  const length = x.shape[along]!;
  const stride = x.shape.slice(along + 1).reduce((product, size) => product * size, 1);
  const result = new Float32Array(x.data.length);
  const row = new Float32Array(length);
  for (let start = 0; start < x.data.length; start++) {
    if (Math.floor(start / stride) % length !== 0) continue;
    for (let j = 0; j < length; j++) {
      const at = start + j * stride;
      const index = indexAt(at, x.shape);
      row[j] = keeps(mask, index) ? fround(fround(scale) * x.data[at]!) + addend(mask, index) : -Infinity;
    }
    const scores = row.slice();
    const logSum = plainSoftmaxRow(row);
    for (let j = 0; j < length; j++) {
      const logarithm = scores[j] === -Infinity ? -Infinity : scores[j]! - logSum;
      result[start + j * stride] = log ? logarithm : row[j]!;
    }
  }
  return result;
}
