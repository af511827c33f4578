// Compiles and runs every example that the documentation shows, against the built package.
//   node scripts/check-examples.mjs [files...]   default: all; with files, what their examples print is shown
//
// Examples are the ```ts blocks of README.md, of the Markdown in docs/ and examples/, and of the docstrings in src/,
// and the programs examples/*.ts; what has a package.json of its own is left to its own checks. Each is a module of its
// own that imports "wasm-attention" by name, as a user's would.
// A block that opens with ```ts no-run is only compiled.
//
// In a block, a comment behind a console.log says what that call prints:
//
//   console.log(x.shape); // [ 2, 3 ]
//
// The two must be equal as Node prints it, but for the amount of white space. Comment lines right below that are
// indented further than the call continue it; a call that runs several times prints all of that. Any other remark
// belongs on a line above the call. The programs examples/*.ts check themselves, and fail by throwing.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { formatWithOptions } from "node:util";

const root = path.join(import.meta.dirname, "..");
const folder = path.join(root, "build", "examples");
const timeLimit = 120_000;

if (process.argv[2] === "--record") await record(process.argv.slice(3));
else check(process.argv.slice(2));

function check(files) {
  process.chdir(root);
  const examples = findExamples(files.map((file) => slashes(path.relative(root, file))));
  write(examples);
  const toRun = examples.filter((example) => example.run);
  const problems = [...compile(examples), ...run(toRun, files.length > 0)];
  for (const problem of problems) console.log(problem);
  console.log(`${examples.length} examples compiled, ${toRun.length} run, ${problems.length} problems`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

/** All examples, or those in the given files. */
function findExamples(only) {
  const documents = ["README.md", ...list("docs", ".md"), ...list("examples", ".md"), ...list("src", ".ts")];
  const programs = list("examples", ".ts");
  const without = only.filter((file) => ![...documents, ...programs].includes(file));
  if (without.length > 0) throw new Error(`no place for examples: ${without.join(", ")}`);
  const chosen = (file) => fs.existsSync(file) && (only.length === 0 || only.includes(file));
  return [...documents.filter(chosen).flatMap(blocksOf), ...programs.filter(chosen).map(program)];
}

/** Files of a folder, but for what is generated, and for packages of their own, with their own dependencies and checks. */
function list(folder, end) {
  if (!fs.existsSync(folder)) return [];
  const entries = fs.readdirSync(folder, { withFileTypes: true });
  const found = entries.flatMap((entry) => {
    const file = slashes(path.join(folder, entry.name));
    if (!entry.isDirectory()) return file.endsWith(end) ? [file] : [];
    const isApart = entry.name === "generated" || fs.existsSync(path.join(file, "package.json"));
    return isApart ? [] : list(file, end);
  });
  return found.sort();
}

function slashes(file) {
  return file.replaceAll(path.sep, "/");
}

function program(file) {
  return { file, line: 1, module: file, code: fs.readFileSync(file, "utf8"), run: true, expected: [] };
}

/** The ```ts blocks of a file. Each keeps its place: what stands before it becomes empty lines. */
function blocksOf(file) {
  const source = file.endsWith(".ts");
  const blocks = [];
  let open;
  for (const [i, line] of fs.readFileSync(file, "utf8").split("\n").entries()) {
    if (source && !/^\s*\*/.test(line)) continue;
    const text = source ? line.replace(/^\s*\* ?/, "") : line;
    const fence = /^\s*```(.*)$/.exec(text);
    if (open === undefined) {
      if (fence) open = { info: fence[1].trim().split(/\s+/), lines: [...Array(i + 1).fill("")] };
    } else if (!fence) open.lines.push(text);
    else {
      const line = open.lines.findIndex((text) => text !== "") + 1;
      const run = !open.info.includes("no-run");
      if (open.info[0] === "ts")
        blocks.push({
          file,
          line,
          module: `${file.replace(/\.\w+$/, "")}-${line}.ts`,
          code: `${open.lines.join("\n")}\n`,
          run,
          expected: run ? expectations(open.lines) : [],
        });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${file}: the last block is not closed`);
  return blocks;
}

/** What calls of console.log are said to print, each with the line on which the call begins. */
function expectations(lines) {
  const found = [];
  for (let i = 0; i < lines.length; i++) {
    const [, code, comment] = /^(\s*[^\s/].*\);?)\s*\/\/(.*)$/.exec(lines[i]) ?? [];
    if (code === undefined) continue;
    let start = i;
    while (!lines[start].includes("console.log(") && /[^;{}\s]\s*$/.test(lines[start - 1] ?? "")) start--;
    if (!lines[start].includes("console.log(")) continue;
    const text = [comment];
    const indentation = lines[start].search(/\S/);
    while (lines[i + 1]?.trim().startsWith("//") && lines[i + 1].search(/\S/) > indentation)
      text.push(lines[++i].trim().slice(2));
    found.push({ line: start + 1, text: normal(text.join(" ")) });
  }
  return found;
}

function normal(text) {
  return text.trim().replace(/\s+/g, " ");
}

function write(examples) {
  fs.rmSync(folder, { recursive: true, force: true });
  for (const { module, code } of examples) {
    const target = path.join(folder, "source", module);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, code);
  }
  const compilerOptions = { noEmit: false, rootDir: "source", outDir: "compiled", inlineSourceMap: true };
  const files = examples.map(({ module }) => `source/${module}`);
  const config = { extends: "../../examples/tsconfig.json", compilerOptions, files, include: [] };
  fs.writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(config));
  fs.mkdirSync(path.join(folder, "working-folder"));
}

/** One compilation for all. Returns its complaints, in terms of the files that the examples stand in. */
function compile(examples) {
  const args = ["node_modules/typescript/bin/tsc", "-p", folder, "--pretty", "false"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status === 0) return [];
  const errors = (stdout + stderr).trim().split(/\n(?=\S)/);
  return errors.map((error) => {
    // Blocks stand on the lines of their files, so the numbers hold.
    const [, module, line] = /^build\/examples\/source\/(.+?)\((\d+),\d+\)/.exec(error) ?? [];
    const example = examples.find((example) => example.module === module);
    if (example === undefined) return error;
    const [what, ...why] = error.replace(/^.*?: error /, "").split("\n");
    return [`${example.file}:${line}: ${what}`, ...why.slice(0, 1)].join("\n");
  });
}

/** Runs the compiled examples in a process of their own. Returns what went wrong. */
function run(examples, show) {
  const record = path.join(folder, "record.json");
  const modules = examples.map(({ module }) => module);
  const { error, signal, status, stderr } = spawnSync(
    process.execPath,
    ["--enable-source-maps", import.meta.filename, "--record", record, ...modules],
    {
      cwd: path.join(folder, "working-folder"),
      encoding: "utf8",
      timeout: timeLimit,
      stdio: ["ignore", show ? "inherit" : "ignore", "pipe"],
    },
  );
  if (!fs.existsSync(record)) return [`nothing ran: ${error?.message ?? stderr}`];
  const { running, failures, printed } = JSON.parse(fs.readFileSync(record, "utf8"));
  const problems = failures.map(({ module, message }) => {
    const { file, line } = examples.find((example) => example.module === module);
    return `${file}:${line}: ${message.replaceAll(/\n +at .*(node:internal|check-examples).*/g, "")}`;
  });
  if (status !== 0)
    problems.push(`${running}: the process ended here, ${signal ?? `exit code ${status}`}\n${stderr}`);
  const ended = examples.filter(({ module }) => !failures.some((failure) => failure.module === module));
  for (const { file, module, expected } of ended)
    for (const { line, text } of expected) {
      const at = `${file}:${line}:`;
      const lines = printed.filter((entry) => entry.module === module && entry.line === line);
      const got = normal(lines.map((entry) => entry.text).join(" "));
      if (lines.length === 0) problems.push(`${at} this console.log did not run`);
      else if (got !== text) problems.push(`${at} printed ${got}\n${" ".repeat(at.length)} but says ${text}`);
    }
  return problems;
}

/** In the process that runs the examples: notes whatever they log, with the line that logged it, and what they throw. */
async function record([file, ...modules]) {
  const seen = { running: "", failures: [], printed: [] };
  const save = () => fs.writeFileSync(file, JSON.stringify(seen));
  const fail = (error) =>
    seen.failures.push({ module: seen.running, message: error?.stack ?? String(error) });
  const log = console.log;
  console.log = (...args) => {
    // Source maps make the stack speak of the examples' own lines.
    const stack = new Error().stack.replaceAll("\\", "/");
    const [, module, line] = /build\/examples\/source\/(.+?):(\d+):\d+/.exec(stack) ?? [];
    seen.printed.push({ module, line: Number(line), text: formatWithOptions({ colors: false }, ...args) });
    log(...args);
  };
  process.on("uncaughtException", fail);
  process.on("exit", save);
  for (const module of modules) {
    seen.running = module;
    save();
    await import(pathToFileURL(path.join(folder, "compiled", module.replace(/ts$/, "js")))).catch(fail);
  }
}
