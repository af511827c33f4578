// A plugin of TypeDoc: entry points are called what a program imports them by, "wasm-attention/onnx" and not "onnx".
import fs from "node:fs";
import path from "node:path";
import { Converter, ReflectionKind } from "typedoc";

const root = path.join(import.meta.dirname, "..");
const { exports: subpaths, name: packageName } = JSON.parse(
  fs.readFileSync(path.join(root, "package.json"), "utf8"),
);
const names = new Map(
  Object.entries(subpaths)
    .filter(([, target]) => target.types !== undefined)
    .map(([subpath, target]) => [
      path.join(root, target.types.replace("./dist/", "src/").replace(".d.ts", ".ts")),
      path.posix.join(packageName, subpath),
    ]),
);

/** @param {import("typedoc").Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (!reflection.kindOf(ReflectionKind.Module)) return;
    const file = context.getSymbolFromReflection(reflection)?.declarations?.[0]?.getSourceFile().fileName;
    const name = file && names.get(path.normalize(file));
    if (name === undefined) throw new Error(`no entry point: ${file}`);
    reflection.name = name;
  });
}
