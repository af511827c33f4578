// The declarations of the package's entry points in few files, without what no entry point shows: a third less to
// download and to read for a user's compiler.
import fs from "node:fs";
import path from "node:path";
import { rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";

/**
 * Writes the files that `types` of package.json's `exports` name.
 *
 * @param {string} source folder of the declarations that tsc has written, a file for each module
 * @param {string} target folder of the package's files; declarations that are there from an earlier build go
 */
export async function bundleDeclarations(source, target) {
  const { exports } = JSON.parse(fs.readFileSync("package.json", "utf8"));
  const files = Object.values(exports).flatMap(({ types }) => types ?? []);
  const names = files.map((file) => file.replace(/^\.\/dist\/(.*)\.d\.ts$/, "$1"));
  const build = await rolldown({
    input: Object.fromEntries(names.map((name) => [name, path.resolve(source, `${name}.d.ts`)])),
    plugins: [dts({ dtsInput: true, tsconfig: false, emitDtsOnly: true })],
  });
  const { output } = await build.write({
    dir: target,
    format: "esm",
    entryFileNames: "[name].d.ts",
    chunkFileNames: "types/[name].d.ts",
    banner: ({ moduleIds }) => referencesOf(moduleIds),
    comments: { annotation: false, legal: false, jsdoc: true },
  });
  await build.close();
  removeOthers(target, new Set(output.map(({ fileName }) => path.normalize(fileName))));
}

/** What modules say of the compiler's own libraries that they need (`Symbol.dispose`), which bundling drops. */
function referencesOf(modules) {
  const lines = modules.flatMap((id) => (fs.existsSync(id) ? fs.readFileSync(id, "utf8").split("\n") : []));
  return [...new Set(lines.filter((line) => line.startsWith("/// <reference ")))].join("\n");
}

function removeOthers(target, files) {
  for (const file of fs.readdirSync(target, { recursive: true }))
    if (file.endsWith(".d.ts") && !files.has(file)) fs.rmSync(path.join(target, file));
}
