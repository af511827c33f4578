/** Text in columns: the first to the left, the others to the right; `null` is a line across. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[] | null)[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row?.[column]?.length ?? 0)),
  );
  const line = widths.map((width) => "-".repeat(width)).join("  ");
  const format = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join("  ")
      .trimEnd();
  return [format(header), line, ...rows.map((row) => (row ? format(row) : line))].join("\n");
}

/** Three significant digits, as many as noise leaves meaning to. */
export function formatNumber(x: number): string {
  if (x === 0 || !Number.isFinite(x)) return String(x);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(x))));
  return x.toFixed(Math.min(digits, 4));
}
