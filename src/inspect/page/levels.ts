// Weights as few whole numbers. A row's largest weight m is known exactly; a weight w becomes the level
//
//   q = round(n sqrt(w / m)),  shown as m (q / n)^2
//
// of n levels above 0. The square root gives small weights, of which there are many, more of the levels than a linear scale
// does, and large ones more than a logarithm: what is shown is off by about sqrt(w m) / n. NaN is level n + 1.

/** Most levels above 0, so that all and NaN fit a byte. */
export const MOST_LEVELS = 254;

/** Writes the levels of roots sqrt(w / m). */
export function writeLevels(roots: Float32Array, levels: number, into: Uint8Array): void {
  for (let n = 0; n < roots.length; n++) {
    const root = roots[n]!;
    into[n] = root >= 0 ? root * levels + 0.5 : levels + 1;
  }
}

/** What is known of a row exactly: its largest weight, and the smallest of its largest ones, above which no other lies. */
export interface RowRange {
  readonly largest: number;
  readonly most: number;
}

/** What a level stands for in such a row. */
export function weightOf(level: number, levels: number, { largest, most }: RowRange): number {
  return level > levels ? Number.NaN : Math.min(most, largest * (level / levels) ** 2);
}

/** Between which two weights the one lies that has this level. */
export function boundsOf(level: number, levels: number, row: RowRange): readonly [number, number] {
  if (level > levels) return [Number.NaN, Number.NaN];
  return [
    weightOf(Math.max(0, level - 0.5), levels, row),
    weightOf(Math.min(levels, level + 0.5), levels, row),
  ];
}

/**
 * How many levels share a byte, as digits of a number to the base of all values that there are. What is compressed behind that is
 * a sixth smaller: deflate spends whole bits on a byte, and few levels are worth less.
 */
export function digitsPerByte(values: number): number {
  let digits = 1;
  while (values ** (digits + 1) <= 256) digits++;
  return digits;
}

/** Puts digits into bytes, the first one lowest. */
export function packDigits(digits: Uint8Array, values: number, into: Uint8Array): void {
  const each = digitsPerByte(values);
  for (let n = 0, first = 0; first < digits.length; n++, first += each) {
    let byte = 0;
    for (let digit = Math.min(each, digits.length - first) - 1; digit >= 0; digit--)
      byte = byte * values + digits[first + digit]!;
    into[n] = byte;
  }
}

/** Takes them out again. */
export function unpackDigits(bytes: Uint8Array, values: number, into: Uint8Array): void {
  const each = digitsPerByte(values);
  for (let n = 0, first = 0; first < into.length; n++, first += each) {
    let byte = bytes[n]!;
    for (let digit = first; digit < first + each && digit < into.length; digit++) {
      into[digit] = byte % values;
      byte = Math.floor(byte / values);
    }
  }
}
