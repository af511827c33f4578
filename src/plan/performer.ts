// The Performer's attention as a program. Pure: sizes in, program out.
//
//   features of queries and keys -> values weighted, with a column of ones -> (features of keys)^T values
//   -> features of queries times that -> quotients
//
// With causality each query has a sum of its own: the state of a linear attention over the features, which shrinks
// whenever a key raises the largest weight.

import type { KernelSizes } from "../engine/generated/kernels.ts";
import { type Operand, PanelProgram } from "../engine/program.ts";
import { type HeadLayout, headLayout } from "../validate/heads.ts";
import type { PerformerProblem } from "../validate/performer.ts";
import { addLinearAttention, type LocatedHeads } from "./linear-attention.ts";
import { addProduct } from "./matmul.ts";
import {
  addDirections,
  addFeatures,
  addQuotients,
  addWeightedValues,
  type Directions,
} from "./random-features.ts";

/** The program of a checked call. */
export function planPerformer(
  problem: PerformerProblem,
  target: Float32Array,
  outputLayout: HeadLayout,
  sizes: KernelSizes,
): PanelProgram {
  const { B, H, K, L, S, V, E, query, key, value, epsilon } = problem;
  const program = new PanelProgram("performerAttention", sizes);
  // Queries and keys are multiplied by the root of the scale, so that their products carry the scale itself.
  const scale = Math.sqrt(problem.scale);
  const directions = addDirections(program, problem.features as Float32Array, problem.count, E);
  const lengths = problem.lengths.some((n) => n !== S)
    ? program.input(Int32Array.from(problem.lengths))
    : undefined;
  const logScales = program.temporary(B * K * S * 4);
  const decays = problem.causal ? program.temporary(B * K * S * 4) : undefined;
  const queryData = program.input(query.data as Float32Array);
  const keyData = query.data === key.data ? queryData : program.input(key.data as Float32Array);
  const queries = addFeatures(program, query, queryData, directions, { scale, epsilon });
  const keys = addFeatures(program, key, keyData, directions, { scale, epsilon, logScales, lengths });

  const wide = V + 1;
  const valueLayout = headLayout("BHLE", [B, K, S, wide]);
  const values = program.temporary(B * K * S * wide * 4);
  addWeightedValues(program, value, valueLayout, {
    value: key.data === value.data ? keyData : program.input(value.data as Float32Array),
    logScales,
    output: values,
    decays,
  });
  const features = { queries, keys, values };
  const sums =
    decays === undefined
      ? sumOverKeys(program, problem, directions, features)
      : sumCausally(program, problem, directions, { ...features, decays });
  addQuotients(program, headLayout("BHLE", [B, H, L, wide]), outputLayout, {
    input: sums,
    output: program.output(target),
  });
  return program;
}

/** Features, and values weighted. */
interface Summands {
  readonly queries: Operand;
  readonly keys: Operand;
  readonly values: Operand;
}

/** [B, H, L, V + 1]: each query's sum of weighted values, and of weights. */
function sumOverKeys(
  program: PanelProgram,
  { B, H, K, L, S, V }: PerformerProblem,
  { count, stride }: Directions,
  { queries, keys, values }: Summands,
): Operand {
  const wide = V + 1;
  const summed = program.temporary(B * K * wide * count * 4);
  addProduct(program, {
    rows: count,
    columns: wide,
    depth: S,
    batch: B * K,
    a: keys,
    b: values,
    result: summed,
    scale: 1,
    aRowStride: 1,
    aDepthStride: stride,
    bDepthStride: wide,
    bColumnStride: 1,
    packed: false,
    aBatchStride: S * stride,
    bBatchStride: S * wide,
  });
  // The query heads of a group lie one after the other: they are one tall matrix.
  const rows = K === 0 ? 0 : (H / K) * L;
  const result = program.temporary(B * H * L * wide * 4);
  addProduct(program, {
    rows,
    columns: wide,
    depth: count,
    batch: B * K,
    a: queries,
    b: summed,
    result,
    scale: 1,
    aRowStride: stride,
    aDepthStride: 1,
    bDepthStride: wide,
    bColumnStride: 1,
    packed: false,
    aBatchStride: rows * stride,
    bBatchStride: wide * count,
  });
  return result;
}

/** The same over keys up to each query's own. */
function sumCausally(
  program: PanelProgram,
  { B, H, K, L, V }: PerformerProblem,
  { count, stride }: Directions,
  { queries, keys, values, decays }: Summands & { readonly decays: Operand },
): Operand {
  const wide = V + 1;
  const result = program.temporary(B * H * L * wide * 4);
  const rows = (operand: Operand, heads: number, size: number, rowStride: number): LocatedHeads => ({
    operand,
    layout: {
      batch: B,
      heads,
      length: L,
      size,
      batchStride: heads * L * rowStride,
      headStride: L * rowStride,
      rowStride,
    },
  });
  addLinearAttention(program, {
    B,
    H,
    K,
    L,
    E: count,
    V: wide,
    query: rows(queries, H, count, stride),
    key: rows(keys, K, count, stride),
    value: rows(values, K, wide, wide),
    output: rows(result, H, wide, wide),
    decay: rows(decays, K, 1, 1),
    beta: undefined,
    eraseGate: undefined,
    pastState: undefined,
    presentState: undefined,
    scale: 1,
  });
  return result;
}
