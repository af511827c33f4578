import { shapeError } from "../tensor.ts";

/**
 * Refuses a shape that does not have the dimensions that `letters` name, or whose sizes differ from those already known
 * from other arguments: `"K" expected shape [B=2, S, K*E=24], got [2, 6, 32]`.
 */
export function checkShape(
  name: string,
  shape: readonly number[],
  letters: readonly string[],
  known: Readonly<Record<string, number>> = {},
): void {
  const fits =
    shape.length === letters.length && letters.every((letter, d) => (known[letter] ?? shape[d]) === shape[d]);
  if (fits) return;
  const sizes = letters.map((letter) => (letter in known ? `${letter}=${known[letter]}` : letter));
  throw shapeError(name, `shape [${sizes.join(", ")}]`, shape);
}
