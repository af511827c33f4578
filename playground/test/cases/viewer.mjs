import assert from "node:assert/strict";
import { open, saved, settled } from "../page.mjs";

export const viewer = [
  {
    name: "the viewer shows the weights",
    everywhere: true,
    async run({ page, build }) {
      await open({ page, build });
      const frame = page.frameLocator("#viewer iframe");
      const title = await frame.locator("h1").textContent();
      assert.equal(title, "The dog chased the cat, the cat chased the mouse, and the mouse ran…");
      assert.match(await frame.locator("body").innerText(), /2 layers · 8 heads · 20 tokens/);
      assert.ok((await frame.locator("canvas, svg").count()) > 0);
      await page.fill("#text", "one two three");
      await settled(page);
      assert.equal(await page.locator("#viewer iframe").count(), 1);
      assert.match(await frame.locator("body").innerText(), /2 layers · 8 heads · 3 tokens/);
    },
  },
  {
    name: "it opens in a tab of its own, and can be saved",
    async run({ page, context, build }) {
      await open({ page, build });
      const [tab] = await Promise.all([context.waitForEvent("page"), page.click("#open-viewer")]);
      await tab.waitForLoadState();
      assert.match(await tab.innerText("body"), /2 layers · 8 heads · 20 tokens/);
      assert.equal(await tab.evaluate(() => globalThis.opener), null);
      const html = await saved(page, "#save-viewer");
      assert.match(html, /^<!doctype html>/);
      const shown = await page.getAttribute("#viewer iframe", "srcdoc");
      assert.equal(html, shown);
      return `${(html.length / 1e3).toFixed(0)} kB`;
    },
  },
];
