// One pass through a layer as a program: project, attend, project. Projections write the heads of a token side by side,
// [B, length, heads, D], and attention reads them there.

import type { MaskLike } from "../attention-options.ts";
import { type Call, type Operand, Program } from "../engine/program.ts";
import { addAttention } from "../plan/attention.ts";
import { addProduct } from "../plan/matmul.ts";
import { addRotation, type RotationTables } from "../plan/rotary.ts";
import { shapeError, Tensor } from "../tensor.ts";
import { sizeOf, type TensorLike } from "../tensor-like.ts";
import { float32, readFloats } from "../validate/floats.ts";
import { headLayout } from "../validate/heads.ts";
import { checkFlag } from "../validate/options.ts";
import { combineMasks, type OperatorMasks } from "./masks.ts";
import type { PackedProjection, PackedWeights } from "./packed-weights.ts";
import type { LayerTables } from "./rotary.ts";
import type { LayerSizes, LayerWeights } from "./weights.ts";

/** Options of a pass that say what is computed. Masks keep this library's polarity: 1 = attend. */
export interface ForwardMasks {
  /** Which keys are there: `[B, S]` (unbatched `[S]`), boolean or additive. */
  readonly keyPaddingMask?: MaskLike;
  /** `[L, S]`, `[H, L, S]` or `[B, H, L, S]`, boolean or additive. */
  readonly attnMask?: MaskLike;
  /** Query i attends to keys 0 to i. Default false. */
  readonly causal?: boolean;
  /** Also return the weights. Default false. */
  readonly needWeights?: boolean;
  /** Average the weights over the heads. Default true. */
  readonly averageWeights?: boolean;
}

/** What a pass returns. Unbatched input drops B. */
export interface ForwardResult {
  /** `[B, L, E]`. */
  readonly output: Tensor;
  /** `[B, L, S']`, or `[B, H, L, S']` if not averaged; S' = the S keys, then bias_k, then the zero key. */
  readonly weights?: Tensor;
}

/** A layer as a pass sees it. */
export interface LayerState {
  readonly sizes: LayerSizes;
  readonly weights: LayerWeights;
  readonly addZeroAttn: boolean;
  /** Rotary tables of so many positions from 0 on, where the layer rotates. */
  readonly rotary: LayerTables | undefined;
}

/** Checked input: rows of tokens. */
export interface Tokens {
  readonly data: Float32Array;
  readonly batch: number;
  readonly length: number;
}

/** A pass whose arguments are known good. */
export interface Pass {
  readonly query: Tokens;
  readonly key: Tokens;
  readonly value: Tokens;
  readonly masks: OperatorMasks;
  readonly batched: boolean;
  /** Keys that follow the S keys: bias_k, the zero key. */
  readonly extra: number;
  readonly needWeights: boolean;
  readonly averageWeights: boolean;
}

/** Checks the arguments of a pass. What it returns holds views: they are good until memory grows. */
export function readPass(
  layer: LayerState,
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
  options: ForwardMasks,
): Pass {
  const { sizes } = layer;
  const { needWeights = false, averageWeights = true, causal = false } = options;
  for (const [name, flag] of Object.entries({ needWeights, averageWeights, causal })) checkFlag(name, flag);
  const batched = readFloats("query", query, float32).shape.length !== 2;
  const q = readTokens("query", query, ["B", "L", "E"], { E: sizes.embedDim }, batched);
  const k = readTokens("key", key, ["B", "S", "kdim"], { B: q.batch, kdim: sizes.kdim }, batched);
  const v = readTokens(
    "value",
    value,
    ["B", "S", "vdim"],
    { B: q.batch, S: k.length, vdim: sizes.vdim },
    batched,
  );
  const extra = (layer.weights.biasKey ? 1 : 0) + (layer.addZeroAttn ? 1 : 0);
  const scoreSizes = { B: q.batch, H: sizes.numHeads, L: q.length, S: k.length, extra, batched };
  const masks = combineMasks({ ...options, causal }, scoreSizes);
  return { query: q, key: k, value: v, masks, batched, extra, needWeights, averageWeights };
}

/** Plans a pass with packed weights. */
export function planPass(layer: LayerState, packed: PackedWeights, pass: Pass): Call<ForwardResult> {
  const { sizes } = layer;
  const { query: q, key: k, value: v, masks, batched, extra, needWeights, averageWeights } = pass;
  const program = new Program("MultiHeadAttention");
  const B = q.batch;
  const [L, S, width] = [q.length, k.length, k.length + extra];
  const { numHeads: H, numKvHeads: K, headDim: D } = sizes;
  const inputs = shareOperands(program, [q.data, k.data, v.data]);
  const tables = layer.rotary?.(Math.max(L, S));
  const queries = projectHeads(program, packed.query, inputs[0]!, { batch: B, rows: L, width: L }, H, {
    norm: layer.weights.queryNorm,
    tables,
  });
  const keys = projectHeads(program, packed.key, inputs[1]!, { batch: B, rows: S, width }, K, {
    norm: layer.weights.keyNorm,
    tables,
  });
  const values = project(program, packed.value, inputs[2]!, { batch: B, rows: S, width });
  appendRows(program, layer, { keys, values, batch: B, length: S, width, columns: K * D });

  const context = program.temporary(B * L * H * D * 4);
  const perHead = needWeights
    ? new Tensor(new Float32Array(averageWeights ? 0 : B * H * L * width), [B, H, L, width])
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
      scale: 1 / Math.sqrt(D),
      softcap: 0,
      relativeBias: undefined,
      alibiSlopes: undefined,
      sinks: undefined,
      window: [-1, -1],
      lengths: new Array<number>(B).fill(width),
      offsets: new Array<number>(B).fill(0),
      blockMask: undefined,
      packed: undefined,
    },
    { query: queries, key: keys, value: values, output: context, weights: scores },
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

function readTokens(
  name: string,
  tensor: TensorLike,
  letters: readonly [string, string, string],
  known: Readonly<Record<string, number>>,
  batched: boolean,
): Tokens {
  const { data, shape } = readFloats(name, tensor, float32) as {
    data: Float32Array;
    shape: readonly number[];
  };
  const expected = batched ? letters : letters.slice(1);
  const fits =
    shape.length === expected.length &&
    expected.every((letter, d) => (known[letter] ?? shape[d]) === shape[d]);
  if (!fits) {
    const sizes = expected.map((letter) => (letter in known ? `${letter}=${known[letter]}` : letter));
    throw shapeError(name, `shape [${sizes.join(", ")}]`, shape);
  }
  return { data, batch: batched ? shape[0]! : 1, length: shape[batched ? 1 : 0]! };
}

/** Self-attention passes one array three times: it crosses the border once. */
function shareOperands(program: Program, arrays: readonly Float32Array[]): Operand[] {
  const known = new Map<Float32Array, Operand>();
  return arrays.map((array) => {
    const operand = known.get(array) ?? program.input(array);
    known.set(array, operand);
    return operand;
  });
}

/** Rows of tokens per entry, and how many rows the entry has room for in the result. */
interface Rows {
  readonly batch: number;
  readonly rows: number;
  readonly width: number;
}

function project(program: Program, projection: PackedProjection, x: Operand, rows: Rows): Operand {
  const result = program.temporary(rows.batch * rows.width * projection.columns * 4);
  projectInto(program, projection, x, result, rows);
  return result;
}

/** A projection, then what turns its heads: RMS norm and rotary positions, where the layer has them. */
function projectHeads(
  program: Program,
  projection: PackedProjection,
  x: Operand,
  rows: Rows,
  heads: number,
  { norm, tables }: { readonly norm: Float32Array | undefined; readonly tables: RotationTables | undefined },
): Operand {
  if (norm === undefined && tables === undefined) return project(program, projection, x, rows);
  // Into a place of its own: a tile that is computed anew after a worker died must find its input unturned.
  const input = project(program, projection, x, { ...rows, width: rows.rows });
  const output = program.temporary(rows.batch * rows.width * projection.columns * 4);
  addRotation(program, {
    input,
    output,
    entries: rows.batch,
    rowsPerEntry: rows.rows * heads,
    rowsPerPosition: heads,
    positions: rows.rows,
    headSize: projection.columns / heads,
    inputEntryStride: rows.rows * projection.columns,
    outputEntryStride: rows.width * projection.columns,
    tables,
    norm: norm && { weight: norm, epsilon: NORM_EPSILON },
  });
  return output;
}

/** As in Qwen3's published configuration. */
const NORM_EPSILON = 1e-6;

function projectInto(
  program: Program,
  { weight, bias, columns, depth }: PackedProjection,
  x: Operand,
  result: Operand,
  { batch, rows, width }: Rows,
): void {
  // Entries that follow one another without a gap are one tall matrix.
  const tall = rows === width;
  addProduct(program, {
    rows: tall ? batch * rows : rows,
    columns,
    depth,
    batch: tall ? 1 : batch,
    a: x,
    b: program.input(weight.data),
    bias: bias && program.input(bias),
    result,
    scale: 1,
    aRowStride: depth,
    aDepthStride: 1,
    bDepthStride: 0,
    bColumnStride: 0,
    packed: true,
    aBatchStride: rows * depth,
    resultBatchStride: width * columns,
  });
}

/** bias_k and bias_v, then the zero key and value, after the projected ones of every entry. */
function appendRows(
  program: Program,
  { weights, addZeroAttn }: LayerState,
  {
    keys,
    values,
    batch,
    length,
    width,
    columns,
  }: {
    keys: Operand;
    values: Operand;
    batch: number;
    length: number;
    width: number;
    columns: number;
  },
): void {
  const append = (target: Operand, row: number, source: Float32Array | undefined): void =>
    program.stage(
      "copy",
      {
        source: source && program.input(source),
        target: program.within(target, row * columns * 4),
        rows: batch,
        rowBytes: columns * 4,
        sourceStride: 0,
        targetStride: width * columns * 4,
      },
      { tiles: batch, work: batch * columns },
    );
  if (weights.biasKey) append(keys, length, weights.biasKey);
  if (weights.biasValue) append(values, length, weights.biasValue);
  if (!addZeroAttn) return;
  append(keys, width - 1, undefined);
  append(values, width - 1, undefined);
}

/** The mean over heads is a product with a row of ones. */
function averageHeads(
  program: Program,
  weights: Operand,
  [B, H, L, width]: readonly [number, number, number, number],
): Tensor {
  const average = new Tensor(new Float32Array(sizeOf([B, L, width])), [B, L, width]);
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
