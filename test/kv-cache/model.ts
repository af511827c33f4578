/**
 * A cache as a plain list of tokens, and its pages as a plain list of holders: what a real one is compared with. Nothing is
 * shared with the package: a page is held by whoever keeps tokens in it, counts to the first of them, and an append
 * to a page that somebody else holds as well takes one of its own.
 */
import type { CacheType } from "wasm-attention";
import type { FloatTensor } from "../support/random-tensors.ts";
import { PAGE } from "./problem.ts";
import { rounded } from "./rounding.ts";

export interface ModelSizes {
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly maxLength: number;
  readonly dtype: CacheType;
  readonly window: number | undefined;
}

/** One token of one entry: a row of each head, as it is stored. */
interface Token {
  readonly key: readonly Float32Array[];
  readonly value: readonly Float32Array[];
}

/** Who holds a page, as often as entries of theirs do. */
type PageModel = ModelCache[];

interface Entry {
  tokens: Token[];
  /** The number of the first page that is still there. */
  first: number;
  pages: PageModel[];
}

export class ModelCache {
  readonly sizes: ModelSizes;
  readonly entries: Entry[];
  /** Rows of the last append, and how many of them each entry took; nothing once tokens were taken back. */
  appended: { rows: number; counts: readonly number[] } | undefined;

  constructor(sizes: ModelSizes, entries: Entry[]) {
    this.sizes = sizes;
    this.entries = entries;
  }

  static empty(sizes: ModelSizes, batch: number): ModelCache {
    return new ModelCache(
      sizes,
      Array.from({ length: batch }, () => ({ tokens: [], first: 0, pages: [] })),
    );
  }

  get lengths(): number[] {
    return this.entries.map(({ tokens }) => tokens.length);
  }

  /** How many pages count to this cache. */
  get pages(): number {
    return new Set(this.entries.flatMap(({ pages }) => pages.filter(([owner]) => owner === this))).size;
  }

  /** Tokens whose keys and values are gone. */
  get dropped(): number[] {
    return this.entries.map(({ first }) => first * PAGE);
  }

  fits(counts: readonly number[]): boolean {
    return this.lengths.every((length, b) => length + counts[b]! <= this.sizes.maxLength);
  }

  /** How many of L queries each entry has: all, or as many as tokens of the append that they came with. */
  queries(L: number): readonly number[] {
    if (this.appended?.rows === L) return this.appended.counts;
    return this.entries.map(() => L);
  }

  append(key: FloatTensor, value: FloatTensor, counts: readonly number[]): void {
    this.appended = { rows: key.shape[2]!, counts };
    const [keys, values] = [rounded(this.sizes.dtype, key), rounded(this.sizes.dtype, value)];
    this.entries.forEach((entry, b) => {
      if (counts[b] === 0) return;
      this.#makeRoom(entry, counts[b]!);
      for (let i = 0; i < counts[b]!; i++)
        entry.tokens.push({ key: this.#rows(keys, b, i), value: this.#rows(values, b, i) });
    });
  }

  #rows({ data, shape }: FloatTensor, b: number, i: number): Float32Array[] {
    const [, heads, length, size] = shape as [number, number, number, number];
    return Array.from({ length: heads }, (_, h) => {
      const at = ((b * heads + h) * length + i) * size;
      return data.slice(at, at + size);
    });
  }

  #makeRoom(entry: Entry, count: number): void {
    const length = entry.tokens.length;
    const oldest = Math.max(0, length + 1 - (this.sizes.window ?? Infinity));
    while ((entry.first + 1) * PAGE <= oldest) {
      entry.first++;
      this.#release(entry.pages.shift()!);
    }
    const last = entry.pages.at(-1);
    if (length % PAGE !== 0 && last!.length > 1) {
      this.#release(last!);
      entry.pages.splice(-1, 1, [this]);
    }
    while ((entry.first + entry.pages.length) * PAGE < length + count) entry.pages.push([this]);
  }

  /** Whether the window of each entry's next token would still be there. */
  canTruncate(lengths: readonly number[]): boolean {
    return this.entries.every(({ tokens, first }, b) => {
      const length = lengths[b]!;
      if (length > tokens.length) return false;
      return length === 0 || Math.max(0, length + 1 - (this.sizes.window ?? Infinity)) >= first * PAGE;
    });
  }

  truncate(lengths: readonly number[]): void {
    this.appended = undefined;
    this.entries.forEach((entry, b) => {
      entry.tokens.length = lengths[b]!;
      if (lengths[b] === 0) entry.first = 0;
      const kept = lengths[b] === 0 ? 0 : Math.ceil(lengths[b]! / PAGE) - entry.first;
      for (const page of entry.pages.splice(kept)) this.#release(page);
    });
  }

  /** @param meanwhile what this cache does after the fork has its tokens, and before it holds their pages */
  fork(order: readonly number[], meanwhile = (): void => {}): ModelCache {
    const entries = order.map((b) => {
      const { tokens, first, pages } = this.entries[b]!;
      return { tokens: [...tokens], first, pages: [...pages] };
    });
    const made = new ModelCache(this.sizes, entries);
    const { appended } = this;
    made.appended = appended && { ...appended, counts: order.map((b) => appended.counts[b]!) };
    meanwhile();
    for (const { pages } of entries) for (const page of pages) page.push(made);
    return made;
  }

  dispose(): void {
    for (const { pages } of this.entries) for (const page of pages) this.#release(page);
    this.entries.length = 0;
  }

  #release(page: PageModel): void {
    page.splice(page.indexOf(this), 1);
  }

  /** All tokens as plain arrays; past an entry's end, and where a window has dropped them, there is NaN. */
  plain(): { key: FloatTensor; value: FloatTensor } {
    const { kvHeads, headDim, valueDim } = this.sizes;
    const longest = Math.max(...this.lengths);
    const spread = (size: number, rows: (token: Token) => readonly Float32Array[]): FloatTensor => {
      const data = new Float32Array(this.entries.length * kvHeads * longest * size).fill(Number.NaN);
      this.entries.forEach(({ tokens, first }, b) => {
        tokens.forEach((token, j) => {
          if (j < first * PAGE) return;
          rows(token).forEach((row, h) => {
            data.set(row, ((b * kvHeads + h) * longest + j) * size);
          });
        });
      });
      return { data, shape: [this.entries.length, kvHeads, longest, size] };
    };
    return { key: spread(headDim, ({ key }) => key), value: spread(valueDim, ({ value }) => value) };
  }
}
