import { visible } from "../../../src/inspect/text/label.ts";

const mostCharacters = 24;

/** A token as it is shown in a line: blanks visible, and not longer than a word should be. */
export function shownToken(token: string): string {
  const characters = Array.from(visible(token));
  return characters.length <= mostCharacters
    ? characters.join("")
    : `${characters.slice(0, mostCharacters - 1).join("")}…`;
}
