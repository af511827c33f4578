import type { Appended, CacheEntry, CacheState } from "./cache-state.ts";
import { Page } from "./page.ts";
import { PAGE_TOKENS } from "./page-format.ts";
import { type PagedKeys, pageTable } from "./page-table.ts";

/** Tokens on their way into a cache: where they go, and what the cache will be once they are there. */
export class Growth {
  readonly entries: readonly CacheEntry[];
  readonly counts: readonly number[];
  /** The lengths before. */
  readonly lengths: readonly number[];
  /** For each entry the page whose tokens its first new page starts with, where that one is shared. */
  readonly copies: (Page | undefined)[];
  readonly made: Page[] = [];
  readonly #cache: CacheState;
  readonly #appended: Appended;
  /** Copies that are planned leave a page to those who still hold it. */
  readonly #left: Map<Page, number> = new Map();

  /** @throws AttentionError `ERR_MEMORY`; what was made so far is given back then */
  constructor(cache: CacheState, appended: Appended) {
    const { counts } = appended;
    this.#cache = cache;
    this.#appended = appended;
    this.counts = counts;
    this.lengths = cache.lengths;
    this.copies = counts.map(() => undefined);
    try {
      this.entries = cache.entries.map((entry, b) => this.#extend(entry, counts[b]!, b));
      this.#fill();
    } catch (error) {
      this.#discard();
      throw error;
    }
  }

  /** Ends with a call that brings the tokens: the cache holds them once it is through, and stays as it was if it fails. */
  async settle<R>(run: () => Promise<R>): Promise<R> {
    try {
      const result = await run();
      this.#commit();
      return result;
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  settleSync<R>(run: () => R): R {
    try {
      const result = run();
      this.#commit();
      return result;
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  /** The pages as they will be. */
  pageTable(): PagedKeys {
    return pageTable(this.#cache.format, this.entries);
  }

  rollback(): void {
    this.#discard();
    this.#cache.settle(undefined);
  }

  #commit(): void {
    if (this.#cache.disposed) {
      this.#discard();
      return;
    }
    this.#cache.settle(this.entries, this.#appended);
  }

  /**
   * Marks the tokens as written before they are: a fork that is left alone with a page, while they are still on their way
   * into it, must not write in their place. After a rollback a mark stands for nothing, and costs a copy at most.
   */
  #fill(): void {
    this.entries.forEach(({ pages, length, firstPage }, b) => {
      if (this.counts[b] === 0) return;
      pages.forEach((page, i) => {
        const tokens = Math.min(PAGE_TOKENS, length - (firstPage + i) * PAGE_TOKENS);
        page.filled = Math.max(page.filled, tokens);
      });
    });
  }

  #discard(): void {
    for (const page of this.made.splice(0)) page.release(this.#cache);
  }

  #extend(entry: CacheEntry, count: number, b: number): CacheEntry {
    if (count === 0) return entry;
    const length = entry.length + count;
    const firstPage = Math.max(entry.firstPage, this.#firstNeeded(entry.length));
    const pages = entry.pages.slice(firstPage - entry.firstPage);
    const held = entry.length % PAGE_TOKENS;
    const last = pages.at(-1);
    if (held > 0 && last !== undefined && this.#mustCopy(last, held)) {
      pages[pages.length - 1] = this.#make();
      this.copies[b] = last;
    }
    while ((firstPage + pages.length) * PAGE_TOKENS < length) pages.push(this.#make());
    return { length, firstPage, pages };
  }

  /** The first page that the window of the next token still reaches into. */
  #firstNeeded(length: number): number {
    const { window } = this.#cache;
    return window === undefined ? 0 : Math.floor(Math.max(0, length + 1 - window) / PAGE_TOKENS);
  }

  /** A page is written to in place by the only one who holds it, and where no call in flight still reads it. */
  #mustCopy(page: Page, held: number): boolean {
    const left = this.#left.get(page) ?? page.holds;
    if (left > 1) this.#left.set(page, left - 1);
    return left > 1 || (page.inUse && page.filled > held);
  }

  #make(): Page {
    const { memory, format } = this.#cache;
    const page = new Page(memory, format.bytes, this.#cache);
    this.made.push(page);
    return page;
  }
}
