// What a cache holds: for each entry of its batch a length and the pages of its last tokens. Pages are shared between the
// caches that `fork` makes, and copied by the first append to a shared one.

import type { LinearMemory } from "../engine/linear-memory.ts";
import { AttentionError } from "../errors.ts";
import { Growth } from "./growth.ts";
import { largest } from "./largest.ts";
import type { Page } from "./page.ts";
import { PAGE_TOKENS, type PageFormat } from "./page-format.ts";

/** One entry: pages `firstPage`, `firstPage` + 1, ... hold its tokens from `firstPage * PAGE_TOKENS` to `length`. */
export interface CacheEntry {
  readonly length: number;
  readonly firstPage: number;
  readonly pages: readonly Page[];
}

/** Rows of tokens that were appended together, of which each entry took the first `counts[b]`. */
export interface Appended {
  readonly rows: number;
  readonly counts: readonly number[];
}

const empty: CacheEntry = { length: 0, firstPage: 0, pages: [] };

export class CacheState {
  readonly memory: LinearMemory;
  readonly format: PageFormat;
  readonly maxLength: number;
  /** Keys that a query sees, itself included; `undefined` = all. */
  readonly window: number | undefined;
  #entries: CacheEntry[];
  /** What the last append brought, while nothing has been taken back: rows of tokens, and how many each entry got. */
  #appended: Appended | undefined;
  #growth: Growth | undefined;
  #disposed = false;

  constructor(
    memory: LinearMemory,
    format: PageFormat,
    limits: { readonly maxLength: number; readonly window: number | undefined },
    entries: number | readonly CacheEntry[],
    appended?: Appended,
  ) {
    this.memory = memory;
    this.format = format;
    this.maxLength = limits.maxLength;
    this.window = limits.window;
    this.#appended = appended;
    this.#entries = typeof entries === "number" ? new Array<CacheEntry>(entries).fill(empty) : [...entries];
    for (const { pages } of this.#entries) for (const page of pages) page.hold(this);
  }

  get entries(): readonly CacheEntry[] {
    this.checkUsable();
    return this.#entries;
  }

  get lengths(): number[] {
    return this.entries.map(({ length }) => length);
  }

  get length(): number {
    return largest(this.lengths);
  }

  /** Bytes of the pages that this cache made; of those that it shares and whose maker let go of them, too. */
  get byteLength(): number {
    const pages = new Set([...this.#entries.flatMap((entry) => entry.pages), ...(this.#growth?.made ?? [])]);
    let bytes = 0;
    for (const page of pages) if (page.owner === this) bytes += this.format.bytes;
    return bytes;
  }

  get appended(): Appended | undefined {
    return this.#appended;
  }

  /**
   * Positions of the first of L queries that are a cache's last tokens. Where they have as many rows as the last append they
   * are its tokens, filled up alike.
   */
  offsetsOf(L: number): number[] {
    const counts = this.#appended?.rows === L ? this.#appended.counts : undefined;
    return this.entries.map(({ length }, b) => length - (counts?.[b] ?? L));
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  checkUsable(): void {
    if (this.#disposed) throw new AttentionError("ERR_DISPOSED", "this cache is disposed");
  }

  /** Refuses a change while tokens are on their way in. */
  checkSettled(): void {
    this.checkUsable();
    if (this.#growth !== undefined)
      throw new AttentionError(
        "ERR_OPTION",
        "this cache is being appended to by a call in flight; wait for it to settle",
      );
  }

  /**
   * Makes room for `counts[b]` more tokens of each entry, the first of so many rows. Nothing changes for the cache until the
   * growth is committed.
   *
   * @throws AttentionError `ERR_OPTION` beyond `maxLength` or while another growth is under way, `ERR_MEMORY`
   */
  grow(counts: readonly number[], rows: number): Growth {
    this.checkSettled();
    this.checkRoom(counts);
    this.#growth = new Growth(this, { rows, counts });
    return this.#growth;
  }

  /** Refuses more tokens than there may be. */
  checkRoom(counts: readonly number[]): void {
    this.#entries.forEach(({ length }, b) => {
      if (length + counts[b]! > this.maxLength)
        throw new AttentionError(
          "ERR_OPTION",
          `"maxLength" is ${this.maxLength}: entry ${b} holds ${length} tokens, and ${counts[b]} more were appended`,
        );
    });
  }

  /** @internal Ends a growth: with its entries where it went well, without a trace where not. */
  settle(entries: readonly CacheEntry[] | undefined, appended?: Appended): void {
    this.#growth = undefined;
    if (entries === undefined) return;
    this.#appended = appended;
    const old = this.#entries;
    this.#entries = [...entries];
    // Those that stay were held by the old entries already, new ones since they were made: only what is dropped changes.
    old.forEach((entry, b) => {
      const kept = new Set(this.#entries[b]!.pages);
      for (const page of entry.pages) if (!kept.has(page)) page.release(this);
    });
  }

  /** Forgets the tokens of each entry from `lengths[b]` on. */
  truncate(lengths: readonly number[]): void {
    this.checkSettled();
    this.#entries.forEach((entry, b) => {
      this.#checkTruncated(entry, b, lengths[b]!);
    });
    this.#entries = this.#entries.map((entry, b) => this.#shorten(entry, lengths[b]!));
    this.#appended = undefined;
  }

  #checkTruncated({ length, firstPage }: CacheEntry, b: number, to: number): void {
    if (to > length)
      throw new AttentionError("ERR_OPTION", `entry ${b} holds ${length} tokens and cannot be cut to ${to}`);
    const needed = Math.max(0, to + 1 - (this.window ?? Infinity));
    if (to > 0 && needed < firstPage * PAGE_TOKENS)
      throw new AttentionError(
        "ERR_OPTION",
        `entry ${b} cannot be cut to ${to} tokens: its window has dropped those before ${firstPage * PAGE_TOKENS}`,
      );
  }

  #shorten(entry: CacheEntry, length: number): CacheEntry {
    if (length === entry.length) return entry;
    const firstPage = length === 0 ? 0 : entry.firstPage;
    const count = length === 0 ? 0 : Math.ceil(length / PAGE_TOKENS) - firstPage;
    for (const page of entry.pages.slice(count)) page.release(this);
    return { length, firstPage, pages: entry.pages.slice(0, count) };
  }

  /** Gives all pages back that nobody shares. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const { pages } of this.#entries) for (const page of pages) page.release(this);
    this.#entries = [];
  }
}
