// Binaries that stand in a module as text. scripts/kernel-text.mjs writes it, and says why so.

const ASCII = 128;

/**
 * Reads a text in pieces.
 *
 * @param codes what stands for each byte: a character, or one that stands for none and a second one
 */
export function decode(pieces: readonly string[], codes: readonly string[]): Uint8Array<ArrayBuffer> {
  const rows = new Uint16Array(ASCII); // of the characters that stand for none; others have none
  const table: number[] = Array.from({ length: ASCII }, () => 0);
  for (const [byte, code] of codes.entries()) {
    const first = code.charCodeAt(0);
    if (code.length > 1 && rows[first] === 0) rows[first] = table.push(...table.slice(0, ASCII)) - ASCII;
    table[code.length > 1 ? rows[first]! + code.charCodeAt(1) : first] = byte;
  }
  return translate(pieces, rows, Uint8Array.from(table));
}

/** A loop over every character: the first call of a process runs it before anything has compiled it. */
function translate(pieces: readonly string[], rows: Uint16Array, table: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let length = 0;
  let row = 0;
  for (const piece of pieces)
    for (let i = 0; i < piece.length; i++) {
      const character = piece.charCodeAt(i);
      const next = rows[character]!;
      if (next !== 0) row = next;
      else {
        bytes[length++] = table[row + character]!;
        row = 0;
      }
    }
  return bytes.slice(0, length);
}
