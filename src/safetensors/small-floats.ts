// Floats of 8 and 16 bits to float32 and back. Widening is exact, narrowing rounds to the nearest, ties to even.

/** A format with `exponent` and `fraction` bits; `finite` ones have NaN alone beyond their largest number. */
interface SmallFloat {
  readonly exponent: number;
  readonly fraction: number;
  readonly finite?: boolean;
}

const formats: Readonly<Record<"F16" | "F8_E4M3" | "F8_E5M2", SmallFloat>> = {
  F16: { exponent: 5, fraction: 10 },
  F8_E4M3: { exponent: 4, fraction: 3, finite: true },
  F8_E5M2: { exponent: 5, fraction: 2 },
};

/** float32 bits of every value, made when a format is first read: looking them up is faster than computing them. */
const tables: Partial<Record<keyof typeof formats, Uint32Array>> = {};

/** Values of a small format, given as their bits, as float32. */
export function widenSmallFloat(
  format: keyof typeof formats,
  values: Uint16Array | Uint8Array,
): Float32Array<ArrayBuffer> {
  const table = (tables[format] ??= widenAll(formats[format]));
  const words = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) words[i] = table[values[i]!]!;
  return new Float32Array(words.buffer);
}

function widenAll({ exponent, fraction, finite = false }: SmallFloat): Uint32Array {
  const bias = 2 ** (exponent - 1) - 1;
  const words = new Uint32Array(2 ** (1 + exponent + fraction));
  const floats = new Float32Array(words.buffer);
  const half = words.length / 2;
  const infinity = (2 ** exponent - 1) * 2 ** fraction;
  for (let bits = 0; bits < half; bits++) {
    const power = bits >> fraction;
    const rest = bits % 2 ** fraction;
    if (finite ? bits === half - 1 : bits >= infinity)
      words[bits] = 0x7f800000 | (rest << (23 - fraction)); // infinity, or the same NaN
    else if (power === 0) floats[bits] = rest * 2 ** (1 - bias - fraction);
    else floats[bits] = (2 ** fraction + rest) * 2 ** (power - bias - fraction);
    words[half + bits] = words[bits]! | 0x80000000;
  }
  return words;
}

/** bfloat16 is the upper half of float32. */
export function widenBfloat16(values: Uint16Array): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) words[i] = values[i]! << 16;
  return new Float32Array(words.buffer);
}

export function narrowBfloat16(values: Float32Array): Uint16Array {
  const words = wordsOf(values);
  const narrow = new Uint16Array(words.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    // A NaN whose bits all lie below would become infinity.
    if ((word & 0x7fffffff) > 0x7f800000) narrow[i] = (word >>> 16) | ((word & 0x7f0000) === 0 ? 0x40 : 0);
    else narrow[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return narrow;
}

export function narrowFloat16(values: Float32Array): Uint16Array {
  const words = wordsOf(values);
  const narrow = new Uint16Array(words.length);
  const sum = new Float32Array(1);
  const sumBits = new Uint32Array(sum.buffer);
  for (let i = 0; i < words.length; i++) {
    const magnitude = words[i]! & 0x7fffffff;
    let half: number;
    if (magnitude > 0x7f800000) half = 0x7c00 | ((magnitude >>> 13) & 0x3ff || 0x200);
    // From 65520 on the nearest would be 65536, which is infinity.
    else if (magnitude >= 0x477ff000) half = 0x7c00;
    else if (magnitude >= 0x38800000)
      half = (magnitude - (112 << 23) + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    else {
      // Below 2^-14 halves are multiples of 2^-24, as float32 is between 1/2 and 1: the sum rounds.
      sum[0] = Math.abs(values[i]!) + 0.5;
      half = sumBits[0]! - 0x3f000000;
    }
    narrow[i] = ((words[i]! >>> 16) & 0x8000) | half;
  }
  return narrow;
}

function wordsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}
