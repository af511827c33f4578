// esbuild, which writes no worker's file by itself: with the worker as an entry of its own there are threads; one file
// alone goes on without, and says why.
import { writeFile } from "node:fs/promises";
import { build, version } from "esbuild";
import { isolation, noBrowser, open, serve } from "../support/browser.mjs";
import { expectOne } from "../support/expect.mjs";

const worker = { in: "wasm-attention/worker", out: "attention-worker" };
const alone = /^a worker could not be started: ./;

export async function run({ folder, execute }) {
  const bundle = async (name, entryPoints, options) => {
    const outdir = `${folder}/${name}`;
    await build({ absWorkingDir: folder, entryPoints, outdir, bundle: true, logLevel: "error", ...options });
    return outdir;
  };
  const onNode = async (name, entryPoints, format) => {
    const outdir = await bundle(name, [{ in: "../print.mjs", out: "program" }, ...entryPoints], {
      platform: "node",
      format,
    });
    await writeFile(`${outdir}/package.json`, JSON.stringify({ type: "module" }));
    return JSON.parse(execute(process.execPath, ["program.js"], outdir));
  };
  const inPage = async (name, entryPoints) => {
    const outdir = await bundle(name, [{ in: "../page.mjs", out: "page" }, ...entryPoints], {
      format: "esm",
    });
    const html = '<link rel="icon" href="data:," /><script type="module" src="page.js"></script>';
    await writeFile(`${outdir}/index.html`, html);
    const { browser, isolated, ...facts } = await serve(outdir, isolation, open);
    return { browser, ...facts };
  };

  const node = `Node ${process.versions.node}`;
  const rows = [
    expectOne({ name: `esbuild ${version}, one file, ${node}`, ...(await onNode("one", [], "esm")) }, alone),
    expectOne({
      name: `esbuild ${version} with the worker, ${node}`,
      ...(await onNode("two", [worker], "esm")),
    }),
  ];
  if (noBrowser !== undefined) return rows;
  const { browser, ...one } = await inPage("one-page", []);
  const { browser: _, ...two } = await inPage("two-page", [worker]);
  return [
    ...rows,
    expectOne({ name: `esbuild ${version}, one file, ${browser}, isolated`, ...one }, alone),
    expectOne({ name: `esbuild ${version} with the worker, ${browser}, isolated`, ...two }),
  ];
}
