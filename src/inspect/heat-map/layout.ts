/** Where everything of a heat map stands, in pixels. */
import type { HeatMap } from "./read.ts";
import { depth, inLines, leastLabelled, overhang, type Tick, type Turn, ticksOf, widest } from "./ticks.ts";

export interface Cell {
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Sizes of a cell. */
  readonly cell: Cell;
  /** Size of the labels' letters. */
  readonly letter: number;
  /** Left upper corner of each head's cells. */
  readonly panels: readonly { readonly x: number; readonly y: number }[];
  /** Lines of the title, with their base lines. */
  readonly title: readonly { readonly y: number; readonly text: string }[];
  readonly rows: readonly Tick[];
  readonly columns: readonly Tick[];
  /** By how much column labels are turned. */
  readonly turn: Turn;
  /** Room below a head for the labels of its columns. */
  readonly below: number;
  /** Upper edge of the legend. */
  readonly legend: number;
}

const margin = 18;
export const titleLetter = 17;
const titleLine = 22;
const titleGap = 8;
const headHeight = 22;
const gap = 26;
const legendHeight = 44;
const axisName = 18;
/** Between labels and cells. */
export const labelGap = 6;
const leastLetter = 9;
const mostLetter = 13;
/** Between numbers that stand below each other. */
const lineDistance = 16;
/** Between numbers that stand beside each other. */
const numberDistance = 34;
/** So far pictures grow for their tokens to be legible. */
const mostLabelled = { alone: 900, among: 300 };
/** To which the short side of a long map is stretched. */
const leastSide = 14;
/** What the cells of one head, and of one among others, take about. */
const usualSide = { alone: 460, among: 190 };
const mostCell = { alone: 40, among: 20 };
/** No picture is wider or higher for the number of its cells alone. */
const mostSide = 1536;
/** Cells that show their values. */
const valueCell = 34;
export const legendSize = { width: 192, height: 10 } as const;

export function layOut(map: HeatMap): Layout {
  const { H, L, S } = map;
  const cell = cellOf(map);
  const letter = Math.min(
    mostLetter,
    Math.max(leastLetter, Math.round(Math.min(cell.width, cell.height) * 0.6)),
  );
  const rows = ticksOf(map.rowTokens, L, cell.height, lineDistance);
  const columns = ticksOf(map.columnTokens, S, cell.width, numberDistance);
  const turn = map.columnTokens === undefined || cell.width < leastLabelled ? 0 : cell.width >= 14 ? 45 : 90;
  const outside = Math.max(widest(rows, letter) + labelGap, overhang(columns, cell.width, letter, turn));
  const left = Math.ceil(margin + axisName + outside);
  const right = left + map.columns * (S * cell.width + gap) - gap;
  const width = Math.ceil(Math.max(right, map.legend ? left + legendSize.width : 0) + margin);

  const title = map.title === undefined ? [] : inLines(map.title, titleLetter, width - margin - left);
  const headTop = map.heads === undefined ? 0 : headHeight;
  const top = margin + (title.length === 0 ? 0 : title.length * titleLine + titleGap) + headTop;
  const panels = Array.from({ length: H }, (_, h) => ({
    x: left + (h % map.columns) * (S * cell.width + gap),
    y: top + Math.floor(h / map.columns) * (L * cell.height + headTop + gap),
  }));
  const below = Math.ceil(labelGap + depth(columns, letter, turn));
  const legend = panels.at(-1)!.y + L * cell.height + below + axisName + gap / 2;
  const height = Math.ceil(legend + (map.legend ? legendHeight : 0));
  const titleLines = title.map((text, n) => ({ y: margin + titleLine * n + 16, text }));
  return { width, height, cell, letter, panels, title: titleLines, rows, columns, turn, below, legend };
}

/** Squares, unless those of a long side would be too small for the other to be seen. */
function cellOf({ H, L, S, values, cellSize, rowTokens, columnTokens }: HeatMap): Cell {
  if (cellSize !== undefined) return { width: cellSize, height: cellSize };
  const kind = H === 1 ? "alone" : "among";
  const fitting = (count: number): number => {
    const side = usualSide[kind] / count;
    return side >= 1
      ? Math.min(mostCell[kind], Math.round(side))
      : Math.max(side, Math.min(1, mostSide / count));
  };
  const [labelled, longest] = [(rowTokens ?? columnTokens) !== undefined, Math.max(L, S)];
  const legible = labelled && longest * leastLabelled <= mostLabelled[kind] ? leastLabelled : 0;
  const square = Math.max(fitting(longest), legible, values ? valueCell : 0);
  const sideOf = (count: number): number => Math.max(square, Math.min(fitting(count), leastSide));
  return { width: sideOf(S), height: sideOf(L) };
}
