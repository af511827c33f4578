// What the cases do with a page.
import { readFile } from "node:fs/promises";

/** Opens the page with these settings; gives the result that it shows. */
export async function open({ page, build }, settings = {}) {
  await page.goto(`${build.address}#${new URLSearchParams(settings)}`);
  return settled(page);
}

/** Waits until the page shows what its controls say, the viewer included. */
export async function settled(page) {
  // Longer than the page waits for another change.
  await page.waitForTimeout(200);
  await page.waitForFunction(() =>
    ["#result", "#viewer"].every((part) => document.querySelector(part).ariaBusy === "false"),
  );
  return page.textContent("#status");
}

/** The numbers that the page saves. */
export async function savedNumbers(page) {
  return JSON.parse(await saved(page, "#save-numbers"));
}

/** The text of the file that a button saves. */
export async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  return readFile(await download.path(), "utf8");
}

/** The texts of a table's cells. */
export function cells(page, table) {
  return page.$$eval(`${table} tbody tr`, (rows) =>
    rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim())),
  );
}
