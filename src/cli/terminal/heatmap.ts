/** A matrix of weights as a picture of text: one line a row, one cell a column, tokens on both sides. */

import { alignRight, graphemeWidth, shorten } from "../../inspect/text/label.ts";
import { graphemes } from "../../inspect/text/segments.ts";
import { type ColourDepth, paint } from "./colours.ts";

/** What to draw. */
export interface HeatMap {
  /** One label a row and column: the tokens, made visible. */
  readonly labels: readonly string[];
  /** `[labels, labels]`, row-major; NaN is a key that its row does not attend to. */
  readonly weights: ArrayLike<number>;
  /** What stands at the end of each row. */
  readonly notes: readonly string[];
}

/** How to draw it: as many labels and notes as fit into `width` columns of a terminal. */
export interface HeatMapStyle {
  readonly width: number;
  readonly depth: ColourDepth;
}

const cellWidth = 2; // a character is twice as high as wide: two make a square
const mostRowLabel = 14;
const mostColumnLabel = 10;
const leastNote = 8;

/** How many tokens fit into a width beside the labels and the shortest useful notes. */
export function tokensThatFit(width: number, labels: readonly string[]): number {
  return Math.max(1, Math.floor((width - rowLabelWidth(labels) - 2 - leastNote) / cellWidth));
}

/**
 * Draws the picture: column labels from top to bottom, then a line for each row. Every row is scaled to
 * its own largest weight, or a row that attends to one key would leave all others dark.
 */
export function drawHeatMap(map: HeatMap, style: HeatMapStyle): string[] {
  const size = map.labels.length;
  const margin = rowLabelWidth(map.labels);
  const noteWidth = style.width - margin - 2 - size * cellWidth;
  const lines = columnLabels(map.labels).map((line) => `${" ".repeat(margin + 1)}${line}`.trimEnd());
  for (let row = 0; row < size; row++) {
    const weights = Array.from({ length: size }, (_, column) => map.weights[row * size + column]!);
    const largest = Math.max(0, ...weights.filter((weight) => !Number.isNaN(weight)));
    const cells = weights
      .map((weight) => cell(largest > 0 ? weight / largest : weight, style.depth))
      .join("");
    const note = noteWidth >= leastNote ? shorten(map.notes[row] ?? "", noteWidth) : "";
    lines.push(`${alignRight(map.labels[row]!, margin)} ${cells} ${note}`.trimEnd());
  }
  return lines;
}

/** What the shades mean, in one line. */
export function legend(depth: ColourDepth): string {
  if (depth === 1) return "░ from 5%, ▒ 25%, ▓ 50%, █ 75% of the largest weight drawn in the row.";
  const ramp = [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1].map((level) => paint("  ", level, depth));
  return `0 ${ramp.join("")} the largest weight drawn in the row.`;
}

/** One cell: `level` from 0 to 1, or NaN. */
function cell(level: number, depth: ColourDepth): string {
  if (Number.isNaN(level)) return " ".repeat(cellWidth);
  if (depth !== 1) return paint(" ".repeat(cellWidth), level, depth);
  const shade = level < 0.05 ? " " : level < 0.25 ? "░" : level < 0.5 ? "▒" : level < 0.75 ? "▓" : "█";
  return shade.repeat(cellWidth);
}

function rowLabelWidth(labels: readonly string[]): number {
  const widest = labels.reduce((most, label) => {
    const width = graphemes(label).reduce((sum, grapheme) => sum + graphemeWidth(grapheme), 0);
    return Math.max(most, width);
  }, 1);
  return Math.min(widest, mostRowLabel);
}

/** The labels written downwards, each over its column, ending just above the first row. */
function columnLabels(labels: readonly string[]): string[] {
  const columns = labels.map((label) => {
    const letters = graphemes(label);
    return letters.length <= mostColumnLabel ? letters : [...letters.slice(0, mostColumnLabel - 1), "…"];
  });
  const height = Math.max(...columns.map((letters) => letters.length));
  return Array.from({ length: height }, (_, line) =>
    columns
      .map((letters) => {
        const letter = letters[line - (height - letters.length)] ?? " ";
        return letter + " ".repeat(cellWidth - graphemeWidth(letter));
      })
      .join(""),
  );
}
