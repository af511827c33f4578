// How many levels a head gets: as many as its share of the page has room for.
import { MOST_LEVELS } from "./levels.ts";

const bins = 4096;

/** How often each root sqrt(w / m) occurs, in fine bins; weights of 0 cost next to nothing, and are left out. */
export class RootHistogram {
  readonly #counts = new Uint32Array(bins);
  #total = 0;

  add(roots: Float32Array): void {
    for (let n = 0; n < roots.length; n++) {
      const root = roots[n]!;
      if (!(root > 0)) continue;
      this.#counts[(root * (bins - 1) + 0.5) | 0]!++;
      this.#total++;
    }
  }

  /** About how many bytes the levels take: their entropy, what a code for each level by itself could reach. */
  bytes(levels: number): number {
    const counts = new Float64Array(levels + 1);
    for (let bin = 0; bin < bins; bin++)
      counts[((bin / (bins - 1)) * levels + 0.5) | 0]! += this.#counts[bin]!;
    let bits = 0;
    for (const count of counts) if (count > 0) bits += count * Math.log2(this.#total / count);
    return bits / 8;
  }
}

/** What heads took for each byte of their entropy, from which the next one's size is guessed: it is much the same. */
export class SizeGuess {
  readonly #measured = new Map<number, number>();

  learn(levels: number, bytes: number, expected: number): void {
    if (expected > 0) this.#measured.set(levels, bytes / expected);
  }

  /** The most levels, from 1 on, that should take no more than this. */
  levelsFor(histogram: RootHistogram, bytes: number): number {
    const fits = (levels: number): boolean => histogram.bytes(levels) * this.#factor(levels) <= bytes;
    if (fits(MOST_LEVELS)) return MOST_LEVELS;
    let [least, tooMany] = [1, MOST_LEVELS];
    while (tooMany - least > 1) {
      const middle = (least + tooMany) >> 1;
      if (fits(middle)) least = middle;
      else tooMany = middle;
    }
    return least;
  }

  /** Of the number of levels next to this one that was measured. */
  #factor(levels: number): number {
    let [factor, nearest] = [1.05, Infinity];
    for (const [known, measured] of this.#measured) {
      const distance = Math.abs(Math.log(known / levels));
      if (distance < nearest) [factor, nearest] = [measured, distance];
    }
    return factor;
  }
}
