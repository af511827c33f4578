// How a page of a cache is laid out; assembly/pages.ts reads and writes it.

import { KEY_BLOCK } from "../engine/generated/kernels.ts";
import { roundUp } from "../engine/heap.ts";

/** How a cache stores its numbers. */
export type CacheType = "float32" | "bfloat16" | "int8";

/** @internal In the kernels' numbers. */
export const cacheTypes: readonly CacheType[] = ["float32", "bfloat16", "int8"];
const bytesPerNumber: Readonly<Record<CacheType, number>> = { float32: 4, bfloat16: 2, int8: 1 };

/** @internal Tokens of a page: just the block of keys that the attention kernel reads at a time. */
export const PAGE_TOKENS: number = KEY_BLOCK;
/** Rows of bfloat16 and int8 are widened so many bytes at a time. */
const ROW_ALIGNMENT = 8;

/** @internal Sizes and places in a page, bytes. */
export interface PageFormat {
  readonly type: CacheType;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly storedKeyBytes: number;
  readonly storedValueBytes: number;
  readonly pageValuesBytes: number;
  readonly pageKeyScalesBytes: number;
  readonly pageValueScalesBytes: number;
  /** A whole page. */
  readonly bytes: number;
}

/** @internal */
export function pageFormat(type: CacheType, kvHeads: number, headDim: number, valueDim: number): PageFormat {
  const storedKeyBytes = storedBytes(type, headDim);
  const storedValueBytes = storedBytes(type, valueDim);
  const rows = kvHeads * PAGE_TOKENS;
  const pageValuesBytes = rows * storedKeyBytes;
  const pageKeyScalesBytes = pageValuesBytes + rows * storedValueBytes;
  const scales = type === "int8" ? rows * 4 : 0;
  return {
    type,
    kvHeads,
    headDim,
    valueDim,
    storedKeyBytes,
    storedValueBytes,
    pageValuesBytes,
    pageKeyScalesBytes,
    pageValueScalesBytes: pageKeyScalesBytes + scales,
    bytes: roundUp(pageKeyScalesBytes + 2 * scales),
  };
}

function storedBytes(type: CacheType, size: number): number {
  const bytes = size * bytesPerNumber[type];
  return type === "float32" ? bytes : Math.ceil(bytes / ROW_ALIGNMENT) * ROW_ALIGNMENT;
}

/** @internal Floats between rows once the attention kernel has them in float32: widened ones have room for 8 numbers at a time. */
export function widenedSize(type: CacheType, size: number): number {
  return type === "float32" ? size : Math.ceil(size / 8) * 8;
}
