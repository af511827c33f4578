// Which kernel runs an attention, in which pieces. Pure: sizes in, program out.

import { cacheTypes, widenedSize } from "../cache/page-format.ts";
import { pageParameters } from "../cache/page-table.ts";
import { FEW, KEY_BLOCK, type KernelSizes, PART_KEYS } from "../engine/generated/kernels.ts";
import type { AttentionParameters } from "../engine/generated/parameters.ts";
import { type Operand, PanelProgram } from "../engine/program.ts";
import type { AttentionProblem } from "../validate/attention.ts";
import type { HeadLayout, HeadView } from "../validate/heads.ts";
import type { SpreadMask } from "../validate/mask.ts";
import { type BucketTable, relativeBucket } from "../validate/relative-bias.ts";

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
export const MOST_QUERIES: number = 192;
/** Enough tiles that threads end together; only beyond that a tile takes more panels. */
const ENOUGH_TILES = 64;
/** A step of a tile stays under a millisecond: at 25 GFLOP/s this many operations. */
export const STEP_WORK: number = 2e7;
export const MOST_SCRATCH: number = 1024 * 1024;

/** So few tiles leave threads idle: up to that, tiles share the parts of the keys, where there is more than a little beyond the first. */
const FEW_TILES = 16;
const LEAST_KEYS_TO_SHARE = 960;
/** What parts may leave for the stage that joins them: 16,384 keys of 64 panels of 128 columns are within it. */
const MOST_RECORD_BYTES: number = 16 * 1024 * 1024;

/** Keys and values of a call beyond this are not found in a cache of the processor. */
const FAR_BYTES: number = 6 * 1024 * 1024;

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
  readonly weights?: Operand;
  readonly scores?: Operand;
  /** A factor on the output of each entry's heads, `[B, H]`. */
  readonly headFactors?: Operand;
}

/** An attention without its data: in a layer the projections write it. */
export interface AttentionShape extends Omit<AttentionProblem, "query" | "key" | "value"> {
  readonly query: HeadLayout;
  readonly key: HeadLayout;
  readonly value: HeadLayout;
}

/** Adds an attention to a program: one stage, or where few tiles have many keys, parts of the keys and what joins them. */
export function addAttention(
  program: PanelProgram,
  problem: AttentionShape,
  operands: AttentionOperands,
  output: HeadLayout,
  scoreStage: ScoreStage = "scaled",
): void {
  const parts = partsToShare(problem, operands);
  const cut = cutAttention(problem, program.sizes, parts);
  const inputs = addInputs(program, problem, cut.tiles);
  const add = (sharing: Sharing) =>
    addStage(program, problem, operands, inputs, output, scoreStage, cut, sharing);
  const sharing = shareKeys(program, problem.V, parts, cut);
  add(sharing);
  if (sharing.records !== undefined) add({ ...sharing, joins: true });
}

/** Whether tiles share the parts of the keys: what these leave, and whether this stage joins it. */
export interface Sharing {
  readonly parts: number;
  readonly partsPerTile: number;
  readonly records: Operand | undefined;
  readonly joins: boolean;
}

/** A tile has all keys of its queries. */
export const unshared: Sharing = { parts: 1, partsPerTile: 1, records: undefined, joins: false };

/** Parts of the keys that tiles may share; 1 where a tile has to see all keys of its queries, or there are few. */
function partsToShare({ S, window }: AttentionShape, { weights, scores }: AttentionOperands): number {
  const whole = weights !== undefined || scores !== undefined || window[0] >= 0;
  return whole || S < LEAST_KEYS_TO_SHARE ? 1 : Math.ceil(S / PART_KEYS);
}

/** Parts are joined in the same order whoever computes them, so this changes no bit: it may look at anything. */
function shareKeys(program: PanelProgram, V: number, parts: number, { count, panels }: Cut): Sharing {
  if (parts === 1 || 2 * count > FEW_TILES) return unshared;
  const partsPerTile = Math.ceil((parts * count) / FEW_TILES);
  const bytes = count * panels * parts * recordBytes(V, program.sizes);
  if (count === 0 || bytes > MOST_RECORD_BYTES) return unshared;
  return { parts, partsPerTile, records: program.temporary(bytes), joins: false };
}

/** What one part leaves of one panel. */
function recordBytes(V: number, { panel }: KernelSizes): number {
  return (2 + V) * panel * 4;
}

/** What belongs to entries, heads and masks, as operands. */
export interface AttentionInputs {
  readonly booleanMask?: SpreadMask;
  readonly firstBias?: SpreadMask;
  readonly secondBias?: SpreadMask;
  readonly mask?: Operand;
  readonly bias?: Operand;
  readonly otherBias?: Operand;
  readonly slopes?: Operand;
  readonly sinks?: Operand;
  readonly relativeBias?: Operand;
  readonly blockKinds?: Operand;
  readonly blockBytes?: Operand;
  readonly offset: number;
  readonly offsets?: Operand;
  readonly lengths?: Operand;
  readonly queryStarts?: Operand;
  readonly keyStarts?: Operand;
  readonly tiles?: Operand;
  readonly paged?: ReturnType<typeof pageParameters>;
}

export function addInputs(
  program: PanelProgram,
  problem: AttentionShape,
  tiles?: Uint32Array,
): AttentionInputs {
  const { S, mask, bias, blockMask, relativeBias, packed, pages } = problem;
  const offsets = problem.offsets.map((offset) => Math.max(-UNBOUNDED, Math.min(UNBOUNDED, offset)));
  const booleanMask = mask?.boolean ? mask : undefined;
  const additiveMask = mask?.boolean ? undefined : mask;
  const firstBias = additiveMask ?? bias;
  const secondBias = additiveMask && bias;
  return {
    booleanMask,
    firstBias,
    secondBias,
    mask: booleanMask && program.input(booleanMask.data),
    bias: firstBias && program.input(firstBias.data),
    otherBias: secondBias && program.input(secondBias.data),
    slopes: perHead(program, problem.alibiSlopes),
    sinks: perHead(program, problem.sinks),
    relativeBias: relativeBias && program.input(biasByDistance(relativeBias)),
    blockKinds: blockMask && program.input(blockMask.kinds),
    blockBytes: blockMask && program.input(blockMask.bytes),
    offset: offsets[0] ?? 0,
    offsets: perEntry(program, offsets, offsets[0] ?? 0),
    lengths: perEntry(program, problem.lengths, S),
    queryStarts: packed && program.input(Int32Array.from(packed.queryStarts)),
    keyStarts: packed && program.input(Int32Array.from(packed.keyStarts)),
    tiles: tiles && program.input(tiles),
    paged: pages && pageParameters(program, pages),
  };
}

function addStage(
  program: PanelProgram,
  problem: AttentionShape,
  operands: AttentionOperands,
  inputs: AttentionInputs,
  output: HeadLayout,
  scoreStage: ScoreStage,
  cut: Cut,
  sharing: Sharing,
): void {
  const { B, H, L, S, E, V } = problem;
  const { parts, partsPerTile, records, joins } = sharing;
  const keys = records === undefined ? S : partsPerTile * PART_KEYS;
  program.stage(
    "attention",
    attentionParameters(program, problem, operands, inputs, output, scoreStage, cut, sharing),
    {
      tiles: joins ? cut.count : cut.count * Math.ceil(parts / partsPerTile),
      // Once more over the keys where weights are asked for.
      steps: joins
        ? 1
        : (operands.weights === undefined ? 1 : 2) * Math.max(1, Math.ceil(keys / cut.keysPerStep)),
      scratch: cut.scratch,
      work: joins ? 4 * B * H * L * parts * V : 2 * B * H * L * S * (E + V),
    },
  );
}

/** The record of an attention. */
export function attentionParameters(
  program: PanelProgram,
  problem: AttentionShape,
  operands: AttentionOperands,
  inputs: AttentionInputs,
  output: HeadLayout,
  scoreStage: ScoreStage,
  cut: Cut,
  { parts, partsPerTile, records, joins }: Sharing,
): AttentionParameters {
  const { B, H, K, L, S, E, V, scale, similarity, query, key, value, window, packed } = problem;
  const { blockMask, relativeBias, softcap, pages } = problem;
  const { booleanMask, firstBias, secondBias, paged } = inputs;
  const plain = isPlain(problem);
  // One literal without spreads: V8 makes a record of it, where a spread of this size becomes a hash table.
  return {
    query: operands.query,
    key: operands.key,
    value: operands.value,
    output: operands.output,
    logSumExp: operands.logSumExp,
    records,
    weights: operands.weights,
    scores: operands.scores,
    mask: inputs.mask,
    bias: inputs.bias,
    secondBias: inputs.otherBias,
    slopes: inputs.slopes,
    sinks: inputs.sinks,
    headFactors: operands.headFactors,
    relativeBias: inputs.relativeBias,
    blockKinds: inputs.blockKinds,
    blockBytes: inputs.blockBytes,
    offsets: inputs.offsets,
    lengths: inputs.lengths,
    queryStarts: inputs.queryStarts,
    keyStarts: inputs.keyStarts,
    tiles: inputs.tiles,
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
    parts,
    partsPerTile,
    joins: joins ? 1 : 0,
    similarity: similarities.indexOf(similarity),
    offset: inputs.offset,
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
    far: B * K * S * (E + V) * 4 > FAR_BYTES ? 1 : 0,
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
    blockBatchStride: blockMask && blockMask.B > 1 ? blockMask.H * blockMask.rows * blockMask.columns * 4 : 0,
    blockHeadStride: blockMask && blockMask.H > 1 ? blockMask.rows * blockMask.columns * 4 : 0,
    storedKeyBytes: paged?.storedKeyBytes,
    storedValueBytes: paged?.storedValueBytes,
    pageValuesBytes: paged?.pageValuesBytes,
    pageKeyScalesBytes: paged?.pageKeyScalesBytes,
    pageValueScalesBytes: paged?.pageValueScalesBytes,
  };
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
export interface Cut {
  /** Tiles, each with all the keys of its queries. */
  readonly count: number;
  readonly panels: number;
  readonly tilesPerGroup: number;
  readonly keysPerStep: number;
  readonly scratch: number;
  readonly tiles: Uint32Array | undefined;
}

function cutAttention(problem: AttentionShape, sizes: KernelSizes, parts: number): Cut {
  const { panel } = sizes;
  const { B, H, K, L, E, V, packed } = problem;
  const group = K === 0 ? 0 : H / K;
  const groupPanels = Math.ceil((group * L) / panel);
  const allPanels = packed ? Math.ceil((H * problem.query.length) / panel) : B * K * groupPanels;
  const panelBytes = panelBytesOf(problem, sizes);
  const blockBytes = 2 * KEY_BLOCK * panel * 4 + widenedBytes(problem);
  const fitting = Math.max(1, Math.floor((MOST_SCRATCH - blockBytes) / panelBytes));
  const most = Math.min(Math.floor(MOST_QUERIES / panel), fitting);
  const together =
    parts > 1 &&
    groupPanels <= most &&
    B * K * parts >= FEW_TILES &&
    allPanels * parts * recordBytes(V, sizes) <= MOST_RECORD_BYTES;
  // Short queries over long keys: a tile for a whole group, so that its keys are read once; what threads lack in tiles, parts make up.
  const panels = together
    ? Math.max(1, groupPanels)
    : Math.max(1, Math.min(most, Math.floor(allPanels / ENOUGH_TILES)));
  const keyWork = 2 * panels * panel * Math.max(1, E + V);
  const tilesPerGroup = Math.ceil(groupPanels / panels);
  const tiles = packed && packedTiles(packed.queryStarts, K, group, panels * panel);
  return {
    count: tiles ? tiles.length / 2 : B * K * tilesPerGroup,
    panels,
    tilesPerGroup,
    keysPerStep: Math.max(1, Math.floor(STEP_WORK / keyWork / KEY_BLOCK)) * KEY_BLOCK,
    scratch: blockBytes + panels * panelBytes,
    tiles,
  };
}

/** Bytes of a panel's state. */
export function panelBytesOf({ S, E, V }: AttentionShape, { panel, panelHeader }: KernelSizes): number {
  return panelHeader + (E + (S > PART_KEYS ? 2 * V : V)) * panel * 4;
}

/** Room for a block of keys and values in float32, where a cache stores less, and for few queries as int16 beside int8. */
export function widenedBytes({ E, V, pages }: AttentionShape): number {
  if (pages === undefined || pages.format.type === "float32") return 0;
  const { type } = pages.format;
  const blocks = KEY_BLOCK * (widenedSize(type, E) + widenedSize(type, V)) * 4;
  return blocks + (type === "int8" ? FEW * widenedSize(type, E) * 2 : 0);
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
