import type { Similarity } from "../attention-options.ts";
import type { AttentionProblem } from "../validate/attention.ts";
import { type HeadView, rowOffset } from "../validate/heads.ts";
import { addend, keeps } from "./mask.ts";
import { relativeBiasAt } from "./relative-bias.ts";

/** Whether query i of batch entry b and head h may attend to key j. */
export function isAllowed(problem: AttentionProblem, b: number, h: number, i: number, j: number): boolean {
  const position = i + problem.offsets[b]!;
  const [left, right] = problem.window;
  if (j >= problem.lengths[b]!) return false;
  if (problem.blockMask && !problem.blockMask.allows(b, h, i, j)) return false;
  if (problem.causal && j > position) return false;
  if (left >= 0 && j < position - left) return false;
  if (right >= 0 && j > position + right) return false;
  return keeps(problem.mask, [b, h, i, j]);
}

/** scale * similarity. */
export function scaledScore(problem: AttentionProblem, b: number, h: number, i: number, j: number): number {
  const { query, key, H, K } = problem;
  // Grouped-query attention: H/K neighbouring query heads share a key/value head.
  const kvHead = Math.floor(h / (H / K));
  const q = row(query, b, h, i);
  const k = row(key, b, kvHead, j);
  return problem.scale * similarities[problem.similarity](q, k);
}

/** The scaled score after softcap ("Gemma 2: Improving Open Language Models at a Practical Size"). */
export function cappedScore(problem: AttentionProblem, b: number, h: number, i: number, j: number): number {
  const score = scaledScore(problem, b, h, i, j);
  return problem.softcap === 0 ? score : problem.softcap * Math.tanh(score / problem.softcap);
}

/** The score that goes into the softmax: -infinity where excluded, without a look at the key. */
export function biasedScore(problem: AttentionProblem, b: number, h: number, i: number, j: number): number {
  if (!isAllowed(problem, b, h, i, j)) return -Infinity;
  return cappedScore(problem, b, h, i, j) + additiveTerms(problem, b, h, i, j);
}

function additiveTerms(problem: AttentionProblem, b: number, h: number, i: number, j: number): number {
  const index = [b, h, i, j];
  const distance = j - (i + problem.offsets[b]!);
  // Two additive tensors are summed in float32 first, by definition: so a model's own sum is reproduced.
  let sum = Math.fround(addend(problem.mask, index) + addend(problem.bias, index));
  if (problem.alibiSlopes) sum -= problem.alibiSlopes[h]! * Math.abs(distance);
  if (problem.relativeBias) sum += relativeBiasAt(problem.relativeBias, h, distance);
  return sum;
}

type Row = Float32Array | Float64Array;

function row(view: HeadView, b: number, h: number, i: number): Row {
  const start = rowOffset(view, b, h, i);
  return view.data.subarray(start, start + view.size);
}

const similarities: Readonly<Record<Similarity, (q: Row, k: Row) => number>> = {
  dot,
  cosine: (q, k) => dot(q, k) / (Math.max(norm(q), 1e-12) * Math.max(norm(k), 1e-12)),
  "root-norm": (q, k) => dot(q, k) / Math.sqrt(Math.max(norm(q) * norm(k), 1e-12)),
};

function dot(q: Row, k: Row): number {
  let sum = 0;
  for (let e = 0; e < q.length; e++) sum += q[e]! * k[e]!;
  return sum;
}

function norm(x: Row): number {
  return Math.sqrt(dot(x, x));
}
