// Runs a script on several Node versions, one after the other.
//   node scripts/on-nodes.mjs SCRIPT [--nodes 20,24] [ARGUMENTS...]   default 20,22,24,26; the last --nodes counts
import { spawnSync } from "node:child_process";
import { fetchNode, readMajors } from "./fetch-nodes.mjs";

const [script, ...rest] = process.argv.slice(2);
let majors = ["20", "22", "24", "26"];
const args = [];
for (let i = 0; i < rest.length; i++) {
  if (rest[i] === "--nodes") majors = readMajors((rest[++i] ?? "").split(","));
  else args.push(rest[i]);
}
if (args.includes("--json") && majors.length > 1)
  throw new Error("--json FILE is for one Node version: --nodes 24");

const current = process.versions.node.split(".")[0];
for (const major of majors) {
  const node = major === current ? process.execPath : fetchNode(major);
  const { status } = spawnSync(node, [script, ...args], { stdio: "inherit" });
  if (status !== 0) {
    process.exitCode = 1;
    console.error(`Node ${major}: exit code ${status}`);
  }
}
