import assert from "node:assert/strict";
import { cells, open, settled } from "../page.mjs";

export const basics = [
  {
    name: "opens, and computes on the threads that the build has",
    everywhere: true,
    async run({ page, build }) {
      const status = await open({ page, build });
      assert.match(
        status,
        /^20 tokens, 11 different, through 2 layers of 4 heads of 16 in [\d.]+ (ms|µs)\.$/,
      );
      assert.equal(await page.evaluate(() => crossOriginIsolated), build.isolated);
      const cores = await page.evaluate(() => Math.min(8, navigator.hardwareConcurrency));
      const engine = await page.textContent("#engine summary");
      const expected = build.isolated ? cores : 1;
      assert.equal(engine, `relaxed kernels, ${expected === 1 ? "1 thread" : `${expected} threads`}`);
      assert.match(
        await page.textContent("#engine dl"),
        build.isolated ? /shared memory, cross-origin isolated/ : /1: there is no SharedArrayBuffer/,
      );
      assert.equal(await page.isDisabled("#threads"), !build.isolated);
      return engine;
    },
  },
  {
    name: "text, heads, positions, masks change what is shown, and the address",
    async run({ page, build }) {
      await open({ page, build });
      const seen = new Set([JSON.stringify(await cells(page, "#heads-table"))]);
      const changed = async (what) => {
        await settled(page);
        const table = JSON.stringify(await cells(page, "#heads-table"));
        assert.ok(!seen.has(table), `${what} changed nothing`);
        seen.add(table);
      };
      await page.fill("#text", "Buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo.");
      await changed("the text");
      await page.selectOption("#tokens", "characters");
      await changed("the tokens");
      await page.fill("#heads", "2");
      await changed("the number of heads");
      for (const positions of ["none", "learned", "rotary", "alibi"]) {
        await page.selectOption("#positions", positions);
        await changed(`positions ${positions}`);
      }
      await page.check("#causal");
      await changed("causality");
      await page.fill("#window", "3");
      await changed("the window");
      await page.selectOption("#projections", "seeded");
      await changed("projections");
      await page.fill("#seed", "7");
      await changed("the seed");
      assert.match(
        await page.textContent("#status"),
        /^64 tokens, \d+ different, through 2 layers of 2 heads of 32 in/,
      );

      const table = await cells(page, "#heads-table");
      const text = await page.inputValue("#text");
      await page.reload();
      await settled(page);
      assert.deepEqual(await cells(page, "#heads-table"), table, "the address does not bring it back");
      assert.equal(await page.inputValue("#text"), text);
      await page.click("button[type=reset]");
      await settled(page);
      assert.equal(new URL(page.url()).hash, "");
      return `${seen.size} results, all different`;
    },
  },
  {
    name: "of many changes in a row the last is shown",
    async run({ page, build }) {
      await open({ page, build }, { embedDim: "512", projections: "seeded", text: "a b c ".repeat(40) });
      for (let heads = 1; heads <= 32; heads *= 2) {
        await page.fill("#heads", String(heads));
        await page.waitForTimeout(130);
      }
      await page.fill("#text", "the end");
      await page.fill("#heads", "16");
      assert.match(await settled(page), /^2 tokens, 2 different, through 2 layers of 16 heads of 32 in/);
      assert.equal((await cells(page, "#heads-table")).length, 16);
    },
  },
  {
    name: "subwords are those of GPT-2",
    everywhere: true,
    async run({ page, build }) {
      await open({ page, build }, { tokens: "subwords", text: "Attention attention" });
      assert.match(await page.textContent("#status"), /^3 tokens, 3 different/);
      const shown = (await cells(page, "#heads-table")).map((row) => row[3].replace(/[\d.]+%$/, ""));
      for (const token of shown) assert.ok(["Att", "ention", "␣attention"].includes(token), token);
    },
  },
  {
    name: "fits a phone, and every control has a name",
    size: { width: 360, height: 740 },
    async run({ page, build }) {
      await open({ page, build });
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 360, `the page is ${width} pixels wide`);
      const nameless = await page.$$eval("input, select, textarea, button", (controls) =>
        controls
          .filter((one) => !(one.labels?.length > 0 || one.textContent.trim() !== ""))
          .map((one) => one.id),
      );
      assert.deepEqual(nameless, []);
    },
  },
];
