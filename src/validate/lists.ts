import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { unreadable } from "../tensor-like.ts";
import { isArray } from "../typed-array.ts";

/**
 * Reads a list, each item once, up to the first that `read` refuses. So a hole ends it, in an array of any length.
 *
 * @throws AttentionError `ERR_OPTION` for what is no array, `ERR_DTYPE` for what a getter or a proxy throws, and what `read` throws
 */
export function readEach<T, R>(name: string, list: readonly T[], read: (item: T, n: number) => R): R[] {
  if (!isArray(list))
    throw new AttentionError("ERR_OPTION", `"${name}" expected an array, got ${describe(list)}`);
  try {
    return Array.from(list as readonly T[], read);
  } catch (cause) {
    throw unreadable(name, cause);
  }
}
