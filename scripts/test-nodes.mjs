// The test suite on other Node versions, one after the other. The package must be built.
//   node scripts/test-nodes.mjs [majors...]   default 22 24 26; exit code 1 if any of them failed
// The viewer's tests run on none of them: it runs in the browser's V8, and `npm test` has had it there.
// vitest's own report of each run is left in build/test-reports/node-<major>.json.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { fetchNode, readMajors } from "./fetch-nodes.mjs";

const root = path.join(import.meta.dirname, "..");
const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");

const failed = readMajors(process.argv.slice(2)).filter((major) => !passesOn(major));
if (failed.length > 0) console.log(`\nfailed on Node ${failed.join(", ")}`);
process.exitCode = failed.length > 0 ? 1 : 0;

/** Shows the summary of a run, and all of it if a test failed. */
function passesOn(major) {
  const node = fetchNode(major);
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
  console.log(`\nNode ${version}`);
  const report = `build/test-reports/node-${major}.json`;
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { status, stdout, stderr } = spawnSync(
    node,
    [vitest, "run", "--exclude", "test/viewer/**", ...reporters],
    {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    },
  );
  const output = stripVTControlCharacters(stdout + stderr);
  const summary = output.split("\n").filter((line) => /^\s*(Test Files|Tests|Errors|Duration)\s/.test(line));
  console.log(status === 0 && summary.length > 0 ? summary.join("\n") : output);
  return status === 0;
}
