// RMS norm and rotary positions of heads, as a stage. Pure: sizes in, stage out.

import type { Operand, Program } from "../engine/program.ts";

/** Rows of heads, entry by entry, and what turns them. Strides in elements. */
export interface Rotation {
  readonly input: Operand;
  readonly output: Operand;
  readonly entries: number;
  readonly rowsPerEntry: number;
  /** Rows side by side that share a position. */
  readonly rowsPerPosition: number;
  readonly positions: number;
  readonly headSize: number;
  /** From one entry to the next, in input and output alike. */
  readonly entryStride: number;
  readonly tables?: RotationTables;
  readonly norm?: { readonly weight: Float32Array; readonly epsilon: number };
}

/** Cosines and sines `[positions, size / 2]`, or `[entries, positions, size / 2]`. */
export interface RotationTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  /** How much of a head is rotated. */
  readonly size: number;
  readonly interleaved: boolean;
  readonly perEntry: boolean;
}

const TILE_ELEMENTS = 32768;

export function addRotation(program: Program, r: Rotation): void {
  const rows = r.entries * r.rowsPerEntry;
  const rowsPerTile = Math.max(1, Math.floor(TILE_ELEMENTS / Math.max(1, r.headSize)));
  program.stage(
    "rotary",
    {
      input: r.input,
      output: r.output,
      cosines: r.tables && program.input(r.tables.cos),
      sines: r.tables && program.input(r.tables.sin),
      normWeight: r.norm && program.input(r.norm.weight),
      rows,
      rowsPerTile,
      rowsPerEntry: Math.max(1, r.rowsPerEntry),
      rowsPerPosition: r.rowsPerPosition,
      positions: Math.max(1, r.positions),
      tableEntryRows: r.tables?.perEntry ? r.positions : 0,
      headSize: r.headSize,
      rotarySize: r.tables?.size ?? 0,
      interleaved: r.tables?.interleaved ? 1 : 0,
      epsilon: r.norm?.epsilon ?? 0,
      entryStride: r.entryStride * 4,
    },
    {
      tiles: r.headSize === 0 ? 0 : Math.ceil(rows / rowsPerTile),
      scratch: r.headSize * 4,
      work: rows * r.headSize * 6,
    },
  );
}
