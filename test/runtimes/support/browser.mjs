// Pages in headless Chromium: a folder is served, with or without cross-origin isolation, and a page of it opened.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/** Where Chromium is, if anywhere. */
export const executablePath = process.env.CHROMIUM ?? candidates.find((path) => existsSync(path));

/** Why no page can be opened, if so. */
export const noBrowser =
  executablePath === undefined ? "there is no Chromium; its path may be given as CHROMIUM" : undefined;

/** What makes a page cross-origin isolated. */
export const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

const types = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".css": "text/css",
};

/** Serves a folder, and gives its address to a function while it does. */
export async function serve(folder, headers, use) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const file = join(folder, normalize(pathname === "/" ? "/index.html" : pathname));
    try {
      const body = await readFile(file);
      response.writeHead(200, { ...headers, "Content-Type": types[extname(file)] ?? "text/plain" }).end(body);
    } catch {
      response.writeHead(404, headers).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${server.address().port}/`);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Opens a page; returns the browser's version, whether it is isolated, and what the page leaves in `checked`. */
export async function open(address) {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(address);
    await page
      .waitForFunction(() => "checked" in globalThis, undefined, { timeout: 30_000 })
      .catch((error) => {
        throw new Error([String(error), ...complaints].join("\n"));
      });
    const facts = await page.evaluate(async () => ({ isolated: crossOriginIsolated, ...(await checked) }));
    if (facts.error) throw new Error(facts.error);
    return { browser: `Chromium ${browser.version().split(".")[0]}`, ...facts };
  } finally {
    await browser.close();
  }
}

/** Opens a folder's page with isolation and without; says what came of it, a row each. */
export async function openBothWays(folder, name) {
  const rows = [];
  for (const headers of [isolation, {}]) {
    const { browser, isolated, ...facts } = await serve(folder, headers, open);
    if (isolated !== (headers === isolation))
      throw new Error(`the page is ${isolated ? "" : "not "}isolated`);
    rows.push({ name: `${name}, ${browser}${isolated ? ", cross-origin isolated" : ""}`, ...facts });
  }
  return rows;
}
