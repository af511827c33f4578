/** At most five names, for an error of one line. */
export function listNames(names: readonly string[]): string {
  if (names.length === 0) return "no tensors at all";
  const quoted = names.slice(0, 5).map((name) => JSON.stringify(name));
  return names.length > 5 ? `${quoted.join(", ")} and ${names.length - 5} more` : quoted.join(", ");
}
