// Options of an attention that are read alike for batches and for packed sequences.

import type { Layout, ScoreOptions, Similarity } from "../attention-options.ts";
import { describe, listed } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import type { VectorLike } from "../tensor-like.ts";
import { isArray } from "../typed-array.ts";
import { checkChoice, checkSoftcap } from "./options.ts";
import { readWholeVector } from "./vector.ts";

const causalChoices = [false, true, "top-left", "bottom-right"] as const;
const layouts: readonly Layout[] = ["BHLE", "BLHE"];
const similarities: readonly Similarity[] = ["dot", "cosine", "root-norm"];
const scoreStages = ["scaled", "capped", "biased"];

/** Options that are absent are right: only those that are there cost a look. */
export function checkOptions({
  layout,
  similarity,
  causal,
  returnScores,
  softcap,
  window,
}: ScoreOptions): void {
  if (layout !== undefined) checkChoice("layout", layout, layouts);
  if (similarity !== undefined) checkChoice("similarity", similarity, similarities);
  if (causal !== undefined) checkChoice("causal", causal, causalChoices);
  if (returnScores !== undefined) checkChoice("returnScores", returnScores, scoreStages);
  if (softcap !== undefined) checkSoftcap(softcap);
  if (window === undefined) return;
  const isPair = isArray(window) && window.length === 2;
  if (!isPair || !window.every((n) => Number.isInteger(n) && n >= -1))
    throw new AttentionError(
      "ERR_OPTION",
      `"window" expected [left, right] of at least -1, got ${isArray(window) ? listed(window) : describe(window)}`,
    );
}

/** Reads an option that is there; `null` is there, and wrong. */
export function given<T, R>(option: T | undefined, read: (option: T) => R): R | undefined {
  return option === undefined ? undefined : read(option);
}

export function readLengths(kvLengths: VectorLike | undefined, B: number, S: number): number[] {
  if (kvLengths === undefined) return new Array<number>(B).fill(S);
  const lengths = readWholeVector("kvLengths", kvLengths, B);
  for (const n of lengths)
    if (n < 0 || n > S) throw new AttentionError("ERR_OPTION", `"kvLengths" expected 0 to S=${S}, got ${n}`);
  return lengths;
}

/**
 * An explicit number wins; else `"bottom-right"` puts the last query beside the entry's last key. L is a number, or one
 * for each packed sequence.
 */
export function readOffsets(
  options: ScoreOptions,
  lengths: readonly number[],
  L: number | readonly number[],
): number[] {
  const { queryOffset } = options;
  const offset =
    queryOffset !== undefined ? queryOffset : options.causal === "bottom-right" ? "bottom-right" : 0;
  if (offset === "bottom-right")
    return lengths.map((length, entry) => length - (typeof L === "number" ? L : L[entry]!));
  const many = typeof offset === "number" ? [offset] : (offset as VectorLike);
  const positions = readWholeVector("queryOffset", many, typeof offset === "number" ? 1 : lengths.length);
  if ((options.alibiSlopes ?? options.window) !== undefined) checkNear(positions);
  return typeof offset === "number" ? new Array<number>(lengths.length).fill(offset) : positions;
}

/** Kernels take positions as 32-bit integers, with room to add and subtract: those farther off are taken for this one. */
export const FARTHEST: number = 2 ** 30;

/** Causality does not tell what is far from what is farther; distances do. */
function checkNear(positions: readonly number[]): void {
  for (const position of positions)
    if (Math.abs(position) > FARTHEST)
      throw new AttentionError(
        "ERR_OPTION",
        `"queryOffset" expected -${FARTHEST} to ${FARTHEST} beside "alibiSlopes" or "window", got ${position}`,
      );
}
