/** What a screen reader says of a heat map. */
import { numberText } from "./number-text.ts";
import type { Painted } from "./paint.ts";
import type { HeatMap } from "./read.ts";

/** Rows that are told one by one. */
const mostRows = 24;

export function describeMap(map: HeatMap, painted: Painted): string {
  const { H, L, S, axes, scale, per } = map;
  const [rows, columns] = axes.map((name) => visibleName(name));
  const heads = H === 1 ? "" : `${H} heads, each `;
  const range =
    painted.domain === undefined
      ? `each ${per} to its own largest`
      : `from ${numberText(painted.domain[0])} to ${numberText(painted.domain[1])}`;
  const sizes = `A heat map: ${heads}${L} ${L === 1 ? "row" : "rows"} (${rows}) by ${S} ${S === 1 ? "column" : "columns"} (${columns}). Colours follow ${scale === "log" ? "logarithms of the values" : "the values"}, ${range}.`;
  return H > 1 || L > mostRows ? sizes : `${sizes} ${strongest(map)}`;
}

function visibleName(name: string): string {
  return name.trim();
}

/** Where each row looks most. */
function strongest({ data, L, S, rowTokens, columnTokens }: HeatMap): string {
  const lines: string[] = [];
  for (let row = 0; row < L; row++) {
    let most = -1;
    for (let n = 0; n < S; n++) {
      const value = data[row * S + n]!;
      if (Number.isFinite(value) && (most < 0 || value > data[row * S + most]!)) most = n;
    }
    if (most < 0) continue;
    const value = numberText(data[row * S + most]!);
    lines.push(`${rowTokens?.[row] ?? row} most at ${columnTokens?.[most] ?? most} (${value})`);
  }
  return lines.length === 0 ? "" : `Rows look: ${lines.join("; ")}.`;
}
