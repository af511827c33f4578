// The free ranges of a heap in lists of about equal length: one that is long enough is found without a look at the
// others (two-level segregated fit, Masmano et al., 2004).

/** A range of addresses, in use or free, between its neighbours. All numbers are units of the heap. */
export interface Range {
  start: number;
  size: number;
  readonly isFree: boolean;
  left: Range | undefined;
  right: Range | undefined;
}

/** A free range, between others of its kind of length. */
export interface FreeRange extends Range {
  kind: number;
  before: FreeRange | undefined;
  after: FreeRange | undefined;
}

/** Each power of two is divided into so many kinds of length. */
const KIND_BITS = 3;
const KINDS_PER_DOUBLING: number = 1 << KIND_BITS;
/** Sizes are below 2^27. */
const KINDS: number = 27 * KINDS_PER_DOUBLING;

export class FreeLists {
  readonly #first: (FreeRange | undefined)[] = new Array<undefined>(KINDS).fill(undefined);
  /** A bit for each kind of which there are any. */
  readonly #present: Int32Array = new Int32Array(Math.ceil(KINDS / 32));

  /** A range of at least this size. */
  find(size: number): FreeRange | undefined {
    const kind = kindOf(size);
    // Of its own kind some may be too short; of longer kinds any will do.
    const sure = shortestOf(kind) === size ? kind : kind + 1;
    const found = this.#presentFrom(sure);
    if (found !== undefined || sure === kind) return found;
    let range = this.#first[kind];
    while (range !== undefined && range.size < size) range = range.after;
    return range;
  }

  add(range: FreeRange): void {
    const kind = kindOf(range.size);
    const after = this.#first[kind];
    range.kind = kind;
    range.before = undefined;
    range.after = after;
    if (after !== undefined) after.before = range;
    this.#first[kind] = range;
    this.#present[kind >>> 5]! |= 1 << (kind & 31);
  }

  delete({ kind, before, after }: FreeRange): void {
    if (after !== undefined) after.before = before;
    if (before !== undefined) before.after = after;
    else {
      this.#first[kind] = after;
      if (after === undefined) this.#present[kind >>> 5]! &= ~(1 << (kind & 31));
    }
  }

  /** One of the shortest kind, from `kind` on, of which there are any. */
  #presentFrom(kind: number): FreeRange | undefined {
    let word = kind >>> 5;
    let bits = this.#present[word]! & (-1 << (kind & 31));
    while (bits === 0) {
      if (++word === this.#present.length) return undefined;
      bits = this.#present[word]!;
    }
    return this.#first[word * 32 + 31 - Math.clz32(bits & -bits)];
  }
}

/** The kind of a length: 1 to 15 have one each, from 16 on the four highest bits tell. */
function kindOf(size: number): number {
  const shift = Math.max(0, 31 - Math.clz32(size) - KIND_BITS);
  return shift * KINDS_PER_DOUBLING + (size >>> shift);
}

/** The shortest length of a kind. */
function shortestOf(kind: number): number {
  const shift = Math.max(0, (kind >>> KIND_BITS) - 1);
  return (kind - shift * KINDS_PER_DOUBLING) << shift;
}
