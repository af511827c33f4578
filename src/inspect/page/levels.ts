// Weights as few whole numbers. A row's largest weight m is known exactly; a weight w becomes the level
//
//   q = round(n sqrt(w / m)),  shown as m (q / n)^2
//
// of n levels above 0. The square root gives small weights, of which there are many, more of the levels than a linear scale
// does, and large ones more than a logarithm: what is shown is off by about sqrt(w m) / n.

/** A weight that is NaN. */
export const NAN_LEVEL = 255;
/** Most levels above 0 that fit a byte, NaN beside. */
export const MOST_LEVELS = 254;

/** Writes the levels of roots sqrt(w / m), of which a NaN stays one. */
export function writeLevels(roots: Float32Array, levels: number, into: Uint8Array): void {
  for (let n = 0; n < roots.length; n++) {
    const root = roots[n]!;
    into[n] = root >= 0 ? root * levels + 0.5 : NAN_LEVEL;
  }
}

/** What a level stands for in a row whose largest weight is `largest`. */
export function weightOf(level: number, levels: number, largest: number): number {
  return level === NAN_LEVEL ? Number.NaN : largest * (level / levels) ** 2;
}

/** Between which two weights the one lies that has this level. */
export function boundsOf(level: number, levels: number, largest: number): readonly [number, number] {
  const at = (place: number): number => weightOf(Math.min(levels, Math.max(0, place)), levels, largest);
  return [at(level - 0.5), at(level + 0.5)];
}
