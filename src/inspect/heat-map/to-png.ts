/** Heat maps as a PNG file: cells alone, without text. */
import type { FloatTensor } from "../../validate/floats.ts";
import type { SvgOptions } from "./options.ts";
import { paint } from "./paint.ts";
import { encodePng, enlarged, type IndexedPicture } from "./png.ts";
import { type HeatMap, readHeatMap } from "./read.ts";

/** Pixels along a head that is alone, or one among others; a cell has at least one. */
const usualSide = { alone: 512, among: 192 };
/** Between heads. */
const gap = 8;

/**
 * @param weights `[L, S]` or `[H, L, S]`
 * @param options those of `toSvg` that are about colours, columns and sizes
 */
export function toPng(weights: FloatTensor, options: SvgOptions = {}): Uint8Array<ArrayBuffer> {
  const map = readHeatMap(weights, options);
  const { indices, palette } = paint(map);
  const { H, L, S } = map;
  const times = Math.max(
    1,
    Math.floor(map.cellSize ?? usualSide[H === 1 ? "alone" : "among"] / Math.max(L, S)),
  );
  const heads = Array.from({ length: H }, (_, h) =>
    enlarged({ width: S, height: L, pixels: indices.subarray(h * L * S, (h + 1) * L * S), palette }, times),
  );
  return encodePng(inGrid(heads, map));
}

/** Pictures of one size side by side and below each other, nothing between them. */
function inGrid(heads: readonly IndexedPicture[], { columns }: HeatMap): IndexedPicture {
  const [{ width, height, palette }] = heads as [IndexedPicture];
  const rows = Math.ceil(heads.length / columns);
  const wide = columns * (width + gap) - gap;
  const high = rows * (height + gap) - gap;
  const pixels = new Uint8Array(wide * high);
  for (const [h, head] of heads.entries()) {
    const first = Math.floor(h / columns) * (height + gap) * wide + (h % columns) * (width + gap);
    for (let row = 0; row < height; row++)
      pixels.set(head.pixels.subarray(row * width, (row + 1) * width), first + row * wide);
  }
  return { width: wide, height: high, pixels, palette };
}
