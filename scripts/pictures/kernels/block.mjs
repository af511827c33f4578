// A block of keys against a panel of queries: what lies where, and the online softmax on real scores.
import { Embedding, tensor } from "wasm-attention";
import { sizesOf } from "../../kernel-sets.mjs";
import { drawLines } from "../lines.mjs";
import { engine } from "../scores.mjs";
import { arrow, drawing, grid, text } from "./boxes.mjs";

/** From keys and queries to scores, exponentials and sums. */
export function block() {
  const { PANEL, KEY_BLOCK, ROWS } = sizesOf("strict");
  const size = 13;
  const rows = 15; // of KEY_BLOCK
  const high = 12;
  const E = 8;
  const top = 78;
  const tall = rows * high;
  const keys = 4;
  const panel = 138;
  const scores = 282;
  const sums = 500;
  const lanes = PANEL * size + 5;
  const tile = (i) => (i < ROWS ? "plus soft" : "on faint");
  return drawing({
    title: "A block of keys and a panel of queries",
    description: `${KEY_BLOCK} keys by E times E by ${PANEL} queries are ${KEY_BLOCK} by ${PANEL} scores. Maxima, exponentials and sums go down the lanes. The exponentials times ${KEY_BLOCK} values are added to V by ${PANEL} sums.`,
    width: 644,
    height: 352,
    parts: [
      text(keys, 14, `keys [${KEY_BLOCK}][E]`, "code"),
      text(keys, 30, "read where they lie,"),
      text(keys, 44, `${ROWS} rows at a time`),
      grid({ x: keys, y: top, rows, columns: E, size, high, look: tile }),
      text(keys + E * size + 14, top + tall / 2 + 4, "×", "code"),
      text(panel, 14, `panel [E][${PANEL}]`, "code"),
      text(panel, 30, "queries in the lanes,"),
      text(panel, 44, "in the L1 cache"),
      grid({
        x: panel,
        y: top + 34,
        rows: E,
        columns: PANEL,
        size,
        high: 14,
        every: 4,
        look: () => "full soft",
      }),
      arrow(panel + lanes + 8, top + tall / 2, scores - 10, top + tall / 2),
      text(scores, 14, `scores [${KEY_BLOCK}][${PANEL}]`, "code"),
      text(scores, 30, "softmax goes down:"),
      text(scores, 44, "nothing crosses lanes"),
      grid({ x: scores, y: top, rows, columns: PANEL, size, high, every: 4, look: tile }),
      Array.from({ length: PANEL }, (_, lane) => {
        const x = scores + (lane + 0.5) * size + (lane < 4 ? 0 : 5);
        return arrow(x, top + tall + 4, x, top + tall + 26);
      }),
      text(scores, top + tall + 44, "m′ = max(m, scores)"),
      text(scores, top + tall + 59, "p = e^(score − m′), in place"),
      text(scores, top + tall + 74, "l = l e^(m − m′) + Σ p"),
      text(scores + lanes + 18, top + tall / 2 - 12, "p", "code"),
      arrow(scores + lanes + 8, top + tall / 2, sums - 12, top + tall / 2),
      text(scores + lanes + 8, top + tall / 2 + 20, `× values [${KEY_BLOCK}][V]`),
      text(sums, 14, `sums [V][${PANEL}]`, "code"),
      text(sums, 30, "p is packed already:"),
      text(sums, 44, "lanes are queries"),
      grid({
        x: sums,
        y: top + 10,
        rows: 12,
        columns: PANEL,
        size,
        high: 13,
        every: 4,
        look: (i) => (i < ROWS ? "plus soft" : "on faint"),
      }),
      text(sums, top + tall + 44, "sums = sums e^(m − m′)"),
      text(sums, top + tall + 59, "+ p v"),
      text(keys, top + tall + 44, "orange: one register tile"),
    ],
  });
}

const KEYS = 480;
const SIZE = 16;

/** One query's scores, its running maximum, and its running denominator, block by block. */
export function onlineSoftmax() {
  const { KEY_BLOCK } = sizesOf("strict");
  const { values, denominators } = measure(KEY_BLOCK);
  const ends = denominators.map((_, n) => (n + 1) * KEY_BLOCK);
  const maxima = ends.map((end) => Math.max(...values.slice(0, end)));
  const corrections = maxima.map((maximum, n) => Math.exp((maxima[n - 1] ?? maximum) - maximum));
  const steps = [[0, maxima[0]], ...maxima.map((maximum, n) => [ends[n], maxima[n + 1] ?? maximum])];
  const blocks = ends.slice(0, -1).map((at, n) => ({
    at,
    text: corrections[n + 1] < 1 ? corrections[n + 1].toFixed(2) : "",
  }));
  const sums = denominators.map((sum, n) => [ends[n], sum / Math.exp(maxima[n])]);
  const highest = 10 * Math.ceil(Math.max(...sums.map(([, sum]) => sum)) / 10);
  const x = { domain: [0, KEYS], ticks: [0, ...ends].filter((_, n) => n % 2 === 0), label: "keys" };
  return drawLines({
    title: "The online softmax of one query over eight blocks of keys",
    description:
      "The running maximum is that of all scores so far. Where a block raises it, the sums so far are multiplied by a factor below 1; elsewhere by exactly 1.",
    width: 310,
    height: 250,
    legend: [
      { colour: "grey", text: "scores", dots: true },
      { colour: "orange", text: "maximum so far, m" },
      { colour: "blue", text: "denominator, l = Σ e^(score − m)" },
    ],
    plots: [
      {
        code: "scores, block by block",
        note: "where m rises, the sums shrink by e^(m − m′)",
        x,
        y: { domain: [-5, 5], ticks: [-4, -2, 0, 2, 4] },
        rules: blocks,
        series: [
          { colour: "grey", dots: true, faint: true, points: values.map((value, j) => [j, value]) },
          { colour: "orange", steps: true, points: steps },
        ],
      },
      {
        code: "denominator after each block",
        note: "relative to the maximum so far",
        x,
        y: { domain: [0, highest], ticks: [0, highest / 2, highest] },
        rules: blocks.map(({ at }) => ({ at })),
        series: [
          {
            colour: "blue",
            points: [[0, 0], ...sums],
          },
        ],
      },
    ],
  });
}

/** Scores of random tokens, and the sum of their exponentials over the first n blocks, all asked of the package. */
function measure(block) {
  const numbers = (rows, seed) =>
    new Embedding({ numEmbeddings: rows, embedDim: SIZE, seed }).forward([...Array(rows).keys()]).data;
  const count = KEYS / block;
  const key = numbers(KEYS, 6);
  const query = numbers(1, 130);
  const repeat = (data, times) =>
    Float32Array.from({ length: times * data.length }, (_, n) => data[n % data.length]);
  const keys = tensor(repeat(key, count), [count, 1, KEYS, SIZE]);
  const { scores, logSumExp } = engine.scaledDotProductAttentionSync(
    tensor(repeat(query, count), [count, 1, 1, SIZE]),
    keys,
    keys,
    {
      kvLengths: Array.from({ length: count }, (_, n) => (n + 1) * block),
      returnScores: "scaled",
      returnLogSumExp: true,
    },
  );
  return {
    values: [...scores.data.subarray(0, KEYS)],
    denominators: Array.from(logSumExp.data, Math.exp),
  };
}
