// Other Node versions to test on, each in a folder of its own outside the project's dependencies.
//   node scripts/fetch-nodes.mjs [majors...]   default 22 24 26; prints where the binaries are
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

export const defaultMajors = ["22", "24", "26"];

const root = path.join(import.meta.dirname, "..");
const platform = process.platform === "win32" ? "win" : process.platform;
// The npm packages that the package "node" is made of: nothing but the binary, no scripts needed.
const packageName = `node-${platform}-${process.arch}`;

/** The binary of a Node version, installed into `.nodes/<major>/` unless it is there already. */
export function fetchNode(major) {
  const folder = path.join(root, ".nodes", String(major));
  const binary = path.join(
    folder,
    "node_modules",
    packageName,
    "bin",
    platform === "win" ? "node.exe" : "node",
  );
  if (fs.existsSync(binary)) return binary;
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, "package.json"), `${JSON.stringify({ private: true })}\n`);
  const options = ["--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
  execFileSync("npm", ["install", ...options, `${packageName}@${major}`], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
    shell: platform === "win",
  });
  if (!fs.existsSync(binary))
    throw new Error(`${packageName}@${major} has no ${path.relative(folder, binary)}`);
  return binary;
}

/** Checks what was typed: whole numbers, as Node's releases are numbered. */
export function readMajors(args) {
  const wrong = args.filter((arg) => !/^\d+$/.test(arg));
  if (wrong.length > 0) throw new Error(`expected Node majors such as 22 24, got ${wrong.join(" ")}`);
  return args.length > 0 ? args : defaultMajors;
}

if (process.argv[1] && import.meta.url === pathToFileURL(fs.realpathSync(process.argv[1])).href) {
  for (const major of readMajors(process.argv.slice(2))) console.log(`${major}\t${fetchNode(major)}`);
}
