/** Tokens as a terminal can show them: no control characters, and no more columns than there are. */
import { graphemes } from "./segments.ts";

/** A token in visible characters: blanks and control characters become pictures of themselves. */
export function visible(token: string): string {
  return token
    .replace(/\r?\n/g, "⏎")
    .replaceAll("\t", "⇥")
    .replace(/\p{Zs}|\p{Zl}|\p{Zp}/gu, "␣")
    .replace(/\p{Cc}/gu, picture)
    .replace(/(?!\u200d)\p{Cf}/gu, ""); // direction marks would turn the whole line around
}

/** Unicode has pictures of the first 32 control characters and of DEL. */
function picture(control: string): string {
  const code = control.charCodeAt(0);
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "␡" : "\ufffd";
}

/** How many columns a text takes in a terminal. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const grapheme of graphemes(text)) width += graphemeWidth(grapheme);
  return width;
}

/** The text in at most `width` columns, its end replaced by … where it is longer. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = "";
  let used = 1;
  for (const grapheme of graphemes(text)) {
    used += graphemeWidth(grapheme);
    if (used > width) break;
    kept += grapheme;
  }
  return `${kept}…`;
}

/** The text, with spaces before it, in exactly `width` columns. */
export function alignRight(text: string, width: number): string {
  const shortened = shorten(text, width);
  return " ".repeat(width - displayWidth(shortened)) + shortened;
}

/** Two columns: East Asian wide and full-width characters, and what is shown as an emoji. */
const wide =
  /^(?:\p{Emoji_Presentation}|\p{Emoji}\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}])/u;
const nothing = /^[\p{Mark}\p{Cf}\p{Cc}]+$/u;

export function graphemeWidth(grapheme: string): 0 | 1 | 2 {
  if (grapheme.length === 1 && grapheme >= " " && grapheme <= "~") return 1;
  return nothing.test(grapheme) ? 0 : wide.test(grapheme) ? 2 : 1;
}
