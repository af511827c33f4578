// What is expected of the engine of a runtime.

const notIsolated = "there is no SharedArrayBuffer, since the page is not cross-origin isolated";

/** Two threads where pages are isolated; else one, and why. */
export function expectThreads(rows) {
  for (const row of rows)
    expectOne(row, row.name.endsWith("cross-origin isolated") ? undefined : notIsolated);
  return rows;
}

/** One thread for this reason, a text or a pattern; without one, the two that were asked for. */
export function expectOne(row, reason) {
  const matches = reason instanceof RegExp ? reason.test(row.withoutWorkers) : row.withoutWorkers === reason;
  if (!matches || row.threads !== (reason === undefined ? 2 : 1))
    throw new Error(`${row.name}: expected ${reason ?? "2 threads"}, got ${JSON.stringify(row)}`);
  return row;
}
