import { AttentionError } from "../../errors.ts";
import { RootHistogram } from "./fit-levels.ts";
import { type HeadRecord, headRecord, type RecordSizes } from "./head-record.ts";
import { MOST_LEVELS, writeLevels } from "./levels.ts";
import { type HeadFacts, measureHead, type Origin } from "./measure-head.ts";
import { base64, base64Length, deflate } from "./pack.ts";
import { drawThumbnail } from "./thumbnail.ts";
import type { Turns } from "./turns.ts";

/** A head as it goes into the page. */
export interface EncodedHead {
  readonly facts: HeadFacts & { readonly levels: number };
  /** Its record, packed, as base64. */
  readonly text: string;
}

/** Packs heads of one size, one after the other, in memory that they share. */
export class HeadEncoder {
  readonly #sizes: RecordSizes & { readonly queryOffset: number };
  readonly #turns: Turns;
  readonly #record: HeadRecord;
  readonly #roots: Float32Array;
  /** How many bytes the last head took for each that was expected. */
  #measured = 1;

  constructor(sizes: RecordSizes & { readonly queryOffset: number }, turns: Turns) {
    this.#sizes = sizes;
    this.#turns = turns;
    this.#record = headRecord(sizes);
    this.#roots = new Float32Array(sizes.L * sizes.S);
  }

  /**
   * @param room how many characters it may have: it gets as many levels as fit
   * @throws AttentionError `ERR_OPTION` for what is no weight, or has no room even with a single level
   */
  async encode(
    weights: Float32Array,
    room: number,
    thumbnail: Uint8Array,
    origin: Origin,
  ): Promise<EncodedHead> {
    const facts = await measureHead(weights, this.#sizes, this.#record, this.#roots, origin, this.#turns);
    drawThumbnail(weights, this.#sizes.L, this.#sizes.S, thumbnail);
    await this.#turns.due();
    const histogram = new RootHistogram(this.#roots);
    await this.#turns.due();
    const { bytes, levels: place } = this.#record;
    const others = bytes.length - place.length;
    let levels = this.#guess(histogram, (room * 3) / 4 - others);
    for (;;) {
      await this.#writeLevels(levels);
      const packed = await deflate(bytes);
      const expected = histogram.bytes(levels);
      if (expected > 0) this.#measured = Math.max(0.01, (packed.length - others) / expected);
      if (base64Length(packed.length) <= room) return { facts: { ...facts, levels }, text: base64(packed) };
      if (levels === 1)
        throw new AttentionError(
          "ERR_OPTION",
          `"maxBytes" leaves ${Math.floor(room)} bytes for head ${origin.head} of "${origin.name}", which takes ${base64Length(packed.length)} at its roughest`,
        );
      levels = Math.min(levels - 1, this.#guess(histogram, (room * 3) / 4 - others));
    }
  }

  #guess(histogram: RootHistogram, bytes: number): number {
    return Math.max(1, Math.min(MOST_LEVELS, histogram.levelsFor((0.99 * bytes) / this.#measured)));
  }

  async #writeLevels(levels: number): Promise<void> {
    const { L, S } = this.#sizes;
    const rows = Math.max(1, Math.floor(65_536 / S));
    for (let i = 0; i < L; i += rows) {
      const part = [i * S, Math.min(L, i + rows) * S] as const;
      writeLevels(this.#roots.subarray(...part), levels, this.#record.levels.subarray(...part));
      await this.#turns.due();
    }
  }
}
