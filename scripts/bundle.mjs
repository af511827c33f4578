// The package's entry points and its command line in few files: opening 150 modules took Node longer than the first
// attention. Each module is in one file alone, whoever asks for it: there is one `AttentionError`, one default engine.
import fs from "node:fs";
import path from "node:path";
import { rolldown } from "rolldown";

const WORKER = "engine/attention-worker";
const COMMAND_LINE = "cli/main";

/**
 * Bundles modules that tsc has compiled, and the command line as it stands in src/, into the files that `exports` and
 * `bin` of package.json name.
 *
 * @param {string} modules folder of the compiled modules
 * @param {string} target folder of the package's files; scripts that are there from an earlier build go
 */
export async function bundle(modules, target) {
  const folders = {
    modules: path.resolve(modules),
    sources: path.resolve("src"),
    commands: path.resolve("src/cli"),
  };
  const input = {
    ...libraryEntries(folders.modules),
    [COMMAND_LINE]: path.join(folders.commands, "main.ts"),
  };
  const build = await rolldown({
    input,
    // The library asks for Node's modules at run time; the command line, and it alone, imports them.
    platform: "neutral",
    external: [/^node:/, /^gpt-tokenizer/],
    tsconfig: false,
    plugins: [compiledLibrary(folders)],
  });
  const { output } = await build.write({
    dir: target,
    format: "esm",
    // Stack traces and errors show the names of functions and classes: these stay.
    minify: {
      compress: { target: "es2022", keepNames: { function: true, class: true } },
      mangle: { toplevel: false, keepNames: true },
      codegen: { removeWhitespace: true },
    },
    minifyInternalExports: false,
    comments: { annotation: true, legal: false, jsdoc: false },
    chunkFileNames: (chunk) => chunkFileName(chunk, folders),
    codeSplitting: { groups: sharedChunks(input, folders) },
  });
  await build.close();
  removeOthers(target, new Set(output.map(({ fileName }) => path.normalize(fileName))));
}

/** The subpaths that are code, by the place of their file in the package. */
function libraryEntries(modules) {
  const { exports } = JSON.parse(fs.readFileSync("package.json", "utf8"));
  const files = Object.values(exports).flatMap((entry) => entry.default ?? []);
  const names = files.map((file) => file.replace(/^\.\/dist\/(.*)\.js$/, "$1"));
  return Object.fromEntries(names.map((name) => [name, path.join(modules, `${name}.js`)]));
}

/** What the command line imports of the library is what everybody else imports. */
function compiledLibrary({ modules, sources, commands }) {
  return {
    name: "compiled library",
    resolveId(name, importer) {
      if (importer === undefined || !name.startsWith(".")) return null;
      const file = path.resolve(path.dirname(importer), name);
      if (!isIn(sources, file) || isIn(commands, file)) return null;
      return path.join(modules, path.relative(sources, file).replace(/\.ts$/, ".js"));
    },
  };
}

/**
 * What several entry points share, in five files at most. The one that a module belongs to follows from who needs it:
 *
 * - engine/kernels.js: the kernels' text
 * - tensors.js: what all need
 * - arguments.js: what is needed without an engine, too: by `reference`, or to read files
 * - engine/threads.js: what is needed on a worker, which has to start fast, and lies beside this file
 * - engine/core.js: all else
 *
 * Whatever a module imports is needed by all that need the module: so no two files import each other.
 */
function sharedChunks(input, { modules }) {
  const kernels = path.join(modules, "engine/generated/kernels.js");
  const entries = new Map(Object.entries(input).map(([name, file]) => [file, name]));
  const needing = new Map();

  /** The entry points that lead to a module. */
  function entriesNeeding(id, context) {
    const known = needing.get(id);
    if (known !== undefined) return known;
    const found = new Set();
    needing.set(id, found);
    if (entries.has(id)) found.add(entries.get(id));
    const { importers, dynamicImporters } = context.getModuleInfo(id);
    for (const importer of [...importers, ...dynamicImporters])
      for (const entry of entriesNeeding(importer, context)) found.add(entry);
    return found;
  }

  function chunkOf(id, context) {
    if (id === kernels) return "engine/kernels";
    if (!isIn(modules, id) || entries.has(id)) return null;
    const needed = entriesNeeding(id, context);
    const withEngine = entriesNeeding(kernels, context);
    const byLibrary = [...needed].filter((entry) => entry !== COMMAND_LINE);
    const withoutEngine = byLibrary.some((entry) => entry !== WORKER && !withEngine.has(entry));
    if (byLibrary.length > 1 && needed.has(WORKER)) return withoutEngine ? "tensors" : "engine/threads";
    if (byLibrary.length > 1) return withoutEngine ? "arguments" : "engine/core";
    return needed.size > 1 && needed.has("index") ? "engine/core" : null;
  }

  const names = ["engine/kernels", "tensors", "arguments", "engine/threads", "engine/core"];
  return names.map((name, i) => ({
    name: (id, context) => (chunkOf(id, context) === name ? name : null),
    debugName: name,
    // A group takes what its modules import, unless another has it already.
    priority: names.length - i,
  }));
}

/** A command's code is named for the command; what commands share lies beside it. */
function chunkFileName({ facadeModuleId, moduleIds }, { modules, commands }) {
  if (facadeModuleId && isIn(commands, facadeModuleId))
    return `cli/${path.basename(path.dirname(facadeModuleId))}.js`;
  return moduleIds.some((id) => isIn(modules, id)) ? "[name].js" : "cli/[name].js";
}

function isIn(folder, file) {
  return file.startsWith(folder + path.sep);
}

function removeOthers(target, files) {
  for (const file of fs.readdirSync(target, { recursive: true }))
    if (file.endsWith(".js") && !files.has(file)) fs.rmSync(path.join(target, file));
}
