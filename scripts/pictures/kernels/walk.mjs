// What is computed of a causal attention, and how tiles are shared by threads.
import { sizesOf } from "../../kernel-sets.mjs";
import { engine, zeros } from "../scores.mjs";
import { arrow, box, drawing, key, text } from "./boxes.mjs";

const LENGTH = 240;

/** Blocks of keys for each panel of queries: computed whole, cut, or skipped. */
export function walk() {
  const { PANEL, KEY_BLOCK } = sizesOf("strict");
  const scale = 1.4;
  const [left, top] = [60, 52];
  const at = (keys) => left + keys * scale;
  const rows = (queries) => top + queries * scale;
  const attended = attendedKeys();
  const parts = [];
  for (let row = 0; row < LENGTH; row += PANEL) {
    const [every, some] = [attended[row], attended[row + PANEL - 1]];
    for (let block = 0; block < LENGTH; block += KEY_BLOCK) {
      const end = Math.min(block + KEY_BLOCK, some);
      if (end <= block) continue;
      const whole = Math.max(block, Math.min(end, every));
      const strip = (from, to, look) =>
        to > from
          ? [
              box({
                x: at(from) + 0.5,
                y: rows(row) + 0.5,
                width: (to - from) * scale - 1,
                height: PANEL * scale - 1,
                look,
              }),
            ]
          : [];
      parts.push(strip(block, whole, "on soft"), strip(whole, end, "plus soft"));
    }
  }
  const edges = Array.from({ length: LENGTH / KEY_BLOCK + 1 }, (_, n) => n * KEY_BLOCK);
  const right = at(LENGTH) + 16;
  return drawing({
    title: `Causal attention over ${LENGTH} tokens, as it is computed`,
    description: `Panels of ${PANEL} queries go down, blocks of ${KEY_BLOCK} keys across. Blocks after a panel's last query are skipped; the block at its edge is cut to the keys that some query of the panel attends to.`,
    width: 640,
    height: 424,
    parts: [
      text(left, 14, `${LENGTH} queries, ${LENGTH} keys, causal`, "code"),
      text(left, 30, `keys, in blocks of ${KEY_BLOCK}`),
      edges.map((edge) => text(at(edge), 46, String(edge), "name middle")),
      `<text class="middle" transform="translate(14,${rows(LENGTH / 2)}) rotate(-90)">queries, in panels of ${PANEL}</text>`,
      edges.map((edge) => text(left - 8, rows(edge) + 4, String(edge), "name end")),
      parts,
      `<path class="line" d="${edges.map((edge) => `M${at(edge)} ${top}V${rows(LENGTH)}`).join("")}"/>`,
      arrow(right, top + 6, right + 40, top + 6),
      text(right + 46, top + 10, "1. a block of keys and values,"),
      text(right + 46, top + 25, "read into the L1 cache"),
      arrow(right + 6, top + 48, right + 6, top + 82),
      text(right + 46, top + 62, "2. all panels of the tile use it"),
      text(right + 46, top + 77, "before the next block comes"),
      key(left, 416, [
        { look: "on soft", content: "all 8 lanes attend" },
        { look: "plus soft", content: "some lanes are masked" },
        { look: "line", content: "empty: skipped" },
      ]),
    ],
  });
}

/** How many keys each query attends to, asked of the package: the first n, as this is causal. */
function attendedKeys() {
  const x = zeros([LENGTH, 1]);
  const { scores } = engine.scaledDotProductAttentionSync(x, x, x, { causal: true, returnScores: "biased" });
  return Array.from(
    { length: LENGTH },
    (_, i) => scores.data.subarray(i * LENGTH, (i + 1) * LENGTH).filter((score) => score === 0).length,
  );
}

/** Two threads that take tiles of unlike lengths from one counter, or half of the tiles each. */
export function counter() {
  // Later queries of a causal attention see more keys.
  const tiles = Array.from({ length: 16 }, (_, tile) => ({ tile, cost: 2 * tile + 1 }));
  const half = tiles.length / 2;
  const cut = [layInTurn(tiles.slice(0, half)), layInTurn(tiles.slice(half))];
  const [left, width] = [66, 560];
  const scale = width / Math.max(...cut.map((spans) => endOf(spans)));
  const lanes = (y, threads) =>
    threads.map((spans, n) => [
      text(4, y + 15 + n * 28, `thread ${n}`, "name"),
      spans.map(({ tile, from, cost }) => {
        const look = n === 0 ? "on soft" : "plus soft";
        const x = left + from * scale;
        const name = text(x + (cost * scale) / 2, y + n * 28 + 15, String(tile), "name middle");
        const span = box({ x: x + 0.5, y: y + n * 28, width: cost * scale - 1, height: 22, look });
        return [span, cost * scale > 14 ? name : ""];
      }),
    ]);
  return drawing({
    title: "Sixteen tiles of a causal attention on two threads",
    description:
      "Taken one after the other from a counter, both threads end within a tile of one another. Cut in two halves beforehand, one thread has three quarters of the work.",
    width: 636,
    height: 206,
    parts: [
      text(4, 14, "the next tile from a counter", "bold"),
      lanes(26, takeInTurn(tiles, 2)),
      text(4, 106, "half of the tiles each", "bold"),
      lanes(118, cut),
      arrow(left, 188, left + width, 188),
      text(left + width / 2, 202, "time", "middle"),
    ],
  });
}

/** Tiles one after the other. */
function layInTurn(tiles) {
  const spans = [];
  for (const tile of tiles) spans.push({ ...tile, from: endOf(spans) });
  return spans;
}

function endOf(spans) {
  const last = spans.at(-1);
  return last ? last.from + last.cost : 0;
}

/** Whoever is free first takes the next. */
function takeInTurn(tiles, threads) {
  const lanes = Array.from({ length: threads }, () => []);
  for (const tile of tiles) {
    const free = lanes.reduce((a, b) => (endOf(b) < endOf(a) ? b : a));
    free.push({ ...tile, from: endOf(free) });
  }
  return lanes;
}
