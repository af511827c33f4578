// The builds of the page, one after the other.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { build } from "vite";
import { isolation, serve } from "../../test/runtimes/support/browser.mjs";
import { serveBoth } from "../vite/servers.mjs";

const root = path.join(import.meta.dirname, "..");

/**
 * @typedef {object} Build
 * @property {string} name in words
 * @property {string} address
 * @property {boolean} isolated
 * @property {boolean} built by `vite build`; else the development server has it
 */

/** Calls `use` with every build, while it is served. */
export async function eachBuild(use) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "wasm-attention-playground-"));
  try {
    // In a folder of the site, as on most hosts: the page may not ask for anything at the root.
    await build({
      root,
      logLevel: "error",
      configFile: path.join(root, "vite.config.ts"),
      build: { outDir: path.join(folder, "some", "where") },
    });
    // Workers have no meta elements: a policy reaches them as a header.
    const policy = { "Content-Security-Policy": policyOf(path.join(folder, "some", "where", "index.html")) };
    for (const isolated of [false, true])
      await serve(folder, { ...policy, ...(isolated ? isolation : {}) }, (address) =>
        use({
          name: named("built page", isolated),
          address: `${address}some/where/index.html`,
          isolated,
          built: true,
        }),
      );
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  const servers = await serveBoth({ port: 0, host: "127.0.0.1", logLevel: "error" });
  try {
    for (const { mode, address } of servers) {
      const isolated = mode === "isolated";
      await use({ name: named("development server", isolated), address, isolated, built: false });
    }
  } finally {
    for (const server of servers) await server.close();
  }
}

function policyOf(file) {
  const [, content] = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(
    fs.readFileSync(file, "utf8"),
  );
  return content.replaceAll("&#39;", "'");
}

function named(what, isolated) {
  return `${what}, ${isolated ? "cross-origin isolated" : "unshared"}`;
}
