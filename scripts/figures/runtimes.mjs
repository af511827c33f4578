// The table of docs/package.md: where the packed package was tested, from what scripts/test-runtimes.mjs has found.
import fs from "node:fs";
import path from "node:path";
import { align } from "./markdown.mjs";

const file = path.join(import.meta.dirname, "../../test/runtimes/results.json");

export function runtimes() {
  const { date, projects } = JSON.parse(fs.readFileSync(file, "utf8"));
  const rows = projects.flatMap(
    (project) => project.rows ?? [{ name: project.project, note: notRun(project) }],
  );
  const cells = rows.map((row) => [row.name, row.note ?? row.kernels, row.note ? "" : threads(row)]);
  const table = align([["where", "kernels", "threads"], ...cells], 3);
  return ["", ...table, "", `Tested on ${date} by \`npm run test:runtimes\`, with \`threads: 2\`.`, ""].join(
    "\n",
  );
}

function notRun({ outcome, reason }) {
  return outcome === "skipped" ? `not tested: ${reason}` : "failed";
}

function threads({ threads, withoutWorkers }) {
  return withoutWorkers === undefined ? `${threads}` : `none: ${withoutWorkers}`;
}
