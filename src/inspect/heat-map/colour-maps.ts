/** The colours of heat maps: tables of 33 colours, between which the rest is drawn straight. */

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** A colour map by name. */
export type ColourMap = "viridis" | "magma" | "cividis" | "blues" | "greys";

/**
 * Every 32nd part of the maps as d3-scale-chromatic has them, off by 3 of 255 at most in between: viridis and magma by N. Smith
 * and S. van der Walt (CC0), cividis by J. Nuñez, C. Anderton and R. Renslow, blues and greys after C. Brewer. The first three
 * brighten evenly, and read the same to the colour-blind.
 */
const tables: Readonly<Record<ColourMap, string>> = {
  viridis:
    "440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d2f6b8e2c728e297a8e26828e23898e" +
    "21918c1f988b1fa08822a78528ae8032b67a3fbc734ec36b5ec96270cf5784d44b98d83eaddc30c2df23d8e219ece51b" +
    "fde725",
  magma:
    "0000040303120a0822130d341d114729115a36106b440f7651127c5d177f6a1c81762181832681902a819c2e7faa337d" +
    "b73779c43c75d0416fdc4869e75263ef5d5ef56b5cf9795dfc8961fd9869fea772feb67cfec488fed395fde2a3fcf0b2" +
    "fcfdbf",
  cividis:
    "00205100265d012b6508316911366c1c3c6e26426e31476e3c4d6e47536d51586e5a5e6e62646f6a6a70727071797673" +
    "7f7c758682768c8877938e789a9478a19b78a9a177b2a874bbaf71c5b66dcebd68d8c462e2cb5cebd355f3da4ffae249" +
    "fdea45",
  blues:
    "f7fbfff1f7fdebf3fbe4eff9deebf7d8e7f5d2e3f3cbdff1c3dbeebbd7ebb1d2e8a7cde59cc8e291c2de84bcdb78b5d8" +
    "6daed561a7d257a0ce4d99ca4391c63a89c23281bd2a79b92271b41b69ae1561a81059a10c51980a498e094083083877" +
    "08306b",
  greys:
    "fffffffbfbfbf7f7f7f3f3f3efefefeaeaeae4e4e4dededed8d8d8d2d2d2cbcbcbc3c3c3bbbbbbb2b2b2a9a9a9a0a0a0" +
    "9797978e8e8e8585857c7c7c7373736b6b6b6262625959595050504646463b3b3b3131312626261c1c1c131313090909" +
    "000000",
};

export const colourMaps: readonly ColourMap[] = Object.keys(tables) as ColourMap[];

/** The colours of a map at equal distances, the first for the lowest value. */
export function stopsOf(map: ColourMap): readonly Rgb[] {
  return tables[map].match(/.{6}/g)!.map((digits) => fromHex(`#${digits}`)!);
}

/** `#rrggbb` in numbers; nothing for what is spelled otherwise. */
export function fromHex(text: string): Rgb | undefined {
  if (!/^#[\da-f]{6}$/i.test(text)) return undefined;
  const number = Number.parseInt(text.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

export function toHex(colour: Rgb): string {
  return `#${colour.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/** The colour at a level from 0 to 1. */
export function colourAt(stops: readonly Rgb[], level: number): Rgb {
  const at = Math.min(Math.max(level, 0), 1) * (stops.length - 1);
  const [low, high] = [stops[Math.floor(at)]!, stops[Math.ceil(at)]!];
  const part = (i: 0 | 1 | 2): number => Math.round(low[i] + (high[i] - low[i]) * (at % 1));
  return [part(0), part(1), part(2)];
}

/** Whether black reads better on a colour than white: where it has more than 0.18 of white's luminance (WCAG 2). */
export function isLight(colour: Rgb): boolean {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18;
}
