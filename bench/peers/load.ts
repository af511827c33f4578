/** The peers' packages, from `bench/peers/node_modules`: the project itself does not depend on them. */
import { createRequire } from "node:module";
import path from "node:path";
import { projectRoot } from "../paths.ts";

const folder = path.join(projectRoot, "bench", "peers");
const require = createRequire(path.join(folder, "package.json"));

/** A CommonJS package. `Exports` is what of it is used here. */
export function loadPackage<Exports>(name: string): Exports {
  return require(name) as Exports;
}

/** The same, with module state of its own: as if nobody had loaded it, or those packages that it uses, before. */
export function loadAnew<Exports>(name: string, ...used: readonly string[]): Exports {
  const folders = [name, ...used].map((one) => packageFile(one) + path.sep);
  for (const file of Object.keys(require.cache))
    if (folders.some((prefix) => file.startsWith(prefix))) delete require.cache[file];
  return loadPackage(name);
}

function packageFile(name: string, ...file: string[]): string {
  return path.join(folder, "node_modules", name, ...file);
}

export function versionOf(name: string): string {
  return (require(packageFile(name, "package.json")) as { version: string }).version;
}
