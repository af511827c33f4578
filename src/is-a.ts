/** `instanceof`, which throws for a proxy whose target was revoked: that one is nothing at all. */
export function isA<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}
