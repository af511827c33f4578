// webpack: a site.
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import webpack from "webpack";
import { noBrowser, openBothWays } from "../support/browser.mjs";
import { expectThreads } from "../support/expect.mjs";

export const skipped = noBrowser;

export async function run({ folder }) {
  const site = `${folder}/site`;
  const stats = await promisify(webpack)({
    mode: "production",
    context: folder,
    entry: "../page.mjs",
    output: { path: site, filename: "page.js" },
    performance: false,
  });
  if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString("errors-warnings"));
  await writeFile(`${site}/index.html`, '<link rel="icon" href="data:," /><script src="page.js"></script>');
  return expectThreads(await openBothWays(site, `webpack ${webpack.version}`));
}
