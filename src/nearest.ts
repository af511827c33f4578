/** The one of several names that a mistyped one was meant to be, if any is near; small letters and capitals are the same. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(typed.length / 3));
  const candidates = names
    .filter((name) => isCutShort(typed, name) || Math.abs(name.length - typed.length) <= most)
    .map((name) => ({
      name,
      distance: isCutShort(typed, name) ? 1 : editDistance(typed.toLowerCase(), name.toLowerCase()),
    }))
    // A name of which no letter stays is another one.
    .filter(({ name, distance }) => distance < Math.min(typed.length, name.length) && distance <= most);
  return candidates.sort((a, b) => a.distance - b.distance)[0]?.name;
}

/** What an error adds to a name that does not exist: nothing where none is near. */
export function didYouMean(typed: string, names: readonly string[]): string {
  const meant = nearest(typed, names);
  return meant === undefined ? "" : ` (did you mean "${meant}"?)`;
}

/** `--query-off` for `--query-offset`. */
function isCutShort(typed: string, name: string): boolean {
  return typed.length >= 4 && name.startsWith(typed);
}

/** How many letters must be put in, taken out or replaced (Levenshtein), where two neighbours that changed places count once. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}
