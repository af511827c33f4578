/** Labels of rows and columns, and the room that they take. */
import { displayWidth, shorten, visible } from "../text/label.ts";

/** A label of an axis: of which row or column, counted from 0. */
export interface Tick {
  readonly at: number;
  readonly text: string;
}

/** By how many degrees labels are turned. */
export type Turn = 0 | 45 | 90;

/** Of a letter's height: letters of the usual sans-serif fonts, numbers and capitals among them. */
const letterWidth = 0.58;
const mostLetters = 16;
/** What is labelled by tokens is at least so large. */
export const leastLabelled = 9;

/** Tokens where there is room for all, else as many numbers as have the distance. */
export function ticksOf(
  tokens: readonly string[] | undefined,
  count: number,
  side: number,
  distance: number,
): Tick[] {
  if (tokens !== undefined && side >= leastLabelled)
    return tokens.map((token, at) => ({ at, text: shorten(visible(token), mostLetters) }));
  const step = stepOf(side, distance);
  return Array.from({ length: Math.ceil(count / step) }, (_, n) => ({
    at: n * step,
    text: String(n * step),
  }));
}

/** 1, 2 or 5 times a power of ten. */
function stepOf(side: number, distance: number): number {
  for (let power = 1; ; power *= 10)
    for (const step of [power, 2 * power, 5 * power]) if (step * side >= distance) return step;
}

/** About as wide as a text is drawn. */
function widthOf(text: string, letter: number): number {
  return displayWidth(text) * letter * letterWidth;
}

/** By how much turned labels begin to the left of their cells. */
export function overhang(columns: readonly Tick[], side: number, letter: number, turn: Turn): number {
  if (turn !== 45) return 0;
  const begins = columns.map(({ at, text }) => widthOf(text, letter) * Math.SQRT1_2 - (at + 0.5) * side);
  return Math.max(0, ...begins);
}

export function widest(ticks: readonly Tick[], letter: number): number {
  return Math.max(...ticks.map(({ text }) => widthOf(text, letter)));
}

/** How far turned labels reach down. */
export function depth(ticks: readonly Tick[], letter: number, turn: Turn): number {
  if (turn === 0) return letter;
  const length = widest(ticks, letter);
  return turn === 90 ? length : (length + letter) * Math.SQRT1_2;
}

/** A text cut between its words, so that each line is at most so wide; a word stays whole. */
export function inLines(text: string, letter: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && widthOf(longer, letter) > width) lines.push(word);
    else lines.splice(-1, 1, longer);
  }
  return lines;
}
