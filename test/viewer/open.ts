/** Pages that toHtml wrote, opened from a file in headless Chromium. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { executablePath, noBrowser } from "../runtimes/support/browser.mjs";

export { noBrowser };

export class Pages {
  readonly #folder = mkdtempSync(join(tmpdir(), "wasm-attention-viewer-"));
  readonly #browser: Promise<Browser> = chromium.launch({ executablePath, args: ["--no-sandbox"] });
  #count = 0;
  /** What pages complained of, or asked the network for. There should be nothing. */
  readonly complaints: string[] = [];

  /** Opens a page, and waits until it can be used. */
  async open(
    html: string,
    { hash = "", ...options }: BrowserContextOptions & { readonly hash?: string } = {},
  ): Promise<Page> {
    const file = join(this.#folder, `${this.#count++}.html`);
    writeFileSync(file, html);
    const page = await (await this.#browser).newPage(options);
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text());
    });
    page.on("request", (request) => {
      if (!/^(file|data):/.test(request.url())) this.complaints.push(`asked for ${request.url()}`);
    });
    await page.goto(pathToFileURL(file).href + hash);
    await page.waitForFunction(() => document.documentElement.dataset.ready === "true");
    return page;
  }

  async close(): Promise<void> {
    await (await this.#browser).close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What was drawn in the next frame is there in the one after. */
export function nextFrames(page: Page): Promise<void> {
  return page.evaluate(
    () => new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))),
  );
}

export function textOf(page: Page, selector: string): Promise<string> {
  return page.locator(selector).innerText();
}
