import assert from "node:assert/strict";
import { attended, distance, explored, strictLayer } from "../in-node.mjs";
import { cells, open, savedNumbers } from "../page.mjs";

const text = "The dog chased the cat, the cat chased the mouse.";

/** Settings as addresses have them; together they take every way through the page. */
const views = [
  {},
  { projections: "none", positions: "none", layers: "1" },
  { positions: "rotary", heads: "2", causal: "true" },
  { positions: "alibi", heads: "3", embedDim: "48", window: "3", layers: "3" },
  { positions: "learned", window: "2", causal: "true", seed: "5" },
  { projections: "none", positions: "alibi", window: "4" },
  { projections: "none", positions: "rotary", causal: "true", heads: "8" },
];

export const numbers = [
  {
    name: "weights and outputs are those that Node computes by other ways",
    async run({ page, build }) {
      let largest = 0;
      for (const view of views) {
        await open({ page, build }, { text, projections: "seeded", ...view });
        const { settings, tokens, weights, output } = await savedNumbers(page);
        const expected = attended(tokens.texts, settings);
        const pairs = [...weights.map((one, n) => [one, expected.weights[n]]), [output, expected.output]];
        for (const [found, { data, shape }] of pairs) {
          assert.deepEqual(found.shape, [...shape]);
          const size = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          largest = Math.max(largest, distance(found.data, data) / size);
        }
        assert.ok(largest < 2e-6, `${JSON.stringify(view)}: apart by ${largest}`);
      }
      return `${views.length} settings, at most ${largest.toExponential(1)} apart`;
    },
  },
  {
    name: "strict kernels: the bits that Node has",
    async run({ page, build }) {
      for (const view of [{ positions: "sinusoidal" }, { positions: "rotary", causal: "true", seed: "9" }]) {
        await open({ page, build }, { text, layers: "1", projections: "seeded", kernels: "strict", ...view });
        const { settings, tokens, weights, output } = await savedNumbers(page);
        const expected = await strictLayer(tokens.texts, settings);
        assert.equal(distance(weights[0].data, expected.weights.data), 0);
        assert.equal(distance(output.data, expected.output.data), 0);
      }
    },
  },
  {
    name: "the command line draws the same",
    async run({ page, build }) {
      for (const extra of [
        [],
        ["--projections", "none"],
        ["--positions", "learned", "--causal", "--seed", "3"],
      ]) {
        const view = {
          text,
          layers: "1",
          projections: extra.includes("none") ? "none" : "seeded",
          positions: extra.includes("learned") ? "learned" : "sinusoidal",
          causal: String(extra.includes("--causal")),
          seed: extra.includes("--seed") ? "3" : "0",
        };
        await open({ page, build }, view);
        const { tokens, weights } = await savedNumbers(page);
        const length = tokens.texts.length;
        const options = ["--heads", "4", "--head-size", "16", "--show", "64", ...extra];
        const { tokens: texts, weights: rows } = explored(text, 2, options);
        assert.deepEqual(tokens.texts, texts);
        const head = weights[0].data.slice(2 * length * length, 3 * length * length);
        const apart = distance(head, rows.flat());
        assert.ok(apart < 1e-6, `apart by ${apart}`);
        const command = await page.textContent("#command code");
        for (const option of extra) assert.ok(command.includes(option), `${option} is missing: ${command}`);
      }
    },
  },
  {
    name: "the table of heads says what follows from the weights",
    async run({ page, build }) {
      await open({ page, build }, { text, layers: "1", causal: "true" });
      const { tokens, weights } = await savedNumbers(page);
      const length = tokens.texts.length;
      const rows = await cells(page, "#heads-table");
      rows.forEach(([name, entropy, meanDistance, most], head) => {
        const weight = (i, j) => weights[0].data[(head * length + i) * length + j];
        const places = tokens.texts.map((_, i) => i);
        const pairs = places.flatMap((i) => places.map((j) => [i, j, weight(i, j)]));
        const sum = (of) => pairs.reduce((total, pair) => total + of(...pair), 0);
        const expected = sum((_i, _j, w) => (w > 0 ? -w * Math.log(w) : 0)) / length;
        const received = places.map((key) => sum((_i, j, w) => (j === key ? w : 0)));
        const favourite = received.indexOf(Math.max(...received));
        assert.equal(name, `Head ${head}`);
        assert.ok(Math.abs(Number(entropy) - expected) < 0.00051, `${entropy}, not ${expected}`);
        const far = sum((i, j, w) => w * Math.abs(i - j)) / length;
        assert.ok(Math.abs(Number(meanDistance) - far) < 0.0501, `${meanDistance}, not ${far}`);
        assert.ok(most.startsWith(tokens.texts[favourite]), `${most}, not ${tokens.texts[favourite]}`);
      });
    },
  },
];
