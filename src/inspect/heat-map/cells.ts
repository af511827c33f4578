/** The cells of one head: an element each where they are few, else a picture of pixels. */

import { toBase64 } from "../bytes.ts";
import { escaped } from "../text/escape.ts";
import { isLight, toHex } from "./colour-maps.ts";
import { element } from "./elements.ts";
import type { Layout } from "./layout.ts";
import { numberText } from "./number-text.ts";
import type { Painted } from "./paint.ts";
import { compresses, encodePng, enlarged } from "./png.ts";
import type { HeatMap } from "./read.ts";

/** Cells that are elements, of all heads: about 100 kB. */
const mostElements = 1200;
/** Along the longer side of a picture whose cells have several. */
const mostPixels = 1024;
/** From here on cells stand apart by a pixel. */
const leastApart = 14;

export function drawCells(map: HeatMap, painted: Painted, layout: Layout, head: number): string {
  const isFew = map.data.length <= mostElements || map.values;
  return isFew ? drawElements(map, painted, layout, head) : drawPixels(map, painted, layout, head);
}

function drawElements(map: HeatMap, { indices, palette }: Painted, layout: Layout, head: number): string {
  const { L, S, data } = map;
  const { cell, panels } = layout;
  const { x, y } = panels[head]!;
  const apart = Math.min(cell.width, cell.height) >= leastApart ? 1 : 0;
  const size = { width: cell.width - apart, height: cell.height - apart };
  const cells: string[] = [];
  for (let n = 0; n < L * S; n++) {
    const index = indices[head * L * S + n]!;
    if (index === 0) continue;
    const [row, column] = [Math.floor(n / S), n % S];
    const [left, top] = [x + column * cell.width, y + row * cell.height];
    const value = data[head * L * S + n]!;
    const said = `${nameOf(map.rowTokens, row)} → ${nameOf(map.columnTokens, column)}: ${numberText(value)}`;
    const attributes = { x: left, y: top, ...size, fill: toHex(palette[index]!) };
    cells.push(element("rect", attributes, element("title", {}, escaped(said))));
    if (!map.values) continue;
    const middle = {
      x: left + size.width / 2,
      y: top + size.height / 2,
      "font-size": 11,
      "text-anchor": "middle",
    };
    const fill = isLight(palette[index]!) ? "#000000" : "#ffffff";
    cells.push(element("text", { ...middle, dy: "0.36em", fill, "pointer-events": "none" }, inCell(value)));
  }
  return element("g", { "shape-rendering": "crispEdges" }, ...cells);
}

/**
 * Browsers show pixels as they are. Other programs smooth them, whatever the file says: they get 4 to 8 for a cell, where
 * compression makes that cost little. Of two or three alike deflate makes nothing.
 */
function enlargement(L: number, S: number): number {
  const times = Math.floor(mostPixels / Math.max(L, S));
  return times >= 4 && compresses() ? Math.min(times, 8) : 1;
}

function nameOf(tokens: readonly string[] | undefined, n: number): string {
  return tokens?.[n] ?? String(n);
}

/** Weights with two decimals; what is larger as short. */
function inCell(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(2) : String(Number(value.toPrecision(3)));
}

function drawPixels({ L, S }: HeatMap, { indices, palette }: Painted, layout: Layout, head: number): string {
  const pixels = indices.subarray(head * L * S, (head + 1) * L * S);
  const png = encodePng(enlarged({ width: S, height: L, pixels, palette }, enlargement(L, S)));
  const { cell, panels } = layout;
  return element("image", {
    ...panels[head]!,
    width: S * cell.width,
    height: L * cell.height,
    preserveAspectRatio: "none",
    style: "image-rendering:pixelated",
    "image-rendering": "optimizeSpeed",
    href: `data:image/png;base64,${toBase64(png)}`,
  });
}
