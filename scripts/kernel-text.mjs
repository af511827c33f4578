// Binaries as text for a module: src/engine/kernel-text.ts reads it. A byte is one character where it is among the most
// frequent, else two, of which the first is an escape. Hexadecimal digits are twice the text to parse, and an eighth more
// once compressed; base64, in which what repeats stands at another place of four characters, a third more.

/** Printable, and in no kind of string literal to be escaped. */
const alphabet = Array.from({ length: 0x7f - 0x23 }, (_, i) => String.fromCharCode(0x23 + i))
  .filter((character) => !"'\\`{ ".includes(character))
  .join("");
const ESCAPES = 3;
const single = alphabet.length - ESCAPES;

/**
 * How bytes are written: each byte's code, by how often it comes in the binaries.
 *
 * @param {readonly Uint8Array[]} binaries
 * @returns {string[]}
 */
export function codesFor(binaries) {
  const counts = new Array(256).fill(0);
  for (const binary of binaries) for (const byte of binary) counts[byte]++;
  const codes = [];
  const byFrequency = counts.map((_, byte) => byte).sort((a, b) => counts[b] - counts[a] || a - b);
  for (const [rank, byte] of byFrequency.entries()) {
    const row = Math.floor(rank / single);
    codes[byte] = (row === 0 ? "" : alphabet[row - 1]) + alphabet[ESCAPES + (rank % single)];
  }
  return codes;
}

/**
 * @param {Uint8Array} binary
 * @param {readonly string[]} codes
 */
export function encode(binary, codes) {
  return Array.from(binary, (byte) => codes[byte]).join("");
}
