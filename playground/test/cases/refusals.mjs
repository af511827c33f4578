import assert from "node:assert/strict";
import { open, settled } from "../page.mjs";

/** What is chosen, the control that it is said at, and what is said. */
const wrong = [
  {
    view: { heads: "5", projections: "seeded" },
    at: "heads",
    says: /"numHeads" expected a divisor of embedDim=64/,
  },
  { view: { heads: "5" }, at: "heads", says: /a divisor of 64/ },
  { view: { heads: "0" }, at: "heads", says: /a whole number from 1 to 64/ },
  {
    view: { embedDim: "12", positions: "rotary", projections: "seeded" },
    at: "positions",
    says: /"rotary.dim"/,
  },
  { view: { embedDim: "12", positions: "rotary" }, at: "positions", says: /"dim"/ },
  { view: { text: "  " }, at: "text", says: /no text/ },
  { view: { layers: "12", heads: "64", maxTokens: "512" }, at: "maxTokens", says: /too many weights/ },
];

export const refusals = [
  {
    name: "what cannot be computed is said beside its control, and taken back",
    async run({ page, build }) {
      for (const { view, at, says } of wrong) {
        assert.match(await open({ page, build }, view), /^Not computed: see [\w ]+\.$/);
        assert.match(await page.textContent(`#${at}-complaint`), says);
        assert.equal(await page.getAttribute(`#${at}`, "aria-invalid"), "true");
        const others = await page.$$eval(".complaint:not([hidden])", (places) => places.length);
        assert.equal(others, 1);
        await page.click("button[type=reset]");
        assert.match(await settled(page), /^20 tokens/);
        assert.equal(await page.isVisible(`#${at}-complaint`), false);
      }
    },
  },
  {
    name: "an address with nonsense in it opens the defaults",
    async run({ page, build }) {
      const view = { heads: "many", positions: "upside down", threads: "63", off: "7.7,x", unknown: "1" };
      assert.match(
        await open({ page, build }, view),
        /^20 tokens, 11 different, through 2 layers of 4 heads/,
      );
    },
  },
  {
    name: "a text that looks like markup stays a text",
    async run({ page, build }) {
      const text = `<img src=x onerror="document.title='run'"> </script><script>document.title='run'</script> <b>bold`;
      await open({ page, build }, { text, tokens: "words" });
      await open({ page, build }, { text, tokens: "subwords" });
      for (const frame of page.frames()) {
        assert.notEqual(await frame.title(), "run");
        assert.equal(await frame.locator("img, b").count(), 0);
      }
    },
  },
];
