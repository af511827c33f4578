// TypeScript: the oldest version whose compiler takes the declarations, and the last one before 7, strictly, libraries
// included. The tests of the package itself use version 7.
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

const strict = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  target: "es2022",
  // Other tools of these projects bring types of their own.
  types: [],
};
const resolutions = {
  NodeNext: { module: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
};

export async function run({ folder, execute }) {
  const rows = [];
  for (const version of ["typescript-5.7", "typescript-5.9"]) {
    for (const [name, options] of Object.entries(resolutions)) {
      const compilerOptions = { ...strict, ...options };
      await writeFile(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, files: ["user.ts"] }));
      execute(process.execPath, [require.resolve(`${version}/bin/tsc`), "-p", "."], folder);
      rows.push({ name: `TypeScript ${require(version).version}, ${name}`, note: "compiles, strict" });
    }
  }
  return rows;
}
