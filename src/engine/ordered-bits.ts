// A set of small whole numbers, that finds the largest of them up to a given one: bits, and above each 32 words of them a
// word that says which are not zero, and so on up to a single word.

export class OrderedBits {
  #levels: Uint32Array[] = [];

  /** @param size numbers are below this */
  constructor(size: number) {
    this.resize(size);
  }

  /** Takes larger numbers from now on. */
  resize(size: number): void {
    const old = this.#levels;
    const levels: Uint32Array[] = [];
    for (let bits = size; levels.length === 0 || bits > 1; bits = Math.ceil(bits / 32)) {
      const level = new Uint32Array(Math.ceil(bits / 32));
      level.set(old[levels.length] ?? []);
      levels.push(level);
    }
    // New levels on top start with what the old top says.
    for (let i = Math.max(1, old.length); i < levels.length; i++)
      if (levels[i - 1]![0] !== 0) levels[i]![0] = 1;
    this.#levels = levels;
  }

  add(n: number): void {
    for (const level of this.#levels) {
      const word = n >>> 5;
      const before = level[word]!;
      level[word] = before | (1 << (n & 31));
      if (before !== 0) return;
      n = word;
    }
  }

  delete(n: number): void {
    for (const level of this.#levels) {
      const word = n >>> 5;
      const after = level[word]! & ~(1 << (n & 31));
      level[word] = after;
      if (after !== 0) return;
      n = word;
    }
  }

  /** The largest number that is in the set and not larger than `n`. */
  lastUpTo(n: number): number | undefined {
    for (let i = 0; i < this.#levels.length; i++) {
      // Up to the first word that has any; from the second level on, only of words before the one that had none.
      const below = i === 0 ? 2 * 2 ** (n & 31) - 1 : 2 ** (n & 31) - 1;
      const bits = this.#levels[i]![n >>> 5]! & below;
      if (bits !== 0) return this.#lastIn(i, (n & ~31) + 31 - Math.clz32(bits));
      n >>>= 5;
    }
    return undefined;
  }

  /** The largest number below bit `n` of a level. */
  #lastIn(level: number, n: number): number {
    for (let i = level - 1; i >= 0; i--) n = n * 32 + 31 - Math.clz32(this.#levels[i]![n]!);
    return n;
  }
}
