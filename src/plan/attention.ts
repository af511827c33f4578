// Which kernel runs an attention, in which pieces. Pure: sizes in, program out.

import { cacheTypes, widenedSize } from "../cache/page-format.ts";
import { pageParameters } from "../cache/page-table.ts";
import { KEY_BLOCK, type KernelSizes } from "../engine/generated/kernels.ts";
import { type Operand, PanelProgram } from "../engine/program.ts";
import type { AttentionProblem } from "../validate/attention.ts";
import { type HeadLayout, type HeadView, headLayout } from "../validate/heads.ts";
import type { SpreadMask } from "../validate/mask.ts";
import { type BucketTable, relativeBucket } from "../validate/relative-bias.ts";
import { addMerge } from "./merge.ts";

/** Where results go; those that are absent are not made. */
export interface AttentionTargets {
  readonly output: Float32Array;
  readonly outputLayout: HeadLayout;
  readonly logSumExp?: Float32Array;
  readonly weights?: Float32Array;
  readonly scores?: Float32Array;
  /** Which scores. */
  readonly scoreStage?: ScoreStage;
}

/** Stages at which scores can be asked for, in the kernel's numbers. */
export type ScoreStage = "scaled" | "capped" | "biased";
const scoreStages: readonly ScoreStage[] = ["scaled", "capped", "biased"];

/** Queries whose panels share a pass over the keys: they read a key from memory 24 times less often than 8. */
const MOST_QUERIES = 192;
/** Enough tiles that threads end together; only beyond that a tile takes more panels. */
const ENOUGH_TILES = 64;
/** A step of a tile stays under a millisecond: at 25 GFLOP/s this many operations. */
const STEP_WORK = 2e7;
const MOST_SCRATCH = 1024 * 1024;

/** So few tiles leave threads idle: several tiles then share the keys of a group, each with enough for a pass. */
const FEW_TILES = 8;
const MOST_PARTS = 32;
const LEAST_KEYS_PER_PART: number = 8 * KEY_BLOCK;

/** Wider than any key length, and small enough to be added to a position. */
const UNBOUNDED: number = 2 ** 30;

const similarities = ["dot", "cosine", "root-norm"] as const;

/** The program of a checked attention. */
export function planAttention(
  problem: AttentionProblem,
  targets: AttentionTargets,
  sizes: KernelSizes,
): PanelProgram {
  const program = new PanelProgram("scaledDotProductAttention", sizes);
  const input = ({ data }: HeadView): Operand | undefined =>
    problem.pages ? undefined : program.input(data as Float32Array);
  addAttention(
    program,
    problem,
    {
      query: program.input(problem.query.data as Float32Array),
      key: input(problem.key),
      value: input(problem.value),
      output: program.output(targets.output),
      logSumExp: targets.logSumExp && program.output(targets.logSumExp),
      weights: targets.weights && program.output(targets.weights),
      scores: targets.scores && program.output(targets.scores),
    },
    targets.outputLayout,
    targets.scoreStage,
  );
  return program;
}

/** Operands of an attention, inside a program of its own or of a layer. */
export interface AttentionOperands {
  readonly query: Operand;
  /** Absent where they lie in the pages of a cache. */
  readonly key?: Operand;
  readonly value?: Operand;
  readonly output: Operand;
  readonly logSumExp?: Operand;
  /** Of parts: sums of exponentials, beside their maxima in logSumExp. */
  readonly sums?: Operand;
  readonly weights?: Operand;
  readonly scores?: Operand;
}

/** An attention without its data: in a layer the projections write it. */
export interface AttentionShape extends Omit<AttentionProblem, "query" | "key" | "value"> {
  readonly query: HeadLayout;
  readonly key: HeadLayout;
  readonly value: HeadLayout;
}

/** Adds an attention to a program: one stage, or where few tiles have many keys, parts of the keys and their merge. */
export function addAttention(
  program: PanelProgram,
  problem: AttentionShape,
  operands: AttentionOperands,
  output: HeadLayout,
  scoreStage: ScoreStage = "scaled",
): void {
  const cut = cutAttention(problem, program.sizes);
  const parts = countParts(problem, operands, program.sizes.panel);
  if (parts === 1) {
    addStage(program, problem, operands, output, scoreStage, cut, whole);
    return;
  }
  const { B, H, L, V } = problem;
  const rows = B * H * L;
  const shares: Shares = { parts, outputBytes: rows * V * 4, rowBytes: rows * 4 };
  const outputs = program.temporary(parts * shares.outputBytes);
  const maxima = program.temporary(parts * shares.rowBytes);
  const sums = program.temporary(parts * shares.rowBytes);
  const partLayout = headLayout("BHLE", [B, H, L, V]);
  const ofParts = { ...operands, output: outputs, logSumExp: maxima, sums };
  addStage(program, problem, ofParts, partLayout, scoreStage, cut, shares);
  addMerge(program, {
    parts: Array.from({ length: parts }, (_, part) => ({
      output: program.within(outputs, part * shares.outputBytes),
      logSumExp: program.within(maxima, part * shares.rowBytes),
      sums: program.within(sums, part * shares.rowBytes),
    })),
    partLayout,
    output: operands.output,
    outputLayout: output,
    logSumExp: operands.logSumExp,
  });
}

/** How the keys of a group are shared among tiles. */
interface Shares {
  readonly parts: number;
  /** Of one part: its output, and its maxima or sums. */
  readonly outputBytes: number;
  readonly rowBytes: number;
}

const whole: Shares = { parts: 1, outputBytes: 0, rowBytes: 0 };

/** By an entry's own shape alone: neither the number of threads nor what else is in the batch changes a bit. */
function countParts(problem: AttentionShape, operands: AttentionOperands, panel: number): number {
  const { H, K, L, S, window, packed } = problem;
  const bounded = window[0] >= 0 || packed !== undefined;
  if (bounded || operands.weights !== undefined || operands.scores !== undefined) return 1;
  if (S < 2 * LEAST_KEYS_PER_PART) return 1;
  const tiles = Math.max(1, K * Math.ceil((H * L) / Math.max(1, K) / panel));
  return Math.min(MOST_PARTS, Math.ceil(FEW_TILES / tiles));
}

function addStage(
  program: PanelProgram,
  problem: AttentionShape,
  operands: AttentionOperands,
  output: HeadLayout,
  scoreStage: ScoreStage,
  cut: Cut,
  shares: Shares,
): void {
  const { B, H, K, L, S, E, V, scale, similarity, query, key, value, mask, bias, window, packed } = problem;
  const { blockMask, relativeBias, softcap, pages } = problem;
  const paged = pages && pageParameters(program, pages);
  const offsets = problem.offsets.map((offset) => Math.max(-UNBOUNDED, Math.min(UNBOUNDED, offset)));
  const booleanMask = mask?.boolean ? mask : undefined;
  const additiveMask = mask?.boolean ? undefined : mask;
  const firstBias = additiveMask ?? bias;
  const secondBias = additiveMask && bias;
  const plain = isPlain(problem);
  // One literal without spreads: V8 makes a record of it, where a spread of this size becomes a hash table.
  program.stage(
    "attention",
    {
      query: operands.query,
      key: operands.key,
      value: operands.value,
      output: operands.output,
      logSumExp: operands.logSumExp,
      sums: operands.sums,
      weights: operands.weights,
      scores: operands.scores,
      mask: booleanMask && program.input(booleanMask.data),
      bias: firstBias && program.input(firstBias.data),
      secondBias: secondBias && program.input(secondBias.data),
      slopes: perHead(program, problem.alibiSlopes),
      sinks: perHead(program, problem.sinks),
      relativeBias: relativeBias && program.input(biasByDistance(relativeBias)),
      blockKinds: blockMask && program.input(blockMask.kinds),
      blockBytes: blockMask && program.input(blockMask.bytes),
      offsets: perEntry(program, offsets, offsets[0] ?? 0),
      lengths: perEntry(program, problem.lengths, S),
      queryStarts: packed && program.input(Int32Array.from(packed.queryStarts)),
      keyStarts: packed && program.input(Int32Array.from(packed.keyStarts)),
      tiles: cut.tiles && program.input(cut.tiles),
      pages: paged?.pages,
      firstPages: paged?.firstPages,
      held: operands.scores && pages && perEntry(program, pages.lengths, S),
      kvHeads: K,
      group: K === 0 ? 0 : H / K,
      queryLength: L,
      keyLength: S,
      headSize: E,
      valueSize: V,
      panels: cut.panels,
      tilesPerGroup: cut.tilesPerGroup,
      keysPerStep: cut.keysPerStep,
      parts: shares.parts,
      leastKeysPerPart: LEAST_KEYS_PER_PART,
      similarity: similarities.indexOf(similarity),
      offset: offsets[0] ?? 0,
      finalScores: plain ? 0 : 1,
      scoreStage: scoreStages.indexOf(scoreStage),
      left: Math.min(window[0], UNBOUNDED),
      // Causality is a window that ends at the query itself.
      right: problem.causal ? 0 : Math.min(window[1], UNBOUNDED),
      relativeReach: relativeBias?.maxDistance ?? 0,
      blockSize: blockMask?.blockSize ?? 1,
      blockColumns: blockMask?.columns ?? 0,
      pageColumns: paged?.pageColumns ?? 0,
      storage: pages ? cacheTypes.indexOf(pages.format.type) : 0,
      scale,
      softcap,
      rowsBatchStride: packed ? 0 : H * L,
      rowsHeadStride: packed ? query.length : L,
      queryBatchStride: query.batchStride * 4,
      queryHeadStride: query.headStride * 4,
      queryRowStride: query.rowStride * 4,
      keyBatchStride: key.batchStride * 4,
      keyHeadStride: key.headStride * 4,
      keyRowStride: (pages ? widenedSize(pages.format.type, E) : key.rowStride) * 4,
      valueBatchStride: value.batchStride * 4,
      valueHeadStride: value.headStride * 4,
      valueRowStride: (pages ? widenedSize(pages.format.type, V) : value.rowStride) * 4,
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
      blockBatchStride:
        blockMask && blockMask.B > 1 ? blockMask.H * blockMask.rows * blockMask.columns * 4 : 0,
      blockHeadStride: blockMask && blockMask.H > 1 ? blockMask.rows * blockMask.columns * 4 : 0,
      partOutputBytes: shares.outputBytes,
      partRowBytes: shares.rowBytes,
      storedKeyBytes: paged?.storedKeyBytes,
      storedValueBytes: paged?.storedValueBytes,
      pageValuesBytes: paged?.pageValuesBytes,
      pageKeyScalesBytes: paged?.pageKeyScalesBytes,
      pageValueScalesBytes: paged?.pageValueScalesBytes,
    },
    {
      tiles: cut.tiles ? cut.tiles.length / 2 : B * K * cut.tilesPerGroup * shares.parts,
      // Once more over the keys where weights are asked for.
      steps: (operands.weights === undefined ? 1 : 2) * Math.max(1, Math.ceil(S / cut.keysPerStep)),
      scratch: cut.scratch,
      work: 2 * B * H * L * S * (E + V),
    },
  );
}

function strideOf(mask: SpreadMask | undefined, dimension: number): number {
  return mask === undefined ? 0 : mask.strides[dimension]!;
}

/** A number for each batch entry, absent where it is the same for all. */
function perEntry(program: PanelProgram, numbers: readonly number[], usual: number): Operand | undefined {
  for (const n of numbers) {
    if (n !== usual) return program.input(Int32Array.from(numbers));
  }
  return undefined;
}

/** Nothing to do to the scores but to scale them and to leave out keys by their range. */
function isPlain({
  mask,
  bias,
  similarity,
  scale,
  softcap,
  alibiSlopes,
  relativeBias,
  blockMask,
}: AttentionShape): boolean {
  const added = mask ?? bias ?? alibiSlopes ?? relativeBias ?? blockMask;
  return added === undefined && similarity === "dot" && softcap === 0 && Math.fround(scale) > 0;
}

function perHead(program: PanelProgram, numbers: readonly number[] | undefined): Operand | undefined {
  return numbers && program.input(Float32Array.from(numbers));
}

/** T5's table by bucket, spread out by distance: one row a head, from -maxDistance to maxDistance. */
function biasByDistance({ data, heads, buckets, bidirectional, maxDistance }: BucketTable): Float32Array {
  const width = 2 * maxDistance + 1;
  const rows = new Float32Array(heads * width);
  for (let distance = -maxDistance; distance <= maxDistance; distance++) {
    const bucket = relativeBucket(distance, buckets, bidirectional, maxDistance);
    for (let h = 0; h < heads; h++) rows[h * width + distance + maxDistance] = data[bucket * heads + h]!;
  }
  return rows;
}

/** How many panels a tile holds, and how many keys a step. Neither changes a bit of any row. */
interface Cut {
  readonly panels: number;
  readonly tilesPerGroup: number;
  readonly keysPerStep: number;
  readonly scratch: number;
  readonly tiles: Uint32Array | undefined;
}

function cutAttention(problem: AttentionShape, { panel, panelHeader }: KernelSizes): Cut {
  const { B, H, K, L, E, V, packed } = problem;
  const group = K === 0 ? 0 : H / K;
  const groupPanels = Math.ceil((group * L) / panel);
  const allPanels = packed ? Math.ceil((H * problem.query.length) / panel) : B * K * groupPanels;
  const panelBytes = panelHeader + (E + V) * panel * 4;
  const blockBytes = 2 * KEY_BLOCK * panel * 4 + widenedBytes(problem);
  const fitting = Math.max(1, Math.floor((MOST_SCRATCH - blockBytes) / panelBytes));
  const panels = Math.max(
    1,
    Math.min(Math.floor(MOST_QUERIES / panel), fitting, Math.floor(allPanels / ENOUGH_TILES)),
  );
  const keyWork = 2 * panels * panel * Math.max(1, E + V);
  return {
    panels,
    tilesPerGroup: Math.ceil(groupPanels / panels),
    keysPerStep: Math.max(1, Math.floor(STEP_WORK / keyWork / KEY_BLOCK)) * KEY_BLOCK,
    scratch: blockBytes + panels * panelBytes,
    tiles: packed && packedTiles(packed.queryStarts, K, group, panels * panel),
  };
}

/** Room for a block of keys and values in float32, where a cache stores less. */
function widenedBytes({ E, V, pages }: AttentionShape): number {
  if (pages === undefined || pages.format.type === "float32") return 0;
  return KEY_BLOCK * (widenedSize(pages.format.type, E) + widenedSize(pages.format.type, V)) * 4;
}

/** Group (entry * K + key/value head) and first row of each tile of packed sequences. */
function packedTiles(starts: readonly number[], K: number, group: number, rowsPerTile: number): Uint32Array {
  const tiles: number[] = [];
  for (let b = 0; b + 1 < starts.length; b++) {
    const rows = group * (starts[b + 1]! - starts[b]!);
    for (let k = 0; k < K; k++) {
      for (let row = 0; row < rows; row += rowsPerTile) tiles.push(b * K + k, row);
    }
  }
  return Uint32Array.from(tiles);
}
