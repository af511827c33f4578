import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { isArray } from "../typed-array.ts";

/** Refuses what is no string. */
export function checkText(name: string, value: unknown): void {
  if (typeof value === "string") return;
  throw new AttentionError("ERR_OPTION", `"${name}" expected a string, got ${describe(value)}`);
}

/**
 * Refuses what is no list of strings.
 *
 * @param most how many there may be; a longer list is refused before it is gone through
 */
export function checkTexts(name: string, list: unknown, most: number): asserts list is readonly string[] {
  if (!isArray(list))
    throw new AttentionError("ERR_OPTION", `"${name}" expected an array of strings, got ${describe(list)}`);
  if (!(list.length <= most))
    throw new AttentionError("ERR_OPTION", `"${name}" expected at most ${most} strings, got ${list.length}`);
  const wrong = list.findIndex((text) => typeof text !== "string");
  if (wrong >= 0)
    throw new AttentionError(
      "ERR_OPTION",
      `"${name}" expected strings, got ${describe(list[wrong])} in place ${wrong}`,
    );
}
