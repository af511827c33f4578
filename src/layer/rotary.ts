// Rotary positions of a layer: tables of cosines and sines, grown as sequences get longer.

import { checkRotated } from "../calls/rotary.ts";
import type { RotationTables } from "../plan/rotary.ts";
import { type RotaryScaling, rotaryTables } from "../rotary-tables.ts";
import { checkFlag, checkNames, checkNumber } from "../validate/options.ts";

/** How a layer rotates queries and keys; see `applyRotary`. */
export interface LayerRotary {
  /** Angles are position * base^(-2f / dim). Default 10000. */
  readonly base?: number;
  /** How many numbers of a head are rotated. Default all, D. */
  readonly dim?: number;
  /** Pairs are neighbours instead of halves. Default false. */
  readonly interleaved?: boolean;
  /** The `rope_scaling` object of a Hugging Face configuration. */
  readonly scaling?: RotaryScaling;
}

const names: ReadonlySet<string> = new Set(["base", "dim", "interleaved", "scaling"]);

/** Tables for positions 0 to `positions` - 1. */
export type LayerTables = (positions: number) => RotationTables;

/** Checks a layer's rotary option; tables are made when a sequence asks for them, and kept. */
export function readRotary(option: boolean | LayerRotary, headDim: number): LayerTables | undefined {
  if (option === false) return undefined;
  const settings = option === true ? {} : option;
  checkNames(settings, names);
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
  let length = 0;
  return (positions) => {
    if (positions > length) {
      length = Math.max(positions, 2 * length);
      known = make(length);
    }
    return known;
  };
}
