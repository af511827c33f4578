import fs from "node:fs";
import path from "node:path";

/** The project's folder, from wherever this file was compiled to. */
export const projectRoot: string = findRoot(import.meta.dirname);

/** What the benchmarks compile for themselves. */
export const compiledFolder: string = path.join(projectRoot, "build", "loops");

/** The figures of this Node version; those of `npm run bench` have no prefix. */
export function resultsFile(prefix = ""): string {
  return path.join(projectRoot, "bench", "results", `${prefix}${process.versions.node.split(".")[0]}.json`);
}

function findRoot(folder: string): string {
  return fs.existsSync(path.join(folder, "package.json")) ? folder : findRoot(path.dirname(folder));
}
