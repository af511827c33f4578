/** The viewer in a browser: what can be read off a page is what it was made of. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toHtml } from "wasm-attention/inspect";
import { madeWeights } from "../inspect/made-weights.ts";
import { dataOf, readHead } from "../inspect/page.ts";
import { faintTexts } from "./contrast.ts";
import { nextFrames, noBrowser, Pages, textOf } from "./open.ts";

const L = 14;
const tokens = Array.from("the dog chased the cat , and then ran to its own small house".split(" "));
const layers = [0, 1, 2].map((n) => ({
  name: `block ${n}`,
  weights: madeWeights([6, L, L], { causal: true, seed: n }),
}));
const weightAt = (layer: number, head: number, row: number, key: number) =>
  layers[layer]!.weights.data[(head * L + row) * L + key]!;

describe.skipIf(noBrowser !== undefined)(`a page${noBrowser ? `: skipped, ${noBrowser}` : ""}`, () => {
  let pages: Pages;
  let html: string;

  beforeAll(async () => {
    pages = new Pages();
    html = await toHtml(layers, { tokens, title: "A <b>title</b>", description: "What & why" });
  });

  afterAll(async () => {
    await pages?.close();
    expect(pages?.complaints).toEqual([]);
  });

  it("opens from a file, and asks nobody for anything", async () => {
    const page = await pages.open(html);
    expect(await page.title()).toBe("A <b>title</b>");
    expect(await textOf(page, "h1")).toBe("A <b>title</b>");
    expect(await textOf(page, "#description")).toBe("What & why");
    expect(await textOf(page, ".counts")).toBe("3 layers · 18 heads · 14 tokens");
    expect(pages.complaints).toEqual([]);
    await page.close();
  });

  it("shows the weight of every cell that is gone to, as it was given", async () => {
    const page = await pages.open(html, { hash: "#layer=1&head=5&query=13&key=0" });
    await page.locator("#heat-map").focus();
    const { least, most } = readHead(html, 1, 5);
    for (let key = 0; key < L; key++) {
      const shown = Number(await page.locator("#readout-weight").getAttribute("data-value"));
      const weight = weightAt(1, 5, 13, key);
      expect(shown).toBeGreaterThanOrEqual(least[13 * L + key]!);
      expect(shown).toBeLessThanOrEqual(most[13 * L + key]!);
      expect(weight).toBeGreaterThanOrEqual(least[13 * L + key]! * (1 - 1e-6));
      expect(weight).toBeLessThanOrEqual(most[13 * L + key]! * (1 + 1e-6));
      expect(await textOf(page, "#readout-key")).toBe(`${tokens[key]} (key ${key})`);
      await page.keyboard.press("ArrowRight");
      await nextFrames(page);
    }
    expect(await textOf(page, "#readout-query")).toBe(`${tokens[13]} (query 13)`);
    const row = Array.from({ length: L }, (_, key) => weightAt(1, 5, 13, key));
    const entropy = -row.reduce((sum, w) => sum + (w === 0 ? 0 : w * Math.log(w)), 0);
    expect(await textOf(page, "#readout-entropy")).toBe(`${entropy.toFixed(2)} nats`);
    await page.close();
  });

  it("says 0, and nothing of rounding, where all weights of a row are exact", async () => {
    expect(dataOf(html).topK).toBeGreaterThan(4);
    const page = await pages.open(html, { hash: "#layer=0&head=0&query=3&key=9" });
    expect(await textOf(page, "#readout-weight")).toBe("0");
    await page.close();
  });

  it("lists a row's largest weights, which are exact", async () => {
    const page = await pages.open(html, { hash: "#layer=2&head=0&query=9&key=3" });
    const { topK } = dataOf(html);
    const expected = Array.from({ length: L }, (_, key) => ({ key, weight: weightAt(2, 0, 9, key) }))
      .sort((a, b) => b.weight - a.weight)
      .slice(0, topK);
    const rows = await page.locator("#top-keys tbody tr").all();
    expect(rows).toHaveLength(10);
    for (const [n, { key, weight }] of expected.entries()) {
      expect(await rows[n]!.getAttribute("data-key")).toBe(String(key));
      expect(Number(await rows[n]!.locator("td").getAttribute("data-value"))).toBe(weight);
      expect(await rows[n]!.locator("th").innerText()).toBe(`${tokens[key]} (key ${key})`);
      expect(await rows[n]!.locator("td").innerText()).toBe(String(Number(weight.toPrecision(4))));
    }
    await page.close();
  });

  it("opens another head by a click, by arrow keys, by [ and ]", async () => {
    const page = await pages.open(html);
    const cell = (layer: number, head: number) =>
      page.locator("#heads tbody tr").nth(layer).locator('[role="gridcell"]').nth(head);
    const opened = (text: string) =>
      page.waitForFunction((text) => document.getElementById("head-title")?.textContent === text, text);
    await cell(1, 4).click();
    await opened("block 1, head 4");
    expect(await cell(1, 4).getAttribute("aria-selected")).toBe("true");
    await cell(1, 4).focus();
    for (const [key, expected] of [
      ["ArrowRight", "block 1, head 5"],
      ["ArrowRight", "block 2, head 0"],
      ["ArrowUp", "block 1, head 0"],
      ["End", "block 1, head 5"],
      ["ArrowDown", "block 2, head 5"],
      ["ArrowDown", "block 2, head 5"],
      ["Home", "block 2, head 0"],
    ] as const) {
      await page.keyboard.press(key);
      await opened(expected);
    }
    expect(await page.locator('#heads [tabindex="0"]').count()).toBe(1);
    await page.locator("#heat-map").focus();
    await page.keyboard.press("[");
    await opened("block 1, head 5");
    expect(await page.evaluate(() => location.hash)).toBe("#layer=1&head=5&query=0&key=0");
    expect(await textOf(page, "#announcements")).toContain("block 1, head 5: mean entropy");
    await page.close();
  });

  it("paints a cell the darker the larger its weight", async () => {
    const page = await pages.open(html, { hash: "#layer=0&head=3&query=13&key=0" });
    const colours = await paintedRow(page, 13);
    const order = (values: readonly number[]) => [...values.keys()].sort((a, b) => values[b]! - values[a]!);
    const weights = Array.from({ length: L }, (_, key) => weightAt(0, 3, 13, key));
    const share = weights.filter((weight) => weight > Math.max(...weights) * 1e-3).length;
    expect(order(colours).slice(0, share)).toEqual(order(weights).slice(0, share));
    await page.close();
  });

  it("draws a line to each key that matters, as wide as its weight", async () => {
    const page = await pages.open(html, { hash: "#layer=0&head=4&query=0&key=0" });
    await page.locator("#tokens [data-n='11']").hover();
    await page.waitForFunction(() => document.getElementById("tokens")?.dataset.row === "11");
    const lines = await page.locator("#tokens path").evaluateAll((paths) =>
      paths.map((path) => ({
        key: Number(path.getAttribute("data-key")),
        width: Number(path.getAttribute("stroke-width")),
      })),
    );
    const row = Array.from({ length: L }, (_, key) => weightAt(0, 4, 11, key));
    const seen = [...row.keys()].filter((key) => row[key]! >= 0.02 * Math.max(...row));
    expect(lines.map(({ key }) => key).sort((a, b) => a - b)).toEqual(seen);
    for (const { key, width } of lines) expect(width).toBeCloseTo(0.75 + 5 * row[key]!, 3);
    expect(await textOf(page, "#top-keys caption")).toBe("Largest weights of own (query 11)");
    await page.mouse.move(0, 0);
    await page.waitForFunction(() => document.getElementById("tokens")?.dataset.row === "0");
    await page.locator("#tokens [data-n='5']").click();
    await page.keyboard.press("ArrowRight");
    expect(await textOf(page, "#readout-query")).toBe("and (query 6)");
    await page.close();
  });

  it("zooms by keys and by the wheel, and shows the cell below the pointer", async () => {
    const page = await pages.open(html);
    const map = page.locator("#heat-map");
    await map.focus();
    const labels = () => page.locator("#heat-map .query-labels text").allTextContents();
    await nextFrames(page);
    expect((await labels()).sort()).toEqual([...tokens].sort());
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    await nextFrames(page);
    expect((await labels()).length).toBeLessThan(L);
    await page.keyboard.press("Escape");
    await nextFrames(page);
    const { x, y, width, height } = (await page.locator("#heat-map canvas").boundingBox())!;
    const cell = (row: number, key: number) =>
      [x + ((key + 0.5) * width) / L, y + ((row + 0.5) * height) / L] as const;
    await page.mouse.move(...cell(8, 3));
    expect(await textOf(page, "#readout-query")).toBe(`${tokens[8]} (query 8)`);
    expect(await textOf(page, "#readout-key")).toBe(`${tokens[3]} (key 3)`);
    // About the pointer: its cell stays below it.
    await page.mouse.wheel(0, -600);
    await nextFrames(page);
    await page.mouse.click(...cell(8, 3));
    expect(await page.evaluate(() => location.hash)).toBe("#layer=0&head=0&query=8&key=3");
    expect((await labels()).length).toBeLessThan(L);
    await page.mouse.down();
    await page.mouse.move(x + 400, y + 400, { steps: 4 });
    await page.mouse.up();
    expect(await page.evaluate(() => location.hash)).toBe("#layer=0&head=0&query=8&key=3");
    await page.close();
  });

  it.each(["light", "dark"] as const)(
    "is %s where the system is, and where it is told to be",
    async (colorScheme) => {
      const page = await pages.open(html, { colorScheme, reducedMotion: "reduce" });
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const [isDark, other] = [colorScheme === "dark", colorScheme === "dark" ? "light" : "dark"];
      const brightness = (colour: string) => Number(/\d+/.exec(colour)![0]);
      expect(brightness(await ground()) < 128).toBe(isDark);
      expect(await faintTexts(page)).toEqual([]);
      await page.getByLabel("Theme").selectOption(other);
      expect(brightness(await ground()) < 128).toBe(!isDark);
      expect(await faintTexts(page)).toEqual([]);
      await page.close();
    },
  );

  it("fits a phone", async () => {
    const page = await pages.open(html, {
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true,
    });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    for (const name of ["Keys", "Closer", "All of the map"]) {
      const { width, height } = (await page.getByRole("button", { name }).boundingBox())!;
      expect(Math.min(width, height)).toBeGreaterThanOrEqual(44);
    }
    await page.locator("#heat-map").tap({ position: { x: 200, y: 200 } });
    expect(await page.evaluate(() => location.hash)).not.toContain("query=0&");
    await page.close();
  });

  it("says what the keys do, and gives the focus back", async () => {
    const page = await pages.open(html);
    await page.keyboard.press("?");
    expect(await page.getByRole("dialog").isVisible()).toBe(true);
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await page.getByRole("button", { name: "Keys" }).click();
    expect(await page.getByRole("dialog").isVisible()).toBe(true);
    await page.keyboard.press("Escape");
    expect(await page.getByRole("dialog").isVisible()).toBe(false);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Keys");
    await page.close();
  });

  it("has a name for everything that can be used, and no two elements of one id", async () => {
    const page = await pages.open(html);
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>("button, select, [tabindex], svg[role], [role=img], dialog")]
        .filter((element) => {
          const id = element.getAttribute("aria-labelledby");
          const labels = element instanceof HTMLSelectElement ? [...element.labels] : [];
          const named = [element.getAttribute("aria-label"), id && document.getElementById(id)?.textContent];
          return ![...named, element.textContent, ...labels.map((label) => label.textContent)].some(Boolean);
        })
        .map((element) => element.outerHTML),
    );
    expect(nameless).toEqual([]);
    const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    expect(await page.locator("main").ariaSnapshot()).toContain('application "block 0, head 0: 14 queries');
    await page.close();
  });

  it.each([
    { name: "one token", sizes: [1, 1, 1] },
    { name: "more keys than queries", sizes: [2, 3, 40] },
    { name: "more queries than keys", sizes: [2, 60, 2] },
    { name: "two thousand tokens", sizes: [1, 2000, 2000] },
  ] as const)("shows $name", async ({ sizes: [H, L, S] }) => {
    const weights = madeWeights([H, L, S], { causal: L === S, only: ["stripes"] });
    const page = await pages.open(await toHtml({ weights }), { hash: `#head=${H - 1}&query=${L - 1}` });
    const { width, height } = (await page.locator("#heat-map canvas").boundingBox())!;
    expect(Math.min(width, height)).toBeGreaterThan(20);
    const top = await page.locator("#top-keys tbody td").first().getAttribute("data-value");
    const row = weights.data.subarray(((H - 1) * L + L - 1) * S);
    expect(Number(top)).toBe(Math.max(...row));
    expect(await textOf(page, "#readout-query")).toBe(`query ${L - 1}`);
    await page.close();
  });

  it("shows NaN, rows without keys, and texts that would like to be more than text", async () => {
    const nan = Number.NaN;
    const evil = ["<img src=x onerror=alert(1)>", "\u202etxt.exe", "a\nb", "</script>"];
    const data = Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0, nan, nan, nan, nan, 0.25, 0.25, 0.25, 0.25);
    const made = await toHtml({ weights: { data, shape: [4, 4] } }, { tokens: evil, title: evil[0] });
    const page = await pages.open(made, { hash: "#query=1&key=2" });
    expect(await page.locator("img").count()).toBe(0);
    expect(await textOf(page, "#top-keys tbody")).toBe("It looks at no key.");
    expect(await page.locator("#tokens .token").allInnerTexts()).toEqual([
      "<img␣src=x␣onerror=alert(1)>",
      "txt.exe",
      "a⏎b",
      "</script>",
    ]);
    await page.locator("#tokens [data-n='2']").hover();
    expect(await textOf(page, "#readout-weight")).toBe("NaN");
    expect(await textOf(page, ".facts")).toContain("mean entropy NaN nats");
    expect(await textOf(page, "#top-keys tbody")).toBe("All its weights are NaN.");
    expect(await textOf(page, "#legend .swatch:last-child")).toBe("NaN");
    expect(await textOf(page, "#mass-by-key .hint")).toBe("Summed over all queries. All NaN.");
    expect(await page.locator("#entropy-of-heads circle").count()).toBe(0);
    expect(await page.locator("path[d*=NaN]").count()).toBe(0);
    await page.close();
  });

  it("says how exact it is, and lists rounded weights in falling order", async () => {
    const [H, L] = [2, 120];
    const weights = madeWeights([H, L, L], { only: ["diffuse"] });
    const exact = await pages.open(await toHtml(weights), { hash: "#query=7" });
    expect(await textOf(exact, "#exactness")).toBe("All weights are exact.");
    const row = Array.from(weights.data.subarray(7 * L, 8 * L)).sort((a, b) => b - a);
    expect(await listedWeights(exact)).toEqual(row.slice(0, 10));
    await exact.close();
    const rounded = await pages.open(await toHtml(weights, { maxBytes: 110_000 }), { hash: "#query=7" });
    expect(await textOf(rounded, "#exactness")).toContain("Other weights are rounded and marked ≈.");
    const listed = await listedWeights(rounded);
    expect(listed).toHaveLength(10);
    expect(listed).toEqual([...listed].sort((a, b) => b - a));
    expect(listed.slice(0, 8)).toEqual(row.slice(0, 8));
    expect(await textOf(rounded, "#top-keys tbody tr:last-child td")).toContain("≈");
    await rounded.close();
  });

  it("shortens a long token, of which the whole is a title", async () => {
    const long = "x".repeat(5000);
    const weights = madeWeights([1, 2, 2]);
    const page = await pages.open(await toHtml(weights, { tokens: [long, "b"] }));
    expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThan(2500);
    const token = page.locator("#tokens .token").first();
    expect((await token.innerText()).length).toBeLessThan(60);
    expect(await token.getAttribute("title")).toBe(long);
    expect(await token.getAttribute("aria-label")).toBe(long);
    expect(await page.locator("#readout-query bdi").getAttribute("title")).toBe(long);
    await page.close();
  });

  it("calls layers as they are called, else by number, and small entropies by their digits", async () => {
    const weights = { data: Float32Array.of(0.999, 0.001, 0, 1), shape: [2, 2] };
    const page = await pages.open(await toHtml([weights, { name: "layer 3", weights }]));
    expect(await textOf(page, "#head-title")).toBe("Layer 0, head 0");
    expect(await textOf(page, "#readout-entropy")).toBe("0.0079 nats");
    await page.locator("#heads tbody tr").nth(1).locator("td").click();
    await page.waitForFunction(
      () => document.getElementById("head-title")?.textContent !== "Layer 0, head 0",
    );
    expect(await textOf(page, "#head-title")).toBe("layer 3, head 0");
    await page.close();
  });

  it("marks the shown cell by lines, which leave all colours as they are", async () => {
    const page = await pages.open(html);
    await nextFrames(page);
    const fills = await page
      .locator("#heat-map svg rect")
      .evaluateAll((rects) => rects.map((rect) => getComputedStyle(rect).fill));
    expect(fills).toEqual(["none", "none", "none", "none"]);
    await page.close();
  });

  it("labels its plots with what there is, and no label on another", async () => {
    const weights = madeWeights([1, 3, 1200], { only: ["diffuse"] });
    const page = await pages.open(await toHtml(weights));
    const queries = await page.locator("#entropy-by-row-plot .axis:not(.rules) text").allTextContents();
    expect(queries).toEqual(["0", "1", "2"]);
    for (const plot of ["entropy-by-row", "mass-by-key", "mass-by-distance", "entropy-of-heads"]) {
      const boxes = await page
        .locator(`#${plot}-plot .axis:not(.rules) text`)
        .evaluateAll((texts) => texts.map((text) => text.getBoundingClientRect()));
      boxes.slice(1).forEach((box, n) => {
        expect(box.left).toBeGreaterThan(boxes[n]!.right);
      });
    }
    await page.close();
  });
});

/** The row's largest weights, as they are listed. */
function listedWeights(page: Page): Promise<number[]> {
  return page
    .locator("#top-keys tbody td")
    .evaluateAll((cells) => cells.map((cell) => Number((cell as HTMLElement).dataset.value)));
}

/** How dark the cells of a row are drawn, in their middles. */
function paintedRow(page: Page, row: number): Promise<number[]> {
  return page.evaluate(
    async ({ row, L }) => {
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const canvas = document.querySelector<HTMLCanvasElement>("#heat-map canvas")!;
      const copy = new OffscreenCanvas(canvas.width, canvas.height);
      const context = copy.getContext("2d", { willReadFrequently: true })!;
      context.drawImage(canvas, 0, 0);
      const y = Math.floor(((row + 0.5) * canvas.height) / L);
      return Array.from({ length: L }, (_, key) => {
        const x = Math.floor(((key + 0.5) * canvas.width) / L);
        const [r, g, b] = context.getImageData(x, y, 1, 1).data;
        return 765 - r! - g! - b!;
      });
    },
    { row, L },
  );
}
