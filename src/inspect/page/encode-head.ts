import { AttentionError } from "../../errors.ts";
import { RootHistogram, SizeGuess } from "./fit-levels.ts";
import { type HeadRecord, headRecord, type RecordSizes } from "./head-record.ts";
import { digitsPerByte, packDigits, writeLevels } from "./levels.ts";
import { HeadMeasure, type Origin } from "./measure-head.ts";
import { base64, base64Length, deflate } from "./pack.ts";
import type { HeadData } from "./page-data.ts";
import { Thumbnail } from "./thumbnail.ts";
import type { Turns } from "./turns.ts";

/** A head as it goes into the page. */
export interface EncodedHead {
  readonly facts: HeadData;
  readonly thumbnail: Uint8Array<ArrayBuffer>;
  /** Its record, packed, as base64. */
  readonly text: string;
}

export type HeadSizes = RecordSizes & { readonly queryOffset: number };

/** How often a head is packed at most, in search of the number of levels that fits best. */
const mostTries = 4;
/** Cells that are gone through in a fraction of a millisecond. */
const cellsAtOnce = 16_384;

/** Packs heads of one size, one after the other, in memory that they share. */
export class HeadEncoder {
  readonly #sizes: HeadSizes;
  readonly #turns: Turns;
  readonly #record: HeadRecord;
  /** sqrt(w / largest of the row) of every weight. */
  readonly #roots: Float32Array;
  readonly #levels: Uint8Array;
  readonly #guess = new SizeGuess();

  constructor(sizes: HeadSizes, turns: Turns) {
    this.#sizes = sizes;
    this.#turns = turns;
    this.#record = headRecord(sizes);
    this.#roots = new Float32Array(sizes.L * sizes.S);
    this.#levels = new Uint8Array(sizes.L * sizes.S);
  }

  /**
   * @param weights `[L, S]`
   * @param room how many characters it may have: it gets as many levels as fit
   * @throws AttentionError `ERR_OPTION` for what is no weight, or has no room even with a single level
   */
  async encode(weights: Float32Array, room: number, origin: Origin): Promise<EncodedHead> {
    const { L, S } = this.#sizes;
    const measure = new HeadMeasure(this.#sizes, this.#record, origin);
    const histogram = new RootHistogram();
    const thumbnail = new Thumbnail(L, S);
    for (let i = 0; i < L; i++) {
      const row = weights.subarray(i * S, (i + 1) * S);
      const roots = this.#roots.subarray(i * S, (i + 1) * S);
      measure.add(i, row, roots);
      histogram.add(roots);
      thumbnail.add(i, row);
      await this.#turns.due();
    }
    const figures = measure.facts();
    const { levels, packed } = await this.#fit(histogram, room, figures.hasNaN, origin);
    return {
      facts: { levels, ...figures },
      thumbnail: thumbnail.bytes(),
      text: await base64(packed, this.#turns),
    };
  }

  /** The record with the most levels for which there is room. */
  async #fit(
    histogram: RootHistogram,
    room: number,
    hasNaN: boolean,
    { name, head }: Origin,
  ): Promise<{ levels: number; packed: Uint8Array }> {
    const others = this.#record.bytes.length - this.#record.packed.length;
    let best: { levels: number; packed: Uint8Array } | undefined;
    let tooMany = Infinity;
    let needed = 0;
    for (let tries = 0; best === undefined || tries < mostTries; tries++) {
      const guessed = this.#guess.levelsFor(histogram, (room * 3) / 4 - others);
      const levels = Math.max(1, Math.min(guessed, tooMany - 1));
      if (best !== undefined && levels <= best.levels) break;
      const packed = await deflate(await this.#write(levels, hasNaN));
      needed = base64Length(packed.length);
      this.#guess.learn(levels, packed.length - others, histogram.bytes(levels));
      if (needed <= room) best = { levels, packed };
      else if (levels > 1) tooMany = levels;
      else
        throw new AttentionError(
          "ERR_OPTION",
          `"maxBytes" leaves ${Math.max(0, Math.floor(room))} bytes for head ${head} of "${name}", which takes ${needed} at its roughest`,
        );
    }
    return best;
  }

  /** The record with so many levels. */
  async #write(levels: number, hasNaN: boolean): Promise<Uint8Array<ArrayBuffer>> {
    const { bytes, packed } = this.#record;
    const values = levels + (hasNaN ? 2 : 1);
    const each = digitsPerByte(values);
    const step = each * cellsAtOnce;
    const count = this.#roots.length;
    for (let from = 0; from < count; from += step) {
      const part = [from, Math.min(count, from + step)] as const;
      writeLevels(this.#roots.subarray(...part), levels, this.#levels.subarray(...part));
      packDigits(this.#levels.subarray(...part), values, packed.subarray(from / each));
      await this.#turns.due();
    }
    return bytes.subarray(0, bytes.length - packed.length + Math.ceil(count / each));
  }
}
