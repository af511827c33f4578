// Small projects that use the packed package, each in its runtime or with its bundler. The package must be built.
//   node scripts/test-runtimes.mjs [--json FILE] [NAMES...]   default: all in test/runtimes
//
// The package is packed once, and installed with the projects' tools into a temporary folder. A project is
// test/runtimes/NAME/project.mjs: `run` throws where something is wrong and returns rows of what it found, `skipped` says
// why it cannot run here.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { defaultMajors, fetchNode } from "./fetch-nodes.mjs";

const root = path.join(import.meta.dirname, "..");
const projects = path.join(root, "test", "runtimes");
const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "string" } } });

const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "wasm-attention-runtimes-")));
try {
  const missing = install();
  const results = [];
  for (const name of positionals.length > 0 ? positionals : projectNames())
    results.push(await runProject(name, missing));
  const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
  console.log(`\n${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`);
  if (values.json) writeResults(values.json, results);
  process.exitCode = count("failed") > 0 ? 1 : 0;
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

/** What docs/package.md shows, without the name of a temporary folder. */
function writeResults(file, projects) {
  const date = new Date().toISOString().slice(0, 10);
  const text = JSON.stringify({ date, projects }, undefined, 2).replaceAll(folder, "");
  fs.writeFileSync(file, `${text}\n`);
}

function projectNames() {
  const names = fs
    .readdirSync(projects)
    .filter((name) => fs.existsSync(path.join(projects, name, "project.mjs")));
  return names.sort();
}

/** Says why the projects cannot run, where they cannot. */
function install() {
  const [{ filename }] = JSON.parse(
    execute("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], root),
  );
  fs.cpSync(projects, folder, {
    recursive: true,
    filter: (source) => path.basename(source) !== "node_modules",
  });
  const start = performance.now();
  const quietly = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  try {
    execute("npm", ["install", ...quietly, path.join(folder, filename)], folder);
  } catch (error) {
    const code = error.message.match(/npm error code (ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT)/)?.[1];
    if (code === undefined) throw error;
    return `the tools of the projects cannot be fetched: ${code}`;
  }
  // No script runs on installation, but this one: it puts Bun's binary in place.
  spawnSync(process.execPath, ["install.js"], { cwd: path.join(folder, "node_modules", "bun") });
  console.log(`installed ${filename} and the tools in ${seconds(start)}`);
  return undefined;
}

/** @param missing why it cannot run, whatever it is */
async function runProject(name, missing) {
  const place = path.join(folder, name);
  const start = performance.now();
  try {
    const load = () => import(pathToFileURL(path.join(place, "project.mjs")).href);
    const { run, skipped } = missing === undefined ? await load() : { skipped: missing };
    if (skipped !== undefined) {
      console.log(`- ${name}: skipped, ${skipped}`);
      return { project: name, outcome: "skipped", reason: skipped };
    }
    const rows = await run({ folder: place, execute, nodes });
    console.log(`✓ ${name} (${seconds(start)})`);
    for (const row of rows)
      console.log(
        `    ${row.name}: ${row.note ?? `${row.kernels}, ${row.withoutWorkers ?? `${row.threads} threads`}`}`,
      );
    return { project: name, outcome: "passed", rows };
  } catch (error) {
    console.log(`✗ ${name} (${seconds(start)})\n${error.stack}`);
    return { project: name, outcome: "failed", reason: error.message };
  }
}

/** Every supported version of Node. */
function nodes() {
  return ["20", ...defaultMajors].map((major) => {
    const node = process.versions.node.startsWith(`${major}.`) ? process.execPath : fetchNode(major);
    return { node, version: execute(node, ["--version"], folder).trim().slice(1) };
  });
}

/** Runs a command to its end; returns what it printed. */
function execute(command, args, cwd, env = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    shell: command === "npm" && process.platform === "win32",
    timeout: 300_000,
    maxBuffer: 2 ** 26,
    env: { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1", ...env },
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

function seconds(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
