import assert from "node:assert/strict";
import { cells, open } from "../page.mjs";

/** What a module needs in an isolated page. */
const embedded = { "Cross-Origin-Embedder-Policy": "require-corp" };

/** Measures; gives the rows: who, time, speed, times as fast as tuned JavaScript. */
async function measured(page) {
  await page.click("#speed-form button[type=submit]");
  await page.waitForFunction(
    () =>
      document.querySelector("#speed-progress").hidden && document.querySelector("#speed-status").textContent,
    undefined,
    { timeout: 120_000 },
  );
  return cells(page, "#speed-table");
}

export const speed = [
  {
    name: "speed beside JavaScript: all rows, checked",
    everywhere: true,
    async run({ page, build }) {
      await open({ page, build });
      await page.selectOption("#shape", "1x32x64");
      const rows = await measured(page);
      const threads = build.isolated
        ? await page.evaluate(() => Math.min(8, navigator.hardwareConcurrency))
        : 1;
      const kernels = (count) => ["strict", "relaxed"].map((set) => `${set} kernels, ${count}`);
      const expected = [
        "naive JavaScript",
        "tuned JavaScript",
        ...kernels("1 thread"),
        ...(threads > 1 ? kernels(`${threads} threads`) : []),
      ];
      assert.equal(rows.length, expected.length);
      rows.forEach(([who, time, gflops, ratio], n) => {
        assert.ok(who.startsWith(expected[n]), `${who}, not ${expected[n]}`);
        assert.match(time, /^[\d.]+ (µs|ms|s)$/);
        assert.ok(Number(gflops) > 0 && Number(ratio) > 0);
      });
      assert.match(
        await page.textContent("#speed-status"),
        /^1 head × 32 tokens × 64: medians .* float64 \d\.\de-\d/,
      );
      return `${rows.length} rows; ${rows[2][0].split(",")[0]} ${rows[2][3]} times as fast as tuned JavaScript`;
    },
  },
  {
    name: "sizes of one's own, grouped heads; nonsense is refused",
    async run({ page, build }) {
      await open({ page, build });
      await page.selectOption("#shape", "own");
      await page.fill("#own-shape", "6/2x1/100x32");
      assert.ok((await measured(page)).length >= 4);
      assert.match(await page.textContent("#speed-status"), /^6\/2 heads × 1\/100 tokens × 32/);
      for (const [shape, says] of [
        ["twelve", /expected shapes/],
        ["12x8000x64", /too many for loops/],
        ["5/2x8x8", /divide 5/],
      ]) {
        await page.fill("#own-shape", shape);
        await page.click("#speed-form button[type=submit]");
        assert.match(await page.textContent("#shape-complaint"), says);
      }
    },
  },
  {
    name: "measuring can be cancelled, and leaves the page alone",
    async run({ page, build }) {
      await open({ page, build });
      await page.selectOption("#shape", "12x512x64");
      await page.click("#speed-form button[type=submit]");
      await page.waitForTimeout(300);
      await page.fill("#text", "still here");
      await page.waitForFunction(() => document.querySelector("#status").textContent.startsWith("2 tokens"));
      await page.click("#speed-cancel");
      assert.equal(await page.textContent("#speed-status"), "Cancelled.");
      assert.equal(await page.isEnabled("#speed-form button[type=submit]"), true);
    },
  },
  {
    name: "what computes something else gets no number",
    served: true,
    async run({ page, context, build }) {
      const wrong =
        "export function attention({ value }, size, out) { out.set(value.subarray(0, out.length)); }";
      await context.route("**/build/baselines/tuned.js*", (route) =>
        route.fulfill({
          body: wrong,
          contentType: "text/javascript",
          headers: build.isolated ? embedded : {},
        }),
      );
      await open({ page, build });
      await page.selectOption("#shape", "1x32x64");
      const rows = await measured(page);
      assert.match(
        rows[1].join(" "),
        /^tuned JavaScript.* wrong by [\d.]+e[+-]\d+ against float64: not timed$/,
      );
      for (const [, time, , ratio] of [rows[0], ...rows.slice(2)]) {
        assert.match(time, /^[\d.]+ (µs|ms|s)$/);
        assert.equal(ratio, "", "a ratio to what was not timed");
      }
    },
  },
];
