// Rotary positions of a layer: tables of cosines and sines, grown as sequences get longer.

import { largest } from "../cache/largest.ts";
import { checkRotated } from "../calls/rotary.ts";
import type { RotationTables } from "../plan/rotary.ts";
import { type RotaryScaling, rotaryTables } from "../rotary-tables.ts";
import { checkFlag, checkNumber, readOptions } from "../validate/options.ts";

/** How a layer rotates queries and keys; see `applyRotary`. */
export interface LayerRotary {
  /** Angles are position * base^(-2f / dim). Default 10000. */
  readonly base?: number | undefined;
  /** How many numbers of a head are rotated. Default all, D. */
  readonly dim?: number | undefined;
  /** Pairs are neighbours instead of halves. Default false. */
  readonly interleaved?: boolean | undefined;
  /** The `rope_scaling` object of a Hugging Face configuration. */
  readonly scaling?: RotaryScaling | undefined;
}

const names: ReadonlySet<string> = new Set(["base", "dim", "interleaved", "scaling"]);

/** @internal Tables for `length` positions from each entry's first one on; one number of those where all start alike. */
export type LayerTables = (length: number, firsts: readonly number[]) => RotationTables;

/** @internal Checks a layer's rotary option; tables are made when a sequence asks for them, and kept. */
export function readRotary(option: boolean | LayerRotary, headDim: number): LayerTables | undefined {
  if (option === false) return undefined;
  const settings = readOptions(option === true ? {} : option, names, "rotary");
  const { base = 10000, dim = headDim, interleaved = false, scaling } = settings;
  checkNumber("rotary.base", base, 1);
  checkFlag("rotary.interleaved", interleaved);
  checkRotated("rotary.dim", dim, headDim);
  const make = (positions: number): RotationTables => {
    const { cos, sin } = rotaryTables(
      Array.from({ length: positions }, (_, i) => i),
      { base, dim, scaling },
    );
    return { cos, sin, size: dim, interleaved, perEntry: false };
  };
  let known = make(0);
  let positions = 0;
  return (length, firsts) => {
    const needed = largest(firsts) + length;
    if (needed > positions) {
      positions = Math.max(needed, 2 * positions);
      known = make(positions);
    }
    return partOf(known, length, firsts);
  };
}

/** Only the positions of a pass cross the border to linear memory. */
function partOf(tables: RotationTables, length: number, firsts: readonly number[]): RotationTables {
  const half = tables.size / 2;
  const part = (table: Float32Array, first: number): Float32Array =>
    table.subarray(first * half, (first + length) * half);
  if (firsts.every((first) => first === firsts[0]))
    return { ...tables, cos: part(tables.cos, firsts[0]!), sin: part(tables.sin, firsts[0]!) };
  const gather = (table: Float32Array): Float32Array => {
    const rows = new Float32Array(firsts.length * length * half);
    firsts.forEach((first, b) => {
      rows.set(part(table, first), b * length * half);
    });
    return rows;
  };
  return { ...tables, cos: gather(tables.cos), sin: gather(tables.sin), perEntry: true };
}
