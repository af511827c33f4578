/** Twelve layers of twelve heads over 512 tokens: what a page may weigh, and that it can be used. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HtmlOptions, toHtml } from "wasm-attention/inspect";
import { type Kind, kinds, madeWeights } from "../inspect/made-weights.ts";
import { dataOf, readHead } from "../inspect/page.ts";
import { noBrowser, Pages } from "./open.ts";

const [H, L] = [12, 512];
const tokens = Array.from({ length: L }, (_, n) => `token${n}`);

/** A page whose layers all have the weights of one, which takes a twelfth of the time to make. */
async function pageOf(
  only: readonly Kind[],
  causal: boolean,
  options: HtmlOptions = {},
): Promise<{ html: string; data: Float32Array }> {
  const weights = madeWeights([H, L, L], { causal, only });
  const html = await toHtml(
    Array.from({ length: 12 }, () => ({ weights: () => weights })),
    { tokens, ...options },
  );
  return { html, data: weights.data };
}

/** The largest difference between what is stored and what was given, as a share of the row's largest weight. */
function worstOf(html: string, data: Float32Array, head: number): number {
  const { weights, record } = readHead(html, 11, head);
  const { topK } = dataOf(html);
  return weights.reduce((worst, weight, n) => {
    const largest = record.topWeights[Math.floor(n / L) * topK]!;
    return Math.max(worst, Math.abs(weight - data[head * L * L + n]!) / largest);
  }, 0);
}

describe("144 heads over 512 tokens", () => {
  // About 1 / levels: what fits the room, where nothing can be left out and where much is 0.
  it.each([
    { name: "diffuse", only: ["diffuse"], causal: false, worst: 0.2 },
    { name: "diffuse, causal", only: ["diffuse"], causal: true, worst: 0.08 },
    { name: "peaked", only: ["peaked"], causal: false, worst: 0.01 },
    { name: "of all kinds, causal", only: kinds, causal: true, worst: 0.08 },
  ] as const)("$name, take less than 15 MB", async ({ only, causal, worst }) => {
    const { html, data } = await pageOf(only, causal);
    expect(Buffer.byteLength(html)).toBeLessThanOrEqual(14_000_000);
    for (const head of [0, 5, 11]) expect(worstOf(html, data, head)).toBeLessThan(worst);
  });

  describe.skipIf(noBrowser !== undefined)(
    `in a browser${noBrowser ? `: skipped, ${noBrowser}` : ""}`,
    () => {
      let pages: Pages;
      beforeAll(() => {
        pages = new Pages();
      });
      afterAll(async () => {
        await pages?.close();
        expect(pages?.complaints).toEqual([]);
      });

      it("open one head after the other", async () => {
        const { html, data } = await pageOf(kinds, true);
        const page = await pages.open(html, { hash: "#query=400" });
        for (const [layer, head] of [
          [3, 4],
          [11, 11],
          [7, 0],
        ] as const) {
          await page.locator("#heads tbody tr").nth(layer).locator('[role="gridcell"]').nth(head).click();
          await page.waitForFunction(
            (title) => document.getElementById("head-title")?.textContent === title,
            `Layer ${layer}, head ${head}`,
          );
          const row = data.subarray((head * L + 400) * L, (head * L + 401) * L);
          const top = await page.locator("#top-keys tbody td").first().getAttribute("data-value");
          expect(Number(top)).toBe(Math.max(...row));
        }
        await page.close();
      });
    },
  );
});
