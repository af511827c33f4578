// What must hold of a trial, whatever the machine: nothing lost, nothing wrong, nothing left behind.
import type { Trial } from "./trial.ts";

/** Answers that are no surprise under load: done, and refused for overload, by the deadline or for lack of memory. */
const understood = new Set(["200", "201", "204", "503", "504", "507"]);

/** What does not hold, in words; nothing where all is well. */
export function complaints({ phases, garbage, memory, shutdown }: Trial): string[] {
  const found: string[] = [];
  for (const phase of phases)
    for (const route of ["pool", "decode"] as const) {
      const { lost, wrong, checked, statuses } = phase[route];
      const where = `${route}, ${phase.name}`;
      if (lost > 0) found.push(`${where}: ${lost} requests were lost`);
      if (wrong > 0) found.push(`${where}: ${wrong} of ${checked} answers were wrong`);
      if (checked === 0) found.push(`${where}: no answer was compared`);
      for (const [status, count] of Object.entries(statuses))
        if (!understood.has(status)) found.push(`${where}: ${count} answers of status ${status}`);
    }
  for (const { name, expected, others } of garbage)
    for (const [status, count] of Object.entries(others))
      found.push(`${name}: expected ${expected ?? "no answer"}, got ${status}, ${count} times`);
  if (memory.reserved > 0 && memory.used !== memory.sessions)
    found.push(`${memory.used} bytes of linear memory are in use, the sessions take ${memory.sessions}`);
  if (shutdown.exitCode !== 0) found.push(`exit code ${shutdown.exitCode} after SIGTERM`);
  if (!shutdown.answered) found.push("the request that ran at SIGTERM was not answered in full");
  return found;
}
