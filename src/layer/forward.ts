// One pass through a layer as a program: project, append to the cache where there is one, attend, project.

import type { Growth } from "../cache/growth.ts";
import { largest } from "../cache/largest.ts";
import type { PagedKeys } from "../cache/page-table.ts";
import type { KernelSizes } from "../engine/generated/kernels.ts";
import { type Call, type Operand, PanelProgram } from "../engine/program.ts";
import { addAppend } from "../plan/append.ts";
import { addAttention } from "../plan/attention.ts";
import { addProduct } from "../plan/matmul.ts";
import { Tensor, zeros } from "../tensor.ts";
import { headLayout } from "../validate/heads.ts";
import { appendRows } from "./extra-keys.ts";
import type { PackedWeights } from "./packed-weights.ts";
import type { LayerState, Pass } from "./pass.ts";
import { project, projectInto, turnHeads } from "./projections.ts";

/** What a pass returns. Unbatched input drops B. */
export interface ForwardResult {
  /** `[B, L, E]`. */
  readonly output: Tensor;
  /** `[B, L, S']`, or `[B, H, L, S']` if not averaged; S' = the S keys, then bias_k, then the zero key. */
  readonly weights?: Tensor;
}

/** @internal Plans a pass with packed weights; with a cache, into the growth that was made for its tokens. */
export function planPass(
  layer: LayerState,
  packed: PackedWeights,
  pass: Pass,
  kernels: KernelSizes,
  growth?: Growth,
): Call<ForwardResult> {
  const { sizes, scores: settings } = layer;
  const { query: q, masks, batched, needWeights, averageWeights } = pass;
  const program = new PanelProgram("MultiHeadAttention", kernels);
  const [B, L] = [q.batch, q.length];
  const { numHeads: H, numKvHeads: K, headDim: D } = sizes;
  const heads = projectTokens(program, layer, packed, pass);
  const pages = growth && appendTokens(program, growth, heads, [B, K, L, D]);
  const width = growth ? largest(growth.entries.map(({ length }) => length)) : heads.width;

  const context = program.temporary(B * L * H * D * 4);
  const perHead = needWeights
    ? averageWeights
      ? new Tensor(new Float32Array(0), [B, H, L, width])
      : zeros([B, H, L, width])
    : undefined;
  const scores =
    perHead && (averageWeights ? program.temporary(B * H * L * width * 4) : program.output(perHead.data));
  addAttention(
    program,
    {
      rank: 4,
      B,
      H,
      K,
      L,
      S: width,
      E: D,
      V: D,
      query: headLayout("BLHE", [B, H, L, D]),
      key: headLayout("BLHE", [B, K, width, D]),
      value: headLayout("BLHE", [B, K, width, D]),
      ...masks,
      similarity: "dot",
      scale: settings.scale,
      softcap: 0,
      relativeBias: settings.relativeBias,
      alibiSlopes: undefined,
      sinks: undefined,
      window: [narrowest(settings.window, pass.cached?.state.window ?? 0) - 1, -1],
      lengths: growth ? growth.entries.map(({ length }) => length) : new Array<number>(B).fill(width),
      offsets: growth ? growth.lengths : new Array<number>(B).fill(0),
      blockMask: undefined,
      packed: undefined,
      pages,
    },
    {
      query: heads.queries,
      key: pages ? undefined : heads.keys,
      value: pages ? undefined : heads.values,
      output: context,
      weights: scores,
      headFactors: pass.headFactors && program.input(pass.headFactors),
    },
    headLayout("BLHE", [B, H, L, D]),
  );
  const output = new Tensor(
    new Float32Array(B * L * sizes.embedDim),
    batched ? [B, L, sizes.embedDim] : [L, sizes.embedDim],
  );
  projectInto(program, packed.output, context, program.output(output.data), { batch: B, rows: L, width: L });
  if (!perHead || scores === undefined) return { program, result: { output } };
  const weights = averageWeights ? averageHeads(program, scores, [B, H, L, width]) : perHead;
  return {
    program,
    result: { output, weights: batched ? weights : new Tensor(weights.data, weights.shape.slice(1)) },
  };
}

/** The smaller of two windows, of which 0 is none. */
function narrowest(a: number, b: number): number {
  return a > 0 && b > 0 ? Math.min(a, b) : a + b;
}

/** Queries, keys and values of the tokens, [B, length, heads, D] each; keys and values with those that the layer adds. */
interface ProjectedHeads {
  readonly queries: Operand;
  readonly keys: Operand;
  readonly values: Operand;
  /** Keys of an entry. */
  readonly width: number;
}

function projectTokens(
  program: PanelProgram,
  layer: LayerState,
  packed: PackedWeights,
  { query: q, key: k, value: v, extra, cached }: Pass,
): ProjectedHeads {
  const { numHeads: H, numKvHeads: K, headDim: D } = layer.sizes;
  const B = q.batch;
  const [L, S, width] = [q.length, k.length, k.length + extra];
  const inputs = shareOperands(program, [q.data, k.data, v.data]);
  const tables = layer.rotary?.(Math.max(L, S), cached?.state.lengths ?? [0]);
  const ofQuery = { batch: B, rows: L, width: L };
  const ofKey = { batch: B, rows: S, width };
  const { queryNorm, keyNorm } = layer.weights;
  // One stage of all projections, whatever their inputs: tiles of one do not wait for the last tile of another.
  const [query, key, values] = program.together(() => [
    project(program, packed.query, inputs[0]!, ofQuery),
    project(program, packed.key, inputs[1]!, ofKey),
    project(program, packed.value, inputs[2]!, ofKey),
  ]);
  return program.together(() => {
    const queries = turnHeads(program, query, ofQuery, [H, D], { norm: queryNorm, tables });
    const keys = turnHeads(program, key, ofKey, [K, D], { norm: keyNorm, tables });
    appendRows(program, layer, { keys, values, batch: B, length: S, width, columns: K * D });
    return { queries, keys, values, width };
  });
}

function appendTokens(
  program: PanelProgram,
  growth: Growth,
  { keys, values }: ProjectedHeads,
  sizes: readonly [number, number, number, number],
): PagedKeys {
  const pages = growth.pageTable();
  const layout = headLayout("BLHE", sizes);
  addAppend(program, growth, pages, { key: keys, value: values, keyLayout: layout, valueLayout: layout });
  return pages;
}

/** Self-attention passes one array three times: it crosses the border once. */
function shareOperands(program: PanelProgram, arrays: readonly Float32Array[]): Operand[] {
  const known = new Map<Float32Array, Operand>();
  return arrays.map((array) => {
    const operand = known.get(array) ?? program.input(array);
    known.set(array, operand);
    return operand;
  });
}

/** The mean over heads is a product with a row of ones. */
function averageHeads(
  program: PanelProgram,
  weights: Operand,
  [B, H, L, width]: readonly [number, number, number, number],
): Tensor {
  const average = zeros([B, L, width]);
  addProduct(program, {
    rows: 1,
    columns: L * width,
    depth: H,
    batch: B,
    a: program.input(new Float32Array(H).fill(1)),
    b: weights,
    result: program.output(average.data),
    scale: 1 / H,
    aRowStride: H,
    aDepthStride: 1,
    bDepthStride: L * width,
    bColumnStride: 1,
    packed: false,
    bBatchStride: H * L * width,
  });
  return average;
}
