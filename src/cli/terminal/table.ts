/** Text in columns and lines. */
import type { ColourDepth } from "./colours.ts";

/** The terminal, or what stands for one. */
export interface Page {
  readonly width: number;
  readonly depth: ColourDepth;
}

/** A name, a figure, and what it means. */
export type Row = readonly [name: string, value: string, remark: string];

/** Aligned columns; a remark that does not fit goes on below itself. */
export function table(rows: readonly Row[], page: Page): string[] {
  const first = Math.max(...rows.map(([name]) => name.length));
  const second = Math.max(...rows.map(([, value]) => value.length));
  const margin = first + second + 4;
  return rows.flatMap(([name, value, remark]) =>
    wrap(remark, Math.max(20, page.width - margin)).map((line, i) =>
      i === 0
        ? `${name.padEnd(first)}  ${value.padStart(second)}  ${line}`.trimEnd()
        : " ".repeat(margin) + line,
    ),
  );
}

/** Lines of at most so many columns; a longer word stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    const joined = lines[last] === "" ? word : `${lines[last]} ${word}`;
    if (joined.length <= width || lines[last] === "") lines[last] = joined;
    else lines.push(word);
  }
  return lines;
}

/** Rows in columns two blanks apart; those numbered in `right` end together instead of beginning together. */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number): string =>
    right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  return rows.map((row) => row.map(pad).join("  ").trimEnd());
}
