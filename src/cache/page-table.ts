import type { AppendParameters } from "../engine/generated/parameters.ts";
import type { Program } from "../engine/program.ts";
import type { CacheEntry } from "./cache-state.ts";
import { largest } from "./largest.ts";
import type { PageFormat } from "./page-format.ts";

/** Keys and values of a batch as pages of a cache, as kernels find them. */
export interface PagedKeys {
  readonly format: PageFormat;
  /** `columns` addresses an entry; 0 where it has fewer pages. */
  readonly addresses: Uint32Array;
  readonly columns: number;
  /** The first page of each entry; `undefined` = 0 for all. */
  readonly firstPages: Int32Array | undefined;
  /** Tokens of each entry. */
  readonly lengths: readonly number[];
}

export function pageTable(format: PageFormat, entries: readonly CacheEntry[]): PagedKeys {
  const columns = Math.max(1, largest(entries.map(({ pages }) => pages.length)));
  const addresses = new Uint32Array(entries.length * columns);
  entries.forEach(({ pages }, b) => {
    for (let i = 0; i < pages.length; i++) addresses[b * columns + i] = pages[i]!.address;
  });
  const dropped = entries.some(({ firstPage }) => firstPage > 0);
  return {
    format,
    addresses,
    columns,
    firstPages: dropped ? Int32Array.from(entries, ({ firstPage }) => firstPage) : undefined,
    lengths: entries.map(({ length }) => length),
  };
}

type PageParameters = Pick<
  AppendParameters,
  | "pages"
  | "firstPages"
  | "pageColumns"
  | "storedKeyBytes"
  | "storedValueBytes"
  | "pageValuesBytes"
  | "pageKeyScalesBytes"
  | "pageValueScalesBytes"
>;

/** The fields by which a kernel finds pages. Their memory stays theirs as long as the program runs. */
export function pageParameters(
  program: Program,
  { format, addresses, columns, firstPages }: PagedKeys,
): PageParameters {
  program.keep(addresses);
  return {
    pages: program.input(addresses),
    firstPages: firstPages && program.input(firstPages),
    pageColumns: columns,
    storedKeyBytes: format.storedKeyBytes,
    storedValueBytes: format.storedValueBytes,
    pageValuesBytes: format.pageValuesBytes,
    pageKeyScalesBytes: format.pageKeyScalesBytes,
    pageValueScalesBytes: format.pageValueScalesBytes,
  };
}
