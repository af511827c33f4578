// Which kernel runs an attention, in which pieces. Pure: sizes in, program out.

import { KEY_BLOCK, PANEL } from "../engine/generated/kernels.ts";
import { type Operand, Program } from "../engine/program.ts";
import type { AttentionProblem } from "../validate/attention.ts";
import type { HeadLayout } from "../validate/heads.ts";
import type { SpreadMask } from "../validate/mask.ts";

/** Where results go; those that are absent are not made. */
export interface AttentionTargets {
  readonly output: Float32Array;
  readonly outputLayout: HeadLayout;
  readonly logSumExp?: Float32Array;
  readonly weights?: Float32Array;
}

/** Panels that share a pass over the keys: 48 queries read a key six times less often than 8, and fit the L1 cache. */
const MOST_PANELS = 6;
/** Enough tiles that threads end together, and no more panels apart than that needs. */
const ENOUGH_TILES = 32;
/** A step of a tile stays under a millisecond: at 25 GFLOP/s this many operations. */
const STEP_WORK = 2e7;
/** Scratch of a panel beside its queries and sums, bytes. */
const PANEL_HEADER = 416;
const MOST_SCRATCH = 1024 * 1024;

/** Wider than any key length, and small enough to be added to a position. */
const UNBOUNDED: number = 2 ** 30;

const similarities = ["dot", "cosine", "root-norm"] as const;

/** The program of a checked attention. */
export function planAttention(problem: AttentionProblem, targets: AttentionTargets): Program {
  const program = new Program("scaledDotProductAttention");
  addAttention(
    program,
    problem,
    {
      query: program.input(problem.query.data as Float32Array),
      key: program.input(problem.key.data as Float32Array),
      value: program.input(problem.value.data as Float32Array),
      output: program.output(targets.output),
      logSumExp: targets.logSumExp && program.output(targets.logSumExp),
      weights: targets.weights && program.output(targets.weights),
    },
    targets.outputLayout,
  );
  return program;
}

/** Operands of an attention, inside a program of its own or of a layer. */
export interface AttentionOperands {
  readonly query: Operand;
  readonly key: Operand;
  readonly value: Operand;
  readonly output: Operand;
  readonly logSumExp?: Operand;
  readonly weights?: Operand;
}

/** An attention without its data: in a layer the projections write it. */
export interface AttentionShape extends Omit<AttentionProblem, "query" | "key" | "value"> {
  readonly query: HeadLayout;
  readonly key: HeadLayout;
  readonly value: HeadLayout;
}

/** Adds an attention to a program. */
export function addAttention(
  program: Program,
  problem: AttentionShape,
  operands: AttentionOperands,
  output: HeadLayout,
): void {
  const { B, H, K, L, S, E, V, scale, similarity, query, key, value, mask, bias, window } = problem;
  const cut = cutAttention(problem);
  const booleanMask = mask?.boolean ? mask : undefined;
  const additiveMask = mask?.boolean ? undefined : mask;
  const firstBias = additiveMask ?? bias;
  const secondBias = additiveMask && bias;
  const plain = mask === undefined && bias === undefined && similarity === "dot" && scale > 0;
  // One literal without spreads: V8 makes a record of it, where a spread of this size becomes a hash table.
  program.stage(
    "attention",
    {
      query: operands.query,
      key: operands.key,
      value: operands.value,
      output: operands.output,
      logSumExp: operands.logSumExp,
      weights: operands.weights,
      mask: booleanMask && program.input(booleanMask.data),
      bias: firstBias && program.input(firstBias.data),
      secondBias: secondBias && program.input(secondBias.data),
      offsets: perEntry(program, problem.offsets, problem.offsets[0] ?? 0),
      lengths: perEntry(program, problem.lengths, S),
      kvHeads: K,
      group: K === 0 ? 0 : H / K,
      queryLength: L,
      keyLength: S,
      headSize: E,
      valueSize: V,
      panels: cut.panels,
      tilesPerGroup: cut.tilesPerGroup,
      keysPerStep: cut.keysPerStep,
      similarity: similarities.indexOf(similarity),
      offset: problem.offsets[0] ?? 0,
      finalScores: plain ? 0 : 1,
      left: Math.min(window[0], UNBOUNDED),
      // Causality is a window that ends at the query itself.
      right: problem.causal ? 0 : Math.min(window[1], UNBOUNDED),
      scale,
      queryBatchStride: query.batchStride * 4,
      queryHeadStride: query.headStride * 4,
      queryRowStride: query.rowStride * 4,
      keyBatchStride: key.batchStride * 4,
      keyHeadStride: key.headStride * 4,
      keyRowStride: key.rowStride * 4,
      valueBatchStride: value.batchStride * 4,
      valueHeadStride: value.headStride * 4,
      valueRowStride: value.rowStride * 4,
      outputBatchStride: output.batchStride * 4,
      outputHeadStride: output.headStride * 4,
      outputRowStride: output.rowStride * 4,
      maskBatchStride: strideOf(booleanMask, 0),
      maskHeadStride: strideOf(booleanMask, 1),
      maskRowStride: strideOf(booleanMask, 2),
      maskKeyStride: strideOf(booleanMask, 3),
      biasBatchStride: strideOf(firstBias, 0) * 4,
      biasHeadStride: strideOf(firstBias, 1) * 4,
      biasRowStride: strideOf(firstBias, 2) * 4,
      biasKeyStride: strideOf(firstBias, 3) * 4,
      secondBiasBatchStride: strideOf(secondBias, 0) * 4,
      secondBiasHeadStride: strideOf(secondBias, 1) * 4,
      secondBiasRowStride: strideOf(secondBias, 2) * 4,
      secondBiasKeyStride: strideOf(secondBias, 3) * 4,
    },
    {
      tiles: B * K * cut.tilesPerGroup,
      steps: Math.max(1, Math.ceil(S / cut.keysPerStep)),
      scratch: cut.scratch,
      work: 2 * B * H * L * S * (E + V),
    },
  );
}

function strideOf(mask: SpreadMask | undefined, dimension: number): number {
  return mask === undefined ? 0 : mask.strides[dimension]!;
}

/** A number for each batch entry, absent where it is the same for all. */
function perEntry(program: Program, numbers: readonly number[], usual: number): Operand | undefined {
  for (const n of numbers) {
    if (n !== usual) return program.input(Int32Array.from(numbers));
  }
  return undefined;
}

/** How many panels a tile holds, and how many keys a step. Neither changes a bit of any row. */
function cutAttention({ B, H, K, L, E, V }: AttentionShape): {
  panels: number;
  tilesPerGroup: number;
  keysPerStep: number;
  scratch: number;
} {
  const groupPanels = K === 0 ? 0 : Math.ceil(((H / K) * L) / PANEL);
  const panelBytes = PANEL_HEADER + (E + V) * PANEL * 4;
  const blockBytes = KEY_BLOCK * PANEL * 4;
  const fitting = Math.max(1, Math.floor((MOST_SCRATCH - blockBytes) / panelBytes));
  const panels = Math.max(
    1,
    Math.min(MOST_PANELS, fitting, Math.floor((B * K * groupPanels) / ENOUGH_TILES)),
  );
  const keyWork = 2 * panels * PANEL * Math.max(1, E + V);
  return {
    panels,
    tilesPerGroup: Math.ceil(groupPanels / panels),
    keysPerStep: Math.max(1, Math.floor(STEP_WORK / keyWork / KEY_BLOCK)) * KEY_BLOCK,
    scratch: blockBytes + panels * panelBytes,
  };
}
