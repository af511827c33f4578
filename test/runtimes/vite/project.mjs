// Vite: a site that it builds, and its development server, which bundles dependencies by other ways.
import { build, createServer, version } from "vite";
import { isolation, noBrowser, open, openBothWays } from "../support/browser.mjs";
import { expectThreads } from "../support/expect.mjs";

export const skipped = noBrowser;

export async function run({ folder }) {
  const root = `${folder}/..`;
  const shared = { root, configFile: false, logLevel: "error", cacheDir: `${folder}/cache` };
  await build({ ...shared, build: { outDir: `${folder}/site` } });
  const built = expectThreads(await openBothWays(`${folder}/site`, `Vite ${version} build`));

  const server = await createServer({
    ...shared,
    server: { host: "127.0.0.1", headers: isolation, hmr: false },
  });
  try {
    await server.listen();
    const { browser, isolated, ...facts } = await open(server.resolvedUrls.local[0]);
    return [...built, { name: `Vite ${version} server, ${browser}, cross-origin isolated`, ...facts }];
  } finally {
    await server.close();
  }
}
