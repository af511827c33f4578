import type { FloatTensor } from "../../validate/floats.ts";
import { escaped } from "../text/escape.ts";
import { drawCells } from "./cells.ts";
import { describeMap } from "./describe-map.ts";
import { element } from "./elements.ts";
import { type Layout, labelGap, layOut, titleLetter } from "./layout.ts";
import { drawLegend } from "./legend.ts";
import type { SvgOptions } from "./options.ts";
import { paint as paintMap } from "./paint.ts";
import { type HeatMap, readHeatMap } from "./read.ts";
import { type Paint, painter, rootClass, styleOf } from "./theme.ts";
import type { Tick } from "./ticks.ts";

const fonts = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif";

/**
 * Weights as a picture: a heat map of one head, or a grid of several, as the text of an SVG file. Rows are queries, columns keys;
 * what is no finite number stays blank. Few cells are elements, each with its value as a tooltip; many become pixels, so that
 * the file stays small.
 *
 * It brings its own ground and is legible on light and dark pages, carries a title and a description for screen readers, and
 * loads nothing.
 *
 * @param weights `[L, S]` or `[H, L, S]`, at most 2^24 numbers, of float32 or float64
 * @throws AttentionError `ERR_DTYPE`, `ERR_SHAPE`, `ERR_OPTION` for arguments that do not fit
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { toSvg } from "wasm-attention/inspect";
 * const weights = tensor([1, 0, 0.25, 0.75], [2, 2]);
 * const svg = toSvg(weights, { tokens: ["the", "cat"], title: "Head 3" });
 * console.log(svg.slice(0, 4), svg.includes("cat → the: 0.25")); // <svg true
 * ```
 */
export function toSvg(weights: FloatTensor, options: SvgOptions = {}): string {
  const map = readHeatMap(weights, options);
  const [painted, layout, paint] = [paintMap(map), layOut(map), painter(map.theme)];
  const { width, height } = layout;
  const ground = { x: 0.5, y: 0.5, width: width - 1, height: height - 1, rx: 6 };
  const content = [
    element("title", {}, escaped(map.title ?? "Attention weights")),
    element("desc", {}, escaped(map.description ?? describeMap(map, painted))),
    styleOf(map.theme),
    element("rect", { ...ground, ...paint("ground", "border") }),
    ...drawTitle(layout, paint),
    ...layout.panels.map((_, head) =>
      drawHead(map, layout, paint, head, drawCells(map, painted, layout, head)),
    ),
    drawAxisNames(map, layout, paint),
    map.legend ? drawLegend(map, painted, layout, paint) : "",
  ];
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    class: rootClass(map.theme),
    "font-family": fonts,
  };
  return `${element("svg", attributes, "\n", ...content.filter((part) => part !== "").map((part) => `${part}\n`))}\n`;
}

function drawTitle({ title, panels }: Layout, paint: Paint): string[] {
  const attributes = { x: panels[0]!.x, "font-size": titleLetter, "font-weight": 600, ...paint("ink") };
  return title.map(({ y, text }) => element("text", { ...attributes, y }, escaped(text)));
}

/** Cells in a frame, the head's name above, labels at the outer sides of the grid. */
function drawHead(map: HeatMap, layout: Layout, paint: Paint, head: number, cells: string): string {
  const { H, L, S, heads, columns } = map;
  const { x, y } = layout.panels[head]!;
  const { cell } = layout;
  const frame = { x: x - 1, y: y - 1, width: S * cell.width + 1, height: L * cell.height + 1 };
  const name = heads?.[head];
  const nameAt = { x, y: y - 8, "font-size": 13, "font-weight": 600 };
  return element(
    "g",
    {},
    name === undefined ? "" : element("text", { ...nameAt, ...paint("ink") }, escaped(name)),
    cells,
    element("rect", { ...frame, ...paint("none", "border") }),
    head % columns === 0 ? drawRowLabels(layout, paint, head) : "",
    head + columns >= H ? drawColumnLabels(layout, paint, head, L) : "",
  );
}

function drawRowLabels({ panels, rows, cell, letter }: Layout, paint: Paint, head: number): string {
  const { x, y } = panels[head]!;
  const attributes = { "font-size": letter, "text-anchor": "end", ...paint("ink") };
  const label = ({ at, text }: Tick): string =>
    element("text", { x: x - labelGap, y: y + (at + 0.5) * cell.height, dy: "0.35em" }, escaped(text));
  return element("g", attributes, ...rows.map(label));
}

function drawColumnLabels(layout: Layout, paint: Paint, head: number, L: number): string {
  const { panels, columns, cell, letter, turn } = layout;
  const { x, y } = panels[head]!;
  const top = y + L * cell.height + labelGap;
  const label = ({ at, text }: Tick): string => {
    const left = x + (at + 0.5) * cell.width;
    if (turn === 0) return element("text", { x: left, y: top, dy: "0.8em" }, escaped(text));
    const place = `translate(${left.toFixed(1)} ${top.toFixed(1)}) rotate(-${turn})`;
    return element("text", { transform: place, dy: turn === 90 ? "0.35em" : "0.6em" }, escaped(text));
  };
  const anchor = turn === 0 ? "middle" : "end";
  return element("g", { "font-size": letter, "text-anchor": anchor, ...paint("ink") }, ...columns.map(label));
}

/** Once for all heads: the rows' at the left, the columns' below the first. */
function drawAxisNames({ axes, H, L, S, columns }: HeatMap, layout: Layout, paint: Paint): string {
  const { panels, cell, below } = layout;
  const [first, last] = [panels[0]!, panels[H - 1]!];
  const grid = { right: panels[columns - 1]!.x + S * cell.width, bottom: last.y + L * cell.height };
  const middle = { x: (first.x + grid.right) / 2, y: (first.y + grid.bottom) / 2 };
  const attributes = { "font-size": 12, "text-anchor": "middle", ...paint("muted") };
  const rowName = { transform: `translate(24 ${middle.y.toFixed(1)}) rotate(-90)` };
  const columnName = { x: middle.x, y: grid.bottom + below + 14 };
  return element(
    "g",
    attributes,
    element("text", rowName, escaped(axes[0])),
    element("text", columnName, escaped(axes[1])),
  );
}
