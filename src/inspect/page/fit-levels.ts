// How many levels a head gets: as many as its share of the page has room for.
import { MOST_LEVELS } from "./levels.ts";

const bins = 4096;

/** How often each root sqrt(w / m) occurs, in fine bins; weights of 0 cost next to nothing, and are left out. */
export class RootHistogram {
  readonly #counts = new Float64Array(bins);
  #total = 0;

  constructor(roots: Float32Array) {
    const counts = new Uint32Array(bins);
    for (let n = 0; n < roots.length; n++) {
      const root = roots[n]!;
      if (root > 0) counts[(root * (bins - 1) + 0.5) | 0]!++;
    }
    for (let bin = 0; bin < bins; bin++) {
      this.#counts[bin] = counts[bin]!;
      this.#total += counts[bin]!;
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

  /** The most levels, from 1 on, that take about this many bytes. */
  levelsFor(bytes: number): number {
    if (this.bytes(MOST_LEVELS) <= bytes) return MOST_LEVELS;
    let [fits, tooMany] = [1, MOST_LEVELS];
    while (tooMany - fits > 1) {
      const middle = (fits + tooMany) >> 1;
      if (this.bytes(middle) <= bytes) fits = middle;
      else tooMany = middle;
    }
    return fits;
  }
}
