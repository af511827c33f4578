/** Values into colours. */
import { colourAt, type Rgb } from "./colour-maps.ts";
import type { HeatMap } from "./read.ts";

/** Colours of a heat map: an index a weight, and what the indices mean. */
export interface Painted {
  /** `[H, L, S]`: 0 for what is no finite number, else a colour of the palette. */
  readonly indices: Uint8Array;
  /** 256 colours; the first stands for none. */
  readonly palette: readonly Rgb[];
  /** Values of the first and last colour; none where rows or heads have their own. */
  readonly domain: readonly [number, number] | undefined;
  /** Whether some weights have no colour. */
  readonly hasBlanks: boolean;
}

type Numbers = Float32Array | Float64Array;

const levels = 255;
/** A log scale reaches so far below the largest value. */
const leastShare = 1e-4;

export function paint({ data, H, L, S, stops, scale, per, domain }: HeatMap): Painted {
  const indices = new Uint8Array(data.length);
  const size = { all: H * L * S, head: L * S, row: S }[per];
  let whole: readonly [number, number] | undefined;
  for (let begin = 0; begin < data.length; begin += size) {
    const part = data.subarray(begin, begin + size);
    whole = domain ?? domainOf(part, scale);
    paintPart(part, whole, scale, indices.subarray(begin, begin + size));
  }
  const colours = Array.from({ length: levels }, (_, n) => colourAt(stops, n / (levels - 1)));
  return {
    indices,
    palette: [[0, 0, 0], ...colours],
    domain: per === "all" ? whole : undefined,
    hasBlanks: indices.includes(0),
  };
}

/** 0, or what is less, to the largest; on a log scale from the smallest above 0, between a tenth and a 10,000th of the largest. */
function domainOf(values: Numbers, scale: "linear" | "log"): readonly [number, number] {
  let [least, most, leastPositive] = [0, 0, Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > most) most = value;
    if (value > 0 && value < leastPositive) leastPositive = value;
  }
  if (scale === "linear") return [least, most];
  return [Math.max(most * leastShare, Math.min(leastPositive, most / 10)), most];
}

function paintPart(
  values: Numbers,
  [low, high]: readonly [number, number],
  scale: "linear" | "log",
  indices: Uint8Array,
): void {
  const along = (value: number): number =>
    scale === "linear" ? (value - low) / (high - low) : Math.log(value / low) / Math.log(high / low);
  for (let n = 0; n < values.length; n++) {
    const value = values[n]!;
    if (!Number.isFinite(value)) continue;
    // Of values that are all alike the first colour; of 0 on a log scale, too.
    const level = high > low && value > low ? Math.min(along(value), 1) : 0;
    indices[n] = 1 + Math.round(level * (levels - 1));
  }
}
