// Tables as the formatter writes them.

/** Rows of cells as lines: the first columns, of text, to the left, figures to the right. */
export function align(rows, textColumns = 2) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  const isText = (column) => column < textColumns;
  const rule = widths.map((width, column) =>
    isText(column) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  const pad = (cell, column) =>
    isText(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
  const [head, ...body] = rows.map((cells) => cells.map(pad));
  return [head, rule, ...body].map((cells) => `| ${cells.join(" | ")} |`);
}

/** With spaces at which no line breaks. */
export function unbroken(text) {
  return text.replaceAll(" ", "\u00a0");
}
