// How attention over parts of the keys is merged. Pure: sizes in, program out.

import { Program } from "../engine/program.ts";
import type { MergeProblem } from "../validate/merge.ts";

/** Elements of all parts that a tile reads: some tens of microseconds. */
const TILE_ELEMENTS = 65536;
/** Rows whose weights are taken together. */
const LANES = 4;
/** Operations that the weight of a row in a part takes, counting the exponential. */
const WEIGHT_WORK = 40;

/** The program of a checked merge. */
export function planMerge(
  { parts, layout }: MergeProblem,
  targets: { readonly output: Float32Array; readonly logSumExp: Float32Array },
): Program {
  const program = new Program("mergeAttention");
  const { batch, heads, length, size } = layout;
  const rows = batch * heads * length;
  const elements = parts.length * Math.max(1, size);
  const rowsPerTile = Math.max(1, Math.floor(TILE_ELEMENTS / elements / LANES)) * LANES;
  const addressesOf = (name: "output" | "logSumExp") =>
    program.addressTable(parts.map((part) => program.input(part[name] as Float32Array)));
  program.stage(
    "merge",
    {
      outputs: addressesOf("output"),
      logSumExps: addressesOf("logSumExp"),
      output: program.output(targets.output),
      logSumExp: program.output(targets.logSumExp),
      parts: parts.length,
      rows,
      rowsPerTile,
      heads,
      queryLength: length,
      valueSize: size,
      batchStride: layout.batchStride * 4,
      headStride: layout.headStride * 4,
      rowStride: layout.rowStride * 4,
    },
    {
      tiles: Math.ceil(rows / rowsPerTile),
      scratch: SCRATCH_HEADER + parts.length * SCRATCH_PART,
      work: rows * parts.length * (2 * size + WEIGHT_WORK),
    },
  );
  return program;
}

/** Scratch of a tile, bytes: maxima and sums of four rows; for each part their weights, and a term of one row. */
const SCRATCH_HEADER = 2 * LANES * 4;
const SCRATCH_PART = LANES * 4 + 8;
