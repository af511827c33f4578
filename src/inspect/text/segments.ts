/** A text cut into what a reader takes for characters, or into words. */

/** What a reader takes for one character, accents and emoji sequences included. */
export function graphemes(text: string): string[] {
  return Array.from(segments(text, "grapheme"), ({ segment }) => segment);
}

/** Characters that are segmented at once. */
const chunkLength = 4096;

/**
 * The segments of a text. `Intl.Segmenter` copies the whole string for every segment that it gives (so
 * V8 does), which takes a minute for a book: it gets a chunk at a time. Each chunk is cut off before its
 * last blank, or before its last two segments, as what follows may belong to them: "3.14" is one word.
 */
export function* segments(text: string, granularity: "grapheme" | "word"): Generator<Intl.SegmentData> {
  const segmenter = new Intl.Segmenter("en", { granularity });
  for (let begin = 0, end = 0; begin < text.length; begin = end) {
    end = Math.min(text.length, begin + chunkLength);
    const found = [...segmenter.segment(text.slice(begin, end))];
    if (end < text.length) {
      const blank = found.findLastIndex(({ segment }) => segment.trim() === "");
      const keep = blank > 0 ? blank : Math.max(1, found.length - 2);
      const [cut] = found.splice(keep);
      if (cut !== undefined) end = begin + cut.index;
    }
    yield* found;
  }
}
