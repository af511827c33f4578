// Statistics of an attention as a program: what belongs to rows straight from the kernel, what belongs to heads as shares of
// some tiles, which products with ones add up. Pure: sizes in, program out.

import { KEY_BLOCK, type KernelSizes, STATISTICS_FIELDS } from "../engine/generated/kernels.ts";
import { type Operand, PanelProgram } from "../engine/program.ts";
import type { AttentionProblem } from "../validate/attention.ts";
import type { HeadLayout, HeadView } from "../validate/heads.ts";
import {
  addInputs,
  attentionParameters,
  MOST_QUERIES,
  MOST_SCRATCH,
  panelBytesOf,
  STEP_WORK,
  unshared,
  widenedBytes,
} from "./attention.ts";
import { addProduct } from "./matmul.ts";

/** Where the statistics go. */
export interface StatisticsTargets {
  readonly output: Float32Array;
  readonly outputLayout: HeadLayout;
  readonly logSumExp: Float32Array;
  readonly entropy: Float32Array;
  /** 32-bit integers, as the floats of the same bits. */
  readonly topKeys: Float32Array;
  readonly topWeights: Float32Array;
  readonly keyMass: Float32Array;
  readonly diagonalMass: Float32Array;
}

/** Tiles of an entry: enough that threads end together. Each has columns and diagonals of its own. */
const ENOUGH_TILES = 64;
/** The most of one head: what they add up is so many times what is returned. */
const MOST_TILES = 16;
/** What is done with a weight takes as long as this many operations. */
const WEIGHT_WORK = 64;

/** The program of a checked call. */
export function planStatistics(
  problem: AttentionProblem,
  topK: number,
  targets: StatisticsTargets,
  sizes: KernelSizes,
): PanelProgram {
  const program = new PanelProgram("attentionStatistics", sizes);
  const input = ({ data }: HeadView): Operand | undefined =>
    problem.pages ? undefined : program.input(data as Float32Array);
  const { B, H, L, S, E, V } = problem;
  const cut = cutStatistics(problem, topK, sizes);
  const width = Math.max(0, 2 * S + L - 1);
  const masses = program.temporary(B * H * cut.tilesPerHead * width * 4);
  const operands = {
    query: program.input(problem.query.data as Float32Array),
    key: input(problem.key),
    value: input(problem.value),
    output: program.output(targets.output),
    logSumExp: program.output(targets.logSumExp),
  };
  const tiles = B * H * cut.tilesPerHead;
  const attention = {
    ...cut,
    count: tiles,
    tilesPerGroup: (cut.tilesPerHead * H) / (problem.K || 1),
    tiles: undefined,
  };
  const inputs = addInputs(program, problem);
  program.stage(
    "attentionStatistics",
    {
      ...attentionParameters(
        program,
        problem,
        operands,
        inputs,
        targets.outputLayout,
        "scaled",
        attention,
        unshared,
      ),
      entropies: program.output(targets.entropy),
      edgeKeys: program.output(targets.topKeys),
      edgeWeights: program.output(targets.topWeights),
      masses,
      edges: topK,
      panelsPerTile: cut.panelsPerTile,
    },
    {
      tiles,
      steps: 2 * Math.ceil(cut.panelsPerTile / cut.panels) * Math.max(1, Math.ceil(S / cut.keysPerStep)),
      scratch: cut.scratch,
      work: 2 * B * H * L * S * (2 * E + V + WEIGHT_WORK),
    },
  );
  const add = (first: number, columns: number, result: Float32Array): void =>
    addProduct(program, {
      rows: 1,
      columns,
      depth: cut.tilesPerHead,
      batch: B * H,
      a: program.input(new Float32Array(cut.tilesPerHead).fill(1)),
      b: program.within(masses, first * 4),
      result: program.output(result),
      scale: 1,
      aRowStride: cut.tilesPerHead,
      aDepthStride: 1,
      bDepthStride: width,
      bColumnStride: 1,
      packed: false,
      bBatchStride: cut.tilesPerHead * width,
    });
  program.together(() => {
    add(0, S, targets.keyMass);
    add(S, width - S, targets.diagonalMass);
  });
  return program;
}

/** How rows are shared among tiles, by the entry's own shape: it decides in which order columns are added. */
function cutStatistics(
  problem: AttentionProblem,
  topK: number,
  sizes: KernelSizes,
): {
  readonly tilesPerHead: number;
  readonly panelsPerTile: number;
  readonly panels: number;
  readonly keysPerStep: number;
  readonly scratch: number;
} {
  const { H, L, E, V } = problem;
  const { panel } = sizes;
  const headPanels = Math.ceil(L / panel);
  const wanted = Math.max(1, Math.min(MOST_TILES, Math.ceil(ENOUGH_TILES / Math.max(1, H))));
  const panelsPerTile = Math.max(1, Math.ceil(headPanels / wanted));
  const blockBytes = 2 * KEY_BLOCK * panel * 4 + widenedBytes(problem);
  const panelBytes = panelBytesOf(problem, sizes) + (STATISTICS_FIELDS + 2 * topK) * panel * 4;
  const fitting = Math.max(1, Math.floor((MOST_SCRATCH - blockBytes) / panelBytes));
  const panels = Math.min(panelsPerTile, fitting, MOST_QUERIES / panel);
  const keyWork = 2 * panels * panel * (E + V + WEIGHT_WORK);
  return {
    tilesPerHead: Math.ceil(headPanels / panelsPerTile),
    panelsPerTile,
    panels,
    keysPerStep: Math.max(1, Math.floor(STEP_WORK / keyWork / KEY_BLOCK)) * KEY_BLOCK,
    scratch: blockBytes + panels * panelBytes,
  };
}
