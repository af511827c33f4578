// From weights to colours: on light ground from pale to dark, on dark ground from dark to bright, so that nothing is the ground.
import type { Head } from "./model.ts";
import type { ColourScale, Theme } from "./store.ts";

const darkQuery = matchMedia("(prefers-color-scheme: dark)");

export function isDark(theme: Theme): boolean {
  return theme === "dark" || (theme === "system" && darkQuery.matches);
}

/** Calls back when the system turns dark or light. */
export function onSystemTheme(call: () => void): void {
  darkQuery.addEventListener("change", call);
}

const steps = 256;
/** A place from 0 to 1 to a pixel, as ImageData has it: little-endian RGBA. Behind the last one lies that of NaN. */
export type Palette = Uint32Array;

/** ColorBrewer's YlGnBu, from a white that is the ground. */
const light = "ffffff f3fabf d9f0b3 a5dbb7 5ec0c0 2c9ebf 1f74b1 24489d 0b2060";
/** Matplotlib's magma, from a black that is the ground. */
const dark = "12151c 2a1a50 56187d 862781 b73779 e55063 fb8861 fec387 fcfdbf";

/** The colours of a theme. The first is the ground itself. */
export function palette(isDark: boolean): Palette {
  const stops = (isDark ? dark : light).split(" ").map(channelsOf);
  return Uint32Array.from({ length: steps + 1 }, (_, n) => {
    if (n === steps) return pixel(channelsOf(isDark ? nanOnDark : nanOnLight));
    const place = (n * (stops.length - 1)) / (steps - 1);
    const before = Math.min(stops.length - 2, Math.floor(place));
    const [from, to] = [stops[before]!, stops[before + 1]!];
    return pixel(from.map((channel, c) => Math.round(channel + (to[c]! - channel) * (place - before))));
  });
}

/** NaN is a colour that is like none of the others: red where they are green and blue, green where they are red. */
const nanOnLight = "dc3c3c";
const nanOnDark = "3ddc84";

function channelsOf(hex: string): number[] {
  return [0, 2, 4].map((place) => Number.parseInt(hex.slice(place, place + 2), 16));
}

function pixel([red, green, blue]: readonly number[]): number {
  return ((255 << 24) | (blue! << 16) | (green! << 8) | red!) >>> 0;
}

/** The colour of a place; of NaN that of NaN. */
export function cssColour(colours: Palette, place: number): string {
  const value = pixelAt(colours, place);
  return `rgb(${value & 255} ${(value >> 8) & 255} ${(value >> 16) & 255})`;
}

function pixelAt(colours: Palette, place: number): number {
  return colours[Number.isNaN(place) ? steps : Math.round(place * (steps - 1))]!;
}

/** Decades that the logarithmic scale shows. */
export const decades = 4;

/** Where colours of a scale begin. On a logarithmic one 0 alone is the ground: what is there at all can be told from it. */
export function firstPlace(scale: ColourScale): number {
  return scale === "log" ? 0.1 : 0;
}

/** Where a weight lies between nothing (0) and the most (1); NaN lies nowhere. */
export function placeOf(weight: number, largest: number, scale: ColourScale): number {
  if (Number.isNaN(weight)) return weight;
  if (!(weight > 0) || largest === 0) return 0;
  const share = Math.min(1, weight / largest);
  if (scale !== "log") return share;
  const first = firstPlace(scale);
  return first + (1 - first) * Math.max(0, 1 + Math.log10(share) / decades);
}

/** All weights of a head, a pixel each. */
export function paint(
  head: Head,
  { L, S }: { readonly L: number; readonly S: number },
  scale: ColourScale,
  colours: Palette,
): ImageData {
  const image = new ImageData(S, L);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = 0; row < L; row++) {
    const weights = head.row(row);
    const largest = scale === "row" ? head.largest(row) : head.facts.largest;
    for (let key = 0; key < S; key++)
      pixels[row * S + key] = pixelAt(colours, placeOf(weights[key]!, largest, scale));
  }
  return image;
}
