// What tokens are called. They are anybody's text: here they become visible characters.
import { visible } from "../inspect/text/label.ts";

/** One side's tokens. */
export class Labels {
  readonly #tokens: readonly string[] | undefined;
  readonly #what: string;

  constructor(tokens: readonly string[] | undefined, what: "query" | "key") {
    this.#tokens = tokens;
    this.#what = what;
  }

  /** The token alone: its text, or its number where there are no texts. */
  short(n: number): string {
    const token = this.#tokens?.[n];
    return token === undefined ? String(n) : shown(token);
  }

  /** At most so many characters. */
  cut(n: number, most: number): string {
    const characters = Array.from(this.short(n));
    return characters.length <= most ? characters.join("") : `${characters.slice(0, most - 1).join("")}…`;
  }

  /** With its place: cat (query 3). */
  full(n: number): string {
    return this.#tokens === undefined ? `${this.#what} ${n}` : `${this.short(n)} (${this.#what} ${n})`;
  }

  /** Whether a text's next line begins behind this token. */
  endsLine(n: number): boolean {
    return this.#tokens?.[n]?.includes("\n") ?? false;
  }
}

function shown(token: string): string {
  const text = visible(token);
  if (text !== "") return text;
  // Of nothing but characters that one does not see, their numbers.
  return token === "" ? "∅" : Array.from(token, codeOf).join(" ");
}

function codeOf(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}
