// Tokens into the pages of a cache, as a stage. Pure: sizes in, stage out.

import type { Growth } from "../cache/growth.ts";
import { largest } from "../cache/largest.ts";
import { cacheTypes, PAGE_TOKENS, type PageFormat } from "../cache/page-format.ts";
import { type PagedKeys, pageParameters } from "../cache/page-table.ts";
import type { Operand, Program } from "../engine/program.ts";
import type { HeadLayout } from "../validate/heads.ts";

/** Rows of keys and values, and how they lie. */
export interface AppendedRows {
  readonly key: Operand;
  readonly value: Operand;
  readonly keyLayout: HeadLayout;
  readonly valueLayout: HeadLayout;
}

export function addAppend(program: Program, growth: Growth, pages: PagedKeys, rows: AppendedRows): void {
  const { counts, lengths, copies } = growth;
  const { key, value, keyLayout, valueLayout } = rows;
  const { format } = pages;
  const pagesPerEntry = mostPages(lengths, counts);
  const tokens = counts.reduce((sum, count) => sum + count, 0);
  program.stage(
    "append",
    {
      ...pageParameters(program, pages),
      key,
      value,
      copies: copies.some((page) => page !== undefined)
        ? keptCopies(
            program,
            copies.map((page) => page?.address ?? 0),
          )
        : undefined,
      lengths: program.input(Int32Array.from(lengths)),
      counts: program.input(Int32Array.from(counts)),
      pagesPerEntry,
      kvHeads: format.kvHeads,
      headSize: format.headDim,
      valueSize: format.valueDim,
      storage: cacheTypes.indexOf(format.type),
      keyBatchStride: keyLayout.batchStride * 4,
      keyHeadStride: keyLayout.headStride * 4,
      keyRowStride: keyLayout.rowStride * 4,
      valueBatchStride: valueLayout.batchStride * 4,
      valueHeadStride: valueLayout.headStride * 4,
      valueRowStride: valueLayout.rowStride * 4,
    },
    { tiles: counts.length * pagesPerEntry, work: tokens * rowWork(format) },
  );
}

/** The most pages that one entry's new tokens lie in. */
function mostPages(lengths: readonly number[], counts: readonly number[]): number {
  const pages = counts.map((count, b) => {
    const from = Math.floor(lengths[b]! / PAGE_TOKENS);
    return count === 0 ? 0 : Math.ceil((lengths[b]! + count) / PAGE_TOKENS) - from;
  });
  return largest(pages);
}

function keptCopies(program: Program, addresses: readonly number[]): Operand {
  program.keep(addresses);
  return program.input(Uint32Array.from(addresses));
}

/** Operations that moving a token's rows counts for: a few for each number. */
function rowWork({ kvHeads, headDim, valueDim }: PageFormat): number {
  return 4 * kvHeads * (headDim + valueDim);
}
