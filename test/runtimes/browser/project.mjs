// A page without any bundler: an import map, and the package's own files.
import { cp } from "node:fs/promises";
import { noBrowser, openBothWays } from "../support/browser.mjs";
import { expectThreads } from "../support/expect.mjs";

export const skipped = noBrowser;

export async function run({ folder }) {
  const site = `${folder}/site`;
  for (const file of ["page.mjs", "program.mjs"]) await cp(`${folder}/../${file}`, `${site}/${file}`);
  await cp(`${folder}/index.html`, `${site}/index.html`);
  await cp(`${folder}/../node_modules/wasm-attention`, `${site}/wasm-attention`, { recursive: true });
  return expectThreads(await openBothWays(site, "no bundler"));
}
