// How attention over parts of the keys is merged. Pure: sizes in, program out.

import { type Operand, Program } from "../engine/program.ts";
import type { HeadLayout } from "../validate/heads.ts";
import type { MergeProblem } from "../validate/merge.ts";

/** Elements of all parts that a tile reads: some tens of microseconds. */
const TILE_ELEMENTS = 65536;
/** Rows whose weights are taken together. */
const LANES = 4;
/** Operations that the weight of a row in a part takes, counting the exponential. */
const WEIGHT_WORK = 40;

/** One part, as operands. */
export interface PartOperands {
  /** Rows of V, as the layout of the parts says. */
  readonly output: Operand;
  /** A float a row, `[B, H, L]`: its logSumExp, or its maximum where there are sums. */
  readonly logSumExp: Operand;
  /** A float a row: its sum of exponentials, in all parts or in none. */
  readonly sums?: Operand;
}

/** A merge inside a program: parts may lie anywhere, also within one operand. */
export interface Merge {
  readonly parts: readonly PartOperands[];
  /** Sizes of all outputs, and the strides of the parts'. */
  readonly partLayout: HeadLayout;
  readonly output: Operand;
  readonly outputLayout: HeadLayout;
  readonly logSumExp?: Operand;
}

/** The program of a checked merge. */
export function planMerge(
  { parts, layout }: MergeProblem,
  targets: { readonly output: Float32Array; readonly logSumExp: Float32Array },
): Program {
  const program = new Program("mergeAttention");
  addMerge(program, {
    parts: parts.map(({ output, logSumExp }) => ({
      output: program.input(output as Float32Array),
      logSumExp: program.input(logSumExp as Float32Array),
    })),
    partLayout: layout,
    output: program.output(targets.output),
    outputLayout: layout,
    logSumExp: program.output(targets.logSumExp),
  });
  return program;
}

/** Adds a merge to a program. */
export function addMerge(program: Program, { parts, partLayout, outputLayout, ...operands }: Merge): void {
  const { batch, heads, length, size } = partLayout;
  const rows = batch * heads * length;
  const elements = parts.length * Math.max(1, size);
  const rowsPerTile = Math.max(1, Math.floor(TILE_ELEMENTS / elements / LANES)) * LANES;
  const hasSums = parts.some(({ sums }) => sums !== undefined);
  program.stage(
    "merge",
    {
      outputs: program.addressTable(parts.map(({ output }) => output)),
      logSumExps: program.addressTable(parts.map(({ logSumExp }) => logSumExp)),
      sums: hasSums ? program.addressTable(parts.map(({ sums }) => sums!)) : undefined,
      output: operands.output,
      logSumExp: operands.logSumExp,
      parts: parts.length,
      rows,
      rowsPerTile,
      heads,
      queryLength: length,
      valueSize: size,
      partBatchStride: partLayout.batchStride * 4,
      partHeadStride: partLayout.headStride * 4,
      partRowStride: partLayout.rowStride * 4,
      outputBatchStride: outputLayout.batchStride * 4,
      outputHeadStride: outputLayout.headStride * 4,
      outputRowStride: outputLayout.rowStride * 4,
    },
    {
      tiles: Math.ceil(rows / rowsPerTile),
      scratch: SCRATCH_HEADER + parts.length * SCRATCH_PART,
      work: rows * parts.length * (2 * size + WEIGHT_WORK),
    },
  );
}

/** Scratch of a tile, bytes: maxima and sums of four rows; for each part their weights, and a term of one row. */
const SCRATCH_HEADER = 2 * LANES * 4;
const SCRATCH_PART = LANES * 4 + 8;
