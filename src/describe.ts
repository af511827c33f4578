// Values and reasons in the words of an error message. Nothing here throws, whatever it is given.

import { arrayType } from "./typed-array.ts";

const LONGEST_TEXT = 60;

/** A value as an error message shows it. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  const type = arrayType(value);
  if (type === "number" || type === "boolean" || type === "undefined") return String(value);
  if (type === "bigint") return `${value}n`;
  if (type === "string") return quoted(value as string);
  return type === "object"
    ? "an object"
    : type === "function" || type === "symbol"
      ? `a ${type}`
      : `${/^[AEIOU]/.test(type) ? "an" : "a"} ${type}`;
}

/** A text as an error message shows it: in quotes, its end left out where it is long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}...` : text);
}

const MOST_LISTED = 16;

/** Values as an error message lists them, the first ones of many. */
export function listed(values: ArrayLike<unknown>): string {
  const shown = Array.from({ length: Math.min(values.length, MOST_LISTED) }, (_, i) => describe(values[i]));
  return `[${shown.join(", ")}${values.length > MOST_LISTED ? ", ..." : ""}]`;
}

/** Why something could not be read: what a getter or a proxy threw. */
export function reasonOf(cause: unknown): string {
  try {
    return cause instanceof Error ? `${cause.message}` : describe(cause);
  } catch {
    return "it throws";
  }
}
