// The whole build: micro-kernels, kernels, what TypeScript must know of them, TypeScript.
//   node scripts/build.mjs [--debug]
// --debug also compiles the kernels with assertions and names.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { bundle } from "./bundle.mjs";
import { bundleViewer } from "./bundle-viewer.mjs";
import { writeKernels, writeParameters } from "./generate-bindings.mjs";
import { writeTiles } from "./generate-tiles.mjs";
import { KERNEL_SETS, sizesOf } from "./kernel-sets.mjs";

process.chdir(path.join(import.meta.dirname, ".."));

const debug = process.argv.includes("--debug");
const bin = (name) => path.join("node_modules", ".bin", name);
const run = (command, ...args) => execFileSync(command, args, { stdio: ["ignore", "inherit", "inherit"] });

buildKernels(debug ? [...KERNEL_SETS, "debug"] : KERNEL_SETS);
writeParameters("assembly/parameters.ts", "src/engine/generated/parameters.ts");
writeKernels(KERNEL_SETS, "build/kernels", "src/engine/generated/kernels.ts");
await bundleViewer();
// Modules to build/modules/, declarations to dist/.
run(bin("tsc"), "-p", "tsconfig.json", "--declarationDir", "dist");
// The command line times these beside us, and takes those of their functions that it calls into its bundle.
run(bin("tsc"), "-p", "bench/baselines");
await bundle("build/modules", "dist");
dropInnerDeclarations();
fs.chmodSync("dist/cli/main.js", 0o755);
fs.mkdirSync("dist/kernels", { recursive: true });
// The wide kernels are of no use without the flag that the engine sets for them: they have no file of their own.
for (const set of ["strict", "relaxed"])
  fs.copyFileSync(`build/kernels/${set}.wasm`, `dist/kernels/${set}.wasm`);

/** Compiling the kernels takes seconds: only when a source, the compiler or its settings changed. */
function buildKernels(targets) {
  for (const target of targets) {
    writeTiles(sizesOf(target));
    const stamp = fingerprint();
    const stampFile = `build/kernels/${target}.stamp`;
    if (fs.existsSync(stampFile) && fs.readFileSync(stampFile, "utf8") === stamp) continue;
    run(process.execPath, "node_modules/assemblyscript/bin/asc.js", "--target", target);
    fs.writeFileSync(stampFile, stamp);
  }
}

/** What no entry point of the package leads to is of no use to anybody's compiler. */
function dropInnerDeclarations() {
  const { exports } = JSON.parse(fs.readFileSync("package.json", "utf8"));
  const wanted = Object.values(exports).flatMap(({ types }) => types ?? []);
  const reached = new Set();
  for (const file of wanted) {
    const name = path.normalize(file);
    if (reached.has(name) || !fs.existsSync(name)) continue;
    reached.add(name);
    for (const [, target] of fs.readFileSync(name, "utf8").matchAll(/(?:from |import\()"(\.[^"]+)"/g))
      wanted.push(path.join(path.dirname(name), target.replace(/\.[jt]s$/, ".d.ts")));
  }
  for (const file of fs.readdirSync("dist", { recursive: true })) {
    const name = path.join("dist", file);
    const inner = name.endsWith(".d.ts") && !reached.has(name);
    if (inner) fs.rmSync(name);
  }
}

function fingerprint() {
  const hash = createHash("sha256");
  const sources = fs
    .readdirSync("assembly", { recursive: true })
    .filter((name) => name.endsWith(".ts"))
    .sort();
  const files = [
    ...sources.map((name) => `assembly/${name}`),
    "asconfig.json",
    "node_modules/assemblyscript/package.json",
  ];
  for (const file of files) hash.update(file).update(fs.readFileSync(file));
  return hash.digest("hex");
}
