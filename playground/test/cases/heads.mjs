import assert from "node:assert/strict";
import { cells, open, savedNumbers, settled } from "../page.mjs";

export const heads = [
  {
    name: "a head that is switched off changes the output by what is said",
    async run({ page, build }) {
      for (const projections of ["seeded", "none"]) {
        await open({ page, build }, { projections });
        const whole = (await savedNumbers(page)).output.data;
        await page.selectOption("#layer", "0");
        await page.uncheck("#keep-0\\.2");
        await page.selectOption("#layer", "1");
        await page.uncheck("#keep-1\\.0");
        await settled(page);
        const without = (await savedNumbers(page)).output.data;
        const norm = (x) => Math.hypot(...x);
        const share = norm(whole.map((value, n) => value - without[n])) / norm(whole);
        const said = await page.textContent("#change");
        const [, percent] =
          /^2 heads off: the output of the last layer changes by ([\d.]+)%, most at token/.exec(said);
        assert.ok(Math.abs(Number(percent) - 100 * share) < 0.51, `${said}, not ${100 * share}`);
        assert.ok(share > 0.01);

        const table = await cells(page, "#heads-table");
        await page.reload();
        await settled(page);
        assert.equal(await page.textContent("#change"), said, "the address does not say which heads are off");
        await page.selectOption("#layer", "1");
        assert.deepEqual(await cells(page, "#heads-table"), table);
        assert.equal(await page.isChecked("#keep-1\\.0"), false);

        await page.click("#all-on");
        await settled(page);
        assert.deepEqual((await savedNumbers(page)).output.data, whole);
      }
    },
  },
  {
    name: "heads are switched with the keyboard, and the focus stays",
    async run({ page, build }) {
      await open({ page, build });
      await page.focus("#keep-0\\.1");
      await page.keyboard.press("Space");
      await settled(page);
      assert.equal(await page.evaluate(() => document.activeElement.id), "keep-0.1");
      assert.match(await page.textContent("#change"), /^1 head off/);
      await page.keyboard.press("Space");
      await settled(page);
      assert.match(await page.textContent("#change"), /^Switch heads off/);
    },
  },
];
