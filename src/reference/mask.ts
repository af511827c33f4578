import { offsetOf } from "../validate/broadcast.ts";
import type { SpreadMask } from "../validate/mask.ts";

/** Whether a mask keeps the score of that index. An additive mask keeps all. */
export function keeps(mask: SpreadMask | undefined, index: readonly number[]): boolean {
  return !mask?.boolean || mask.data[offsetOf(index, mask.strides)] !== 0;
}

/** What a mask adds to the score of that index. A boolean mask adds nothing. */
export function addend(mask: SpreadMask | undefined, index: readonly number[]): number {
  return mask === undefined || mask.boolean ? 0 : mask.data[offsetOf(index, mask.strides)]!;
}
