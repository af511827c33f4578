// Both builds of the page, each on a port of its own: a page is isolated or not by the headers that it is served with.
import path from "node:path";
import { createServer, preview } from "vite";

const root = path.join(import.meta.dirname, "..");

/** @typedef {{ readonly mode: "unshared" | "isolated", readonly address: string, close(): Promise<void> }} Served */

/**
 * Serves both builds, from their sources or, `built`, as `vite build` left them.
 *
 * @returns {Promise<Served[]>}
 */
export async function serveBoth({ built = false, port = 5173, host = "localhost", logLevel = "warn" } = {}) {
  const served = [];
  for (const [n, mode] of ["unshared", "isolated"].entries()) {
    const at = { host, port: port === 0 ? 0 : port + n };
    const shared = { root, mode, logLevel, configFile: path.join(root, "vite.config.ts") };
    // Which servers there are is known when all of them listen, and a page asks later.
    const plugins = [otherBuild(() => served.find((one) => one.mode !== mode)?.address)];
    const server = built
      ? await preview({ ...shared, plugins, preview: at })
      : await (await createServer({ ...shared, plugins, server: at })).listen();
    served.push({ mode, address: server.resolvedUrls.local[0], close: () => server.close() });
  }
  return served;
}

/** Tells the page where the other build is. */
function otherBuild(address) {
  const tag = () => ({
    tag: "meta",
    attrs: { name: "other-build", content: address() ?? "" },
    injectTo: "head",
  });
  return { name: "other-build", apply: "serve", transformIndexHtml: () => [tag()] };
}
