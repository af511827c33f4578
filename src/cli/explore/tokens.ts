import { graphemes, segments } from "../../inspect/text/segments.ts";
import type { TokenUnit } from "./options.ts";

/** A text as the layer sees it. */
export interface Tokens {
  /** What the tokens are: what was asked for, or words where subwords are not to be had. */
  readonly unit: TokenUnit;
  /** The tokens' texts, in order. */
  readonly texts: readonly string[];
  /** Which row of the embedding each token is: numbered as they first appear. */
  readonly ids: Int32Array;
  /** How many different tokens there are. */
  readonly distinct: number;
  /** How many tokens the whole text has, of which `texts` may be the first. */
  readonly total: number;
  /** Why the unit is not the one asked for. */
  readonly note?: string;
}

/** What gpt-tokenizer makes of a text: the codes of a vocabulary, and what each spells. */
export interface SubwordTokenizer {
  encode(text: string, options: { disallowedSpecial: Set<string> }): number[];
  decode(codes: number[]): string;
}

/** Splits a text into its first `limit` tokens; into words where subwords are asked for without a tokenizer. */
export function tokenize(
  text: string,
  unit: TokenUnit,
  limit: number = Infinity,
  tokenizer?: SubwordTokenizer,
): Tokens {
  if (unit === "characters") return number(unit, graphemes(text), limit);
  if (unit === "words") return number(unit, words(text), limit);
  if (tokenizer === undefined)
    return {
      ...number("words", words(text), limit),
      note: "subwords need the package gpt-tokenizer (npm install gpt-tokenizer); split into words instead",
    };
  // Texts that look like control tokens, <|endoftext|> say, are plain text here.
  const codes = tokenizer.encode(text, { disallowedSpecial: new Set() });
  const { ids, distinct } = numberAsTheyAppear(codes.slice(0, limit));
  const spelled = new Map<number, string>();
  const texts = Array.from(ids, (id, i) => {
    if (!spelled.has(id)) spelled.set(id, tokenizer.decode([codes[i]!]) || "\ufffd"); // part of a character
    return spelled.get(id)!;
  });
  return { unit, texts, ids, distinct, total: codes.length };
}

/**
 * Words and punctuation marks, without the space between them. A run of one mark (``` or ---) is one
 * token, which keeps Markdown readable.
 */
export function words(text: string): string[] {
  const found: string[] = [];
  let adjacent = false;
  for (const { segment, isWordLike } of segments(text, "word")) {
    const last = found.length - 1;
    const blank = segment.trim() === "";
    if (adjacent && !blank && !isWordLike && found[last]!.startsWith(segment)) found[last] += segment;
    else if (!blank) found.push(segment);
    adjacent = !blank;
  }
  return found;
}

function number(unit: TokenUnit, texts: string[], limit: number): Tokens {
  const kept = texts.slice(0, limit);
  return { unit, texts: kept, ...numberAsTheyAppear(kept), total: texts.length };
}

function numberAsTheyAppear(tokens: readonly (string | number)[]): { ids: Int32Array; distinct: number } {
  const known = new Map<string | number, number>();
  const ids = Int32Array.from(tokens, (token: string | number) => {
    const id = known.get(token) ?? known.size;
    known.set(token, id);
    return id;
  });
  return { ids, distinct: known.size };
}
