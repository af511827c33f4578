import { RootHistogram, SizeGuess } from "./fit-levels.ts";
import { type HeadRecord, headRecord, type RecordSizes } from "./head-record.ts";
import { digitsPerByte, packDigits, writeLevels } from "./levels.ts";
import { HeadMeasure, type Origin } from "./measure-head.ts";
import { base64, base64Length, deflate } from "./pack.ts";
import type { HeadData } from "./page-data.ts";
import { writePlanes } from "./planes.ts";
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

/** Weights from whose size that of all is guessed. */
const probed = 16_384;
/** How often a head is packed at most, in search of the number of levels that fits best. */
const mostTries = 4;
/** Cells that are gone through in a fraction of a millisecond. */
const cellsAtOnce = 16_384;

/** A head that takes so many characters with a single level, more than there are for it. */
export class NoRoom extends Error {
  readonly needed: number;

  constructor(needed: number) {
    super(`${needed} characters`);
    this.needed = needed;
  }
}

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
   * @param room how many characters it may have: its weights are stored as they are where they fit, else with as many levels
   *   as do
   * @throws AttentionError `ERR_OPTION` for what is no weight
   * @throws NoRoom where even a single level does not fit
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
    const exact = await this.#fitExactly(weights, room);
    const { levels, packed } = exact ?? (await this.#fit(histogram, room, figures.hasNaN));
    return {
      facts: { levels, ...figures },
      thumbnail: thumbnail.bytes(),
      text: await base64(packed, this.#turns),
    };
  }

  /** The record with all weights as they are, if there is room for it. */
  async #fitExactly(
    weights: Float32Array,
    room: number,
  ): Promise<{ levels: null; packed: Uint8Array } | undefined> {
    const least = (await this.#leastBytes(weights)) + this.#others.length;
    if (base64Length(least) > room) return undefined;
    const bytes = new Uint8Array(this.#others.length + 4 * weights.length);
    bytes.set(this.#others);
    const planes = bytes.subarray(this.#others.length);
    for (let from = 0; from < weights.length; from += cellsAtOnce) {
      writePlanes(weights, from, Math.min(weights.length, from + cellsAtOnce), planes);
      await this.#turns.due();
    }
    const packed = await deflate(bytes);
    return base64Length(packed.length) <= room ? { levels: null, packed } : undefined;
  }

  /** Half of what the weights should take, by rows from everywhere: a head that is far too large is not packed in vain. */
  async #leastBytes(weights: Float32Array): Promise<number> {
    const { L, S } = this.#sizes;
    const rows = Math.max(1, Math.floor(probed / S));
    if (rows >= L) return 0;
    const some = new Float32Array(rows * S);
    for (let n = 0; n < rows; n++) {
      const from = Math.floor(((n + 0.5) * L) / rows) * S;
      some.set(weights.subarray(from, from + S), n * S);
    }
    const planes = new Uint8Array(4 * some.length);
    writePlanes(some, 0, some.length, planes);
    return ((await deflate(planes)).length * L) / rows / 2;
  }

  /** The part of the record before the weights. */
  get #others(): Uint8Array {
    const { bytes, packed } = this.#record;
    return bytes.subarray(0, bytes.length - packed.length);
  }

  /** The record with the most levels for which there is room. */
  async #fit(
    histogram: RootHistogram,
    room: number,
    hasNaN: boolean,
  ): Promise<{ levels: number; packed: Uint8Array }> {
    const others = this.#others.length;
    let best: { levels: number; packed: Uint8Array } | undefined;
    let tooMany = Infinity;
    for (let tries = 0; best === undefined || tries < mostTries; tries++) {
      const guessed = this.#guess.levelsFor(histogram, (room * 3) / 4 - others);
      const levels = Math.max(1, Math.min(guessed, tooMany - 1));
      if (best !== undefined && levels <= best.levels) break;
      const packed = await deflate(await this.#write(levels, hasNaN));
      const needed = base64Length(packed.length);
      this.#guess.learn(levels, packed.length - others, histogram.bytes(levels));
      if (needed <= room) best = { levels, packed };
      else if (levels > 1) tooMany = levels;
      else throw new NoRoom(needed);
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
