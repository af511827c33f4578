// How a linear attention is cut into tiles and steps. Pure: sizes in, program out.

import type { Operand, PanelProgram } from "../engine/program.ts";
import type { HeadLayout } from "../validate/heads.ts";

/** A linear attention as a program sees it: sizes, strides in elements, and what is where. */
export interface LinearAttentionShape {
  readonly B: number;
  readonly H: number;
  readonly K: number;
  readonly L: number;
  readonly E: number;
  readonly V: number;
  readonly query: LocatedHeads;
  readonly key: LocatedHeads;
  readonly value: LocatedHeads;
  readonly output: LocatedHeads;
  /** Logarithms of what is kept: rows of E numbers, or of 1. Absent: nothing is forgotten. */
  readonly decay: LocatedHeads | undefined;
  /** Rows of 1: the delta rule. */
  readonly beta: LocatedHeads | undefined;
  /** Rows of E, with beta. */
  readonly eraseGate: LocatedHeads | undefined;
  /** `[B, K, E, V]`, or absent = zeros. Not the memory that the state after the last token goes to. */
  readonly pastState: Operand | undefined;
  /** `[B, K, E, V]`, or absent where nobody asks for it. */
  readonly presentState: Operand | undefined;
  readonly scale: number;
}

/** Heads of rows, and the operand that holds them. */
export interface LocatedHeads {
  readonly operand: Operand;
  readonly layout: HeadLayout;
}

/** Where there are fewer heads, they are cut by columns. Each tile works out the gates for itself, so not finer. */
const ENOUGH_TILES = 16;
/** A tile's part of the state stays in the L2 cache, beside what streams by. */
const MOST_STATE_BYTES = 128 * 1024;
/** A tile of fewer operations (some 20 us) is not worth having. */
const LEAST_TILE_WORK = 4e5;
/** A step of a tile stays under a millisecond: at 10 GFLOP/s and more, this many operations. */
const STEP_WORK = 1e7;
/** A row for each of some tokens, which all strips use: four such, of keys, queries and gates, are in the L2 cache. */
const BLOCK_BYTES = 16 * 1024;
/** Panel rows of a token, and of up to 6 query heads. */
const LANE_ROWS: number = 4 + 6;

/** Adds a linear attention to a program. */
export function addLinearAttention(program: PanelProgram, a: LinearAttentionShape): void {
  const { B, H, K, L, E, V, query, key, value, output, decay, beta, eraseGate } = a;
  const cut = cutLinearAttention(a, program.sizes.panel);
  program.stage(
    "linearAttention",
    {
      query: query.operand,
      key: key.operand,
      value: value.operand,
      output: output.operand,
      decay: decay?.operand,
      beta: beta?.operand,
      eraseGate: eraseGate?.operand,
      pastState: a.pastState,
      presentState: a.presentState,
      kvHeads: K,
      group: K === 0 ? 0 : H / K,
      tokens: L,
      headSize: E,
      valueSize: V,
      decaySize: decay?.layout.size ?? 0,
      columnsPerTile: cut.columnsPerTile,
      columnTiles: cut.columnTiles,
      tokensPerStep: cut.tokensPerStep,
      tokensPerBlock: cut.tokensPerBlock,
      scale: a.scale,
      queryBatchStride: query.layout.batchStride * 4,
      queryHeadStride: query.layout.headStride * 4,
      queryRowStride: query.layout.rowStride * 4,
      keyBatchStride: key.layout.batchStride * 4,
      keyHeadStride: key.layout.headStride * 4,
      keyRowStride: key.layout.rowStride * 4,
      valueBatchStride: value.layout.batchStride * 4,
      valueHeadStride: value.layout.headStride * 4,
      valueRowStride: value.layout.rowStride * 4,
      outputBatchStride: output.layout.batchStride * 4,
      outputHeadStride: output.layout.headStride * 4,
      outputRowStride: output.layout.rowStride * 4,
      decayBatchStride: bytes(decay?.layout.batchStride),
      decayHeadStride: bytes(decay?.layout.headStride),
      decayRowStride: bytes(decay?.layout.rowStride),
      betaBatchStride: bytes(beta?.layout.batchStride),
      betaHeadStride: bytes(beta?.layout.headStride),
      betaRowStride: bytes(beta?.layout.rowStride),
      eraseGateBatchStride: bytes(eraseGate?.layout.batchStride),
      eraseGateHeadStride: bytes(eraseGate?.layout.headStride),
      eraseGateRowStride: bytes(eraseGate?.layout.rowStride),
    },
    {
      tiles: B * K * cut.columnTiles,
      steps: Math.max(1, Math.ceil(L / cut.tokensPerStep)),
      scratch: cut.scratch,
      work: B * K * L * V * cut.columnWork,
    },
  );
}

function bytes(stride: number | undefined): number {
  return (stride ?? 0) * 4;
}

/** None of these sizes changes a bit of any result. */
function cutLinearAttention(
  { B, H, K, L, E, V, decay, beta }: LinearAttentionShape,
  panel: number,
): {
  columnsPerTile: number;
  columnTiles: number;
  tokensPerStep: number;
  tokensPerBlock: number;
  columnWork: number;
  scratch: number;
} {
  // A strip is a panel of columns.
  const strips = Math.ceil(V / panel);
  // Of a token on a column: write, read by each query head, forget, retrieve.
  const columnWork = E * (2 + (2 * H) / Math.max(1, K) + (decay ? 1 : 0) + (beta ? 2 : 0));
  const wanted = Math.min(
    Math.ceil(ENOUGH_TILES / Math.max(1, B * K)),
    Math.ceil((L * V * columnWork) / LEAST_TILE_WORK),
  );
  const fitting = Math.max(1, Math.floor(MOST_STATE_BYTES / Math.max(1, E * panel * 4)));
  const stripsPerTile = Math.max(1, Math.min(fitting, Math.ceil(strips / Math.max(1, wanted))));
  const columnsPerTile = stripsPerTile * panel;
  // Multiples of 16, so that no row of a strip lies across two lines of the cache.
  const tokensPerBlock = Math.max(1, Math.min(8, Math.floor(BLOCK_BYTES / Math.max(1, E * 64)))) * 16;
  const stepTokens = STEP_WORK / Math.max(1, columnsPerTile * columnWork);
  return {
    columnsPerTile,
    columnTiles: Math.ceil(strips / stripsPerTile),
    tokensPerStep: Math.max(1, Math.floor(stepTokens / tokensPerBlock)) * tokensPerBlock,
    tokensPerBlock,
    columnWork,
    scratch: (LANE_ROWS * panel + (2 * tokensPerBlock + columnsPerTile) * E) * 4,
  };
}
