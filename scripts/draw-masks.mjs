// Draws what each mask option allows, as docs/images/masks/NAME.svg for docs/masks.md. Run it after a build.
//   node scripts/draw-masks.mjs [--check]
//   --check   changes nothing; exit code 1 if a picture is missing or not what the package would draw
//
// Nothing here knows what an option means: every cell is a score or a weight that the package returned. Queries and keys
// are zeros, so that a score is what the options add to it, and -infinity where they exclude the key.
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { createBlockMask, createEngine, tensor } from "wasm-attention";
import { bigBird, longformer } from "wasm-attention/efficient";

const folder = path.join(import.meta.dirname, "..", "docs", "images", "masks");
const { values: options } = parseArgs({ options: { check: { type: "boolean", default: false } } });
// Strict kernels draw the same on every machine.
const engine = createEngine({ kernels: "strict", threads: 0 });

const EXCLUDED = -Infinity;

// ---- What is drawn -------------------------------------------------------------------------------------------------

/**
 * Pictures by file name. A panel is one matrix: `code` and `note` stand above it, `cells` are its values in rows,
 * `position` is the position of query 0 where the picture marks each query's own.
 */
function figures() {
  return {
    "causal-top-left": {
      title: "Causal attention, aligned at the first query and key",
      panels: [
        causal({ L: 6, S: 6 }, true, 0),
        causal({ L: 4, S: 7 }, true, 0),
        causal({ L: 7, S: 4 }, true, 0),
      ],
    },
    "causal-bottom-right": {
      title: "Causal attention, aligned at the last query and key",
      panels: [
        causal({ L: 6, S: 6 }, "bottom-right", 0),
        causal({ L: 4, S: 7 }, "bottom-right", 3),
        causal({ L: 7, S: 4 }, "bottom-right", -3),
      ],
    },
    "query-offset": {
      title: "Where query 0 stands among the keys",
      panels: [0, 2, -2].map((queryOffset) => ({
        code: `queryOffset: ${queryOffset}`,
        note: "causal: true",
        cells: scores({ L: 4, S: 7 }, { causal: true, queryOffset }),
        position: queryOffset,
      })),
    },
    window: {
      title: "Windows around each query's position",
      columns: 3,
      panels: [
        windowed([2, -1]),
        windowed([-1, 1]),
        windowed([2, 1]),
        windowed([2, -1], { causal: true }, "causal: true"),
        windowed([2, 0], { queryOffset: "bottom-right" }, 'queryOffset: "bottom-right"', 3),
        windowed([1, 1], { queryOffset: 1 }, "queryOffset: 1", 1),
      ],
    },
    "kv-lengths": {
      title: "A batch of three with different numbers of keys",
      panels: [0, 1, 2].map((entry) => ({
        code: "kvLengths: [6, 4, 1]",
        note: `batch entry ${entry}`,
        cells: scores({ B: 3, L: 4, S: 6 }, { kvLengths: [6, 4, 1] }, { entry }),
      })),
    },
    "kv-lengths-causal": {
      title: "New queries at the end of caches of different lengths",
      panels: [6, 4, 2].map((length, entry) => ({
        code: 'causal: "bottom-right"',
        note: `kvLengths: [6, 4, 2], entry ${entry}`,
        cells: scores({ B: 3, L: 2, S: 6 }, { kvLengths: [6, 4, 2], causal: "bottom-right" }, { entry }),
        position: length - 2,
      })),
    },
    packed: {
      title: "Packed sequences attend to themselves only",
      panels: [
        packed([0, 3, 7, 9], [0, 3, 7, 9], false),
        packed([0, 3, 7, 9], [0, 3, 7, 9], true),
        packed([0, 1, 3, 4], [0, 4, 7, 9], "bottom-right"),
      ],
    },
    "block-mask": {
      title: "Block masks: empty, partial and full blocks",
      cell: 9,
      panels: blockMasks(),
    },
    "big-bird": {
      title: "BigBird: window, global and random blocks",
      cell: 5,
      panels: [
        bigBirdPanel("windowBlocks: 3", "each block and its neighbours", {
          globalBlocks: 0,
          randomBlocks: 0,
        }),
        bigBirdPanel("globalBlocks: 1", "sees all, seen by all", { randomBlocks: 0 }),
        bigBirdPanel("randomBlocks: 2", "two more in each row", {}),
      ],
    },
    longformer: {
      title: "Longformer: windows, dilated windows and global tokens",
      cell: 9,
      panels: [
        longformerPanel("window: 6", "3 keys on either side", { window: 6 }),
        longformerPanel("dilation: 2", "every other key", { window: 6, dilation: 2 }),
        longformerPanel("globalTokens: [0, 9]", "window: 6", { window: 6, globalTokens: [0, 9] }),
      ],
    },
    mask: {
      title: "Masks given as tensors",
      panels: [
        {
          code: "mask: Uint8Array [S]",
          note: "the same for every query",
          cells: scores({ L: 5, S: 6 }, { mask: tensor(Uint8Array.of(1, 1, 0, 1, 0, 1), [6]) }),
        },
        {
          code: "mask: Uint8Array [L, S]",
          note: "1 = attend",
          cells: scores(
            { L: 5, S: 6 },
            {
              mask: tensor(
                bytes(5, 6, (i, j) => (i + j) % 3 !== 2),
                [5, 6],
              ),
            },
          ),
        },
      ],
    },
    bias: {
      title: "Numbers added to the scores",
      legend: "added to the score",
      panels: [
        {
          code: "mask: Float32Array [L, S]",
          note: "−∞ excludes",
          cells: scores({ L: 5, S: 6 }, { mask: tensor(addends(5, 6), [5, 6]) }),
          range: [-4, 4],
        },
        {
          code: "bias: Float32Array [S]",
          note: "mask: Uint8Array [S] with it",
          cells: scores(
            { L: 5, S: 6 },
            {
              bias: tensor([-4, -2, 0, 2, 4, 0], [6]),
              mask: tensor(Uint8Array.of(1, 1, 1, 1, 1, 0), [6]),
            },
          ),
          range: [-4, 4],
        },
      ],
    },
    polarity: {
      title: "One mask, two polarities",
      panels: [
        polarity("mask", "here: 1 = attend", "10"),
        polarity("attn_mask", "PyTorch's SDPA: True = attend", "TF"),
        polarity("key_padding_mask", "nn.MultiheadAttention: True = ignore", "FT"),
      ],
    },
    alibi: {
      title: "ALiBi: a penalty for distance",
      legend: "added to the score",
      panels: [
        alibi(0.5, {}, "every key"),
        alibi(0.5, { causal: true }, "causal: true"),
        alibi(0.125, { causal: true }, "causal: true"),
      ],
    },
    "relative-bias": {
      title: "T5's relative position bias: one number for each bucket of distances",
      legend: "added to the score",
      cell: 10,
      panels: [relative(true), relative(false)],
    },
    softcap: {
      title: "Soft capping flattens large scores",
      cell: 12,
      panels: [
        capped("scaled", 'returnScores: "scaled"', "before"),
        capped("capped", 'returnScores: "capped"', "softcap: 5"),
      ],
    },
    sinks: {
      title: "Weights without and with a sink",
      legend: "weight",
      panels: [
        sink(undefined, "no sinks", "rows sum to 1"),
        sink([1], "sinks: [1]", "the sink takes its part"),
      ],
    },
  };
}

function causal({ L, S }, option, position) {
  return {
    code: `causal: ${JSON.stringify(option)}`,
    note: `L = ${L}, S = ${S}`,
    cells: scores({ L, S }, { causal: option }),
    position,
  };
}

function windowed(window, more = {}, note = "", position = 0) {
  const L = more.queryOffset === undefined ? 7 : 4;
  return {
    code: `window: [${window.join(", ")}]`,
    note: note || "no other option",
    cells: scores({ L, S: 7 }, { window, ...more }),
    position,
  };
}

/** Packed results have no score matrix. With one-hot values the output is the weights. */
function packed(query, key, causal) {
  const [L, S] = [query.at(-1), key.at(-1)];
  const oneHot = tensor(
    table(S, S, (i, j) => (i === j ? 1 : 0)),
    [S, 1, S],
  );
  const { output } = engine.scaledDotProductAttentionSync(zeros([L, 1, 1]), zeros([S, 1, 1]), oneHot, {
    cuSeqlens: { query, key },
    causal,
  });
  return {
    code: causal === false ? "cuSeqlens" : `causal: ${JSON.stringify(causal)}`,
    note: L === S ? `starts [${key.join(", ")}]` : `query [${query.join(", ")}], key [${key.join(", ")}]`,
    cells: rows(output.data, S).map((row) => row.map((weight) => (weight > 0 ? 0 : EXCLUDED))),
    lines: { across: query.slice(1, -1), down: key.slice(1, -1) },
  };
}

function blockMasks() {
  const sizes = { L: 20, S: 20, blockSize: 4 };
  const local = createBlockMask((_b, _h, i, j) => Math.abs(i - j) <= 4, sizes);
  const global = createBlockMask((_b, _h, i, j) => i < 4 || j < 4, sizes);
  const documents = createBlockMask(
    (_b, _h, i, j) => j <= i && Math.floor(i / 10) === Math.floor(j / 10),
    sizes,
  );
  return [
    ["local", "|i − j| ≤ 4", local],
    ["local.or(global)", "global: i < 4 or j < 4", local.or(global)],
    ["documents", "j ≤ i, in documents of 10", documents],
  ].map(([code, note, blockMask]) => ({
    code,
    note,
    cells: scores({ L: 20, S: 20 }, { blockMask }),
    blockMask,
  }));
}

function bigBirdPanel(code, note, more) {
  const options = { length: 40, blockSize: 4, globalBlocks: 1, windowBlocks: 3, randomBlocks: 2, seed: 1 };
  return patternPanel(code, note, bigBird({ ...options, ...more }), 40);
}

function longformerPanel(code, note, options) {
  return patternPanel(code, note, longformer(options), 20);
}

function patternPanel(code, note, pattern, length) {
  const blockMask = createBlockMask(pattern, { L: length, S: length, blockSize: 4 });
  return { code, note, cells: scores({ L: length, S: length }, { blockMask }), blockMask };
}

/** The same mask in the letters of whoever takes it: that for a key to attend to, and that for one to ignore. */
function polarity(code, note, [attend, ignore]) {
  const strip = [...attend.repeat(4), ...ignore.repeat(2)];
  const mask = tensor(
    Uint8Array.from(strip, (letter) => (letter === attend ? 1 : 0)),
    [6],
  );
  return { code, note, cells: scores({ L: 3, S: 6 }, { mask }), strip };
}

function alibi(slope, more, note) {
  return {
    code: `alibiSlopes: [${slope}]`,
    note,
    cells: scores({ L: 8, S: 8 }, { alibiSlopes: [slope], ...more }),
    position: 0,
    range: [-4, 0],
  };
}

/** The table holds the numbers of the buckets, so that the picture shows where a bucket begins. */
function relative(bidirectional) {
  const half = 8;
  const buckets = bidirectional ? 2 * half : half;
  const numbers = Float32Array.from({ length: buckets }, (_, n) => (n < half ? -n : n - half));
  const relativeBias = { table: tensor(numbers, [buckets, 1]), bidirectional, maxDistance: 16 };
  return {
    code: `bidirectional: ${bidirectional}`,
    note: `${buckets} buckets, maxDistance: 16`,
    cells: scores({ L: 20, S: 20 }, { relativeBias }),
    range: [-7, 7],
  };
}

function capped(returnScores, code, note) {
  // Products of numbers from -1 to 1 with numbers from -15 to 15.
  const query = tensor(
    table(12, 1, (i) => (i - 5.5) / 5.5),
    [12, 1],
  );
  const key = tensor(
    table(12, 1, (j) => (15 * (j - 5.5)) / 5.5),
    [12, 1],
  );
  const cells = scores({ L: 12, S: 12 }, { softcap: 5, scale: 1, returnScores }, { query, key });
  return { code, note, cells, range: [-15, 15] };
}

function sink(sinks, code, note) {
  const [L, S] = [5, 5];
  const { weights } = engine.scaledDotProductAttentionSync(
    zeros([1, L, 1]),
    zeros([1, S, 1]),
    zeros([1, S, 1]),
    {
      causal: true,
      returnWeights: true,
      ...(sinks ? { sinks } : {}),
    },
  );
  const cells = rows(weights.data, S).map((row) => {
    const left = 1 - row.reduce((sum, weight) => sum + weight, 0);
    const shown = row.map((weight) => (weight === 0 ? EXCLUDED : weight));
    return sinks ? [...shown, left] : shown;
  });
  return {
    code,
    note,
    cells,
    range: [0, 1],
    columnNames: sinks ? ["0", "1", "2", "3", "4", "sink"] : undefined,
  };
}

/** Scores with all that is added and excluded, as rows of one batch entry. */
function scores({ B = 1, L, S }, what, { entry = 0, query, key } = {}) {
  const q = query ? tensor(query.data, [1, 1, L, query.shape[1]]) : zeros([B, 1, L, 1]);
  const k = key ? tensor(key.data, [1, 1, S, key.shape[1]]) : zeros([B, 1, S, 1]);
  const result = engine.scaledDotProductAttentionSync(q, k, zeros([B, 1, S, 1]), {
    returnScores: "biased",
    ...what,
  });
  return rows(result.scores.data.subarray(entry * L * S, (entry + 1) * L * S), S);
}

function zeros(shape) {
  return tensor(new Float32Array(shape.reduce((size, n) => size * n, 1)), shape);
}

function table(height, width, value) {
  return Float32Array.from({ length: height * width }, (_, n) => value(Math.floor(n / width), n % width));
}

function bytes(height, width, keeps) {
  return Uint8Array.from(table(height, width, (i, j) => (keeps(i, j) ? 1 : 0)));
}

function addends(height, width) {
  return table(height, width, (i, j) => (j === 5 ? EXCLUDED : 2 * (i - 2) * (j % 2 === 0 ? 1 : -1)));
}

function rows(data, width) {
  return Array.from({ length: data.length / width }, (_, i) => [
    ...data.subarray(i * width, (i + 1) * width),
  ]);
}

// ---- How it is drawn -----------------------------------------------------------------------------------------------

const LABEL = 11;
const LEFT = 40;
const ABOVE = 64;
const BETWEEN = 30;
const STRIP = 24;
const LEGEND = 34;
const MARGIN = 8;
const MONOSPACE_WIDTH = 7.3;
const NOTE_WIDTH = 5.7;

// Middle tones that stand out on white and on black; the text comes nearer to either where the theme is known.
const style = `
text{font:${LABEL}px -apple-system,BlinkMacSystemFont,"Segoe UI","Noto Sans",Helvetica,Arial,sans-serif;fill:#6e7781}
.code{font:600 12px ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;fill:#656d76}
.name{font-size:10px}.middle{text-anchor:middle}.end{text-anchor:end}
rect{stroke-width:0}path{stroke-linejoin:round}.dot{stroke-linecap:round}
.on{fill:#3d85d9;stroke:#3d85d9}.plus{fill:#e07b2e;stroke:#e07b2e}.full{fill:#1f9e84;stroke:#1f9e84}
.off{stroke:#8b949e}.own{stroke:#fff}.line{stroke:#8b949e;fill:none}
@media(prefers-color-scheme:dark){
text{fill:#9198a1}.code{fill:#c3cad2}
.on{fill:#4d97ec;stroke:#4d97ec}.plus{fill:#ec8b40;stroke:#ec8b40}.full{fill:#2bb595;stroke:#2bb595}
.off{stroke:#7d8590}.line{stroke:#6e7681}
}
`.trim();

function draw({ title, legend: scale, panels, columns = panels.length, cell = 20 }) {
  const parts = [];
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...panels.filter((_, n) => n % columns === column).map((panel) => panelWidth(panel, cell))),
  );
  let top = MARGIN;
  for (let first = 0; first < panels.length; first += columns) {
    const line = panels.slice(first, first + columns);
    let left = MARGIN;
    for (const [column, panel] of line.entries()) {
      parts.push(`<g transform="translate(${left},${top})">`, ...drawPanel(panel, cell), "</g>");
      left += widths[column] + BETWEEN;
    }
    top += Math.max(...line.map((panel) => panelHeight(panel, cell))) + 18;
  }
  let width = widths.reduce((sum, n) => sum + n + BETWEEN, 2 * MARGIN - BETWEEN);
  const legend = drawLegend(panels, scale);
  width = Math.ceil(Math.max(width, legend.width + LEFT + 2 * MARGIN));
  parts.push(`<g transform="translate(${MARGIN + LEFT},${top})">`, ...legend.parts, "</g>");
  const height = top + LEGEND;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escapeText(title)}</title>`,
    `<desc id="description">${escapeText(panels.map(describe).join(" "))}</desc>`,
    `<style>${style}</style>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function panelWidth({ code, note, cells }, cell) {
  return Math.ceil(
    Math.max(
      LEFT + cells[0].length * cell,
      LEFT + code.length * MONOSPACE_WIDTH,
      LEFT + note.length * NOTE_WIDTH,
    ),
  );
}

function panelHeight({ cells, strip }, cell) {
  return ABOVE + (strip ? STRIP : 0) + cells.length * cell;
}

function drawPanel(panel, cell) {
  const { code, note, cells, strip, lines, blockMask } = panel;
  const [height, width] = [cells.length, cells[0].length];
  const top = ABOVE + (strip ? STRIP : 0);
  const parts = [
    `<text class="code" x="${LEFT}" y="12">${escapeText(code)}</text>`,
    `<text x="${LEFT}" y="28">${escapeText(note)}</text>`,
    `<text x="${LEFT}" y="46">keys</text>`,
    `<text class="middle" transform="translate(10,${round(top + (height * cell) / 2)}) rotate(-90)">queries</text>`,
  ];
  if (strip) parts.push(...drawStrip(strip, cell));
  // Numbers beside every cell, or every block.
  const every = blockMask?.blockSize ?? (cell < 14 ? 5 : 1);
  for (let j = 0; j < width; j += every)
    parts.push(number(LEFT + (j + 0.5) * cell, ABOVE - 5, panel.columnNames?.[j] ?? j, "middle"));
  for (let i = 0; i < height; i += every)
    parts.push(
      `<text class="name" text-anchor="end" x="${LEFT - 6}" y="${round(top + (i + 0.5) * cell + 3.5)}">${i}</text>`,
    );
  parts.push(`<g transform="translate(${LEFT},${top})">`);
  parts.push(...drawCells(panel, cell));
  parts.push(...drawLines(lines ?? linesOf(blockMask), width * cell, height * cell, cell), "</g>");
  return parts;
}

function number(x, y, text, anchor) {
  return `<text class="name ${anchor}" x="${round(x)}" y="${round(y)}">${text}</text>`;
}

/** The mask as it is given, between the numbers of the columns and the cells. */
function drawStrip(strip, cell) {
  const label = `<text class="name end" x="${LEFT - 6}" y="${ABOVE + 15}">mask</text>`;
  const letters = strip.map(
    (letter, j) =>
      `<text class="code middle" x="${LEFT + (j + 0.5) * cell}" y="${ABOVE + 15}">${letter}</text>`,
  );
  return [label, ...letters];
}

/** One path for all cells of a look: a dot where a key is excluded, a rounded square elsewhere. */
function drawCells({ cells, position, range, blockMask }, cell) {
  const paths = new Map();
  const add = (look, mark) => paths.set(look, (paths.get(look) ?? "") + mark);
  const [gap, corner] = cell < 14 ? [0.5, 1] : [1, 3];
  const inset = gap + corner / 2;
  const side = cell - 2 * inset;
  for (const [i, row] of cells.entries()) {
    for (const [j, value] of row.entries()) {
      const middle = `M${(j + 0.5) * cell} ${(i + 0.5) * cell}h0`;
      const kind = blockMask && kindOf(blockMask, i, j);
      if (value === EXCLUDED) {
        if (kind !== "empty") add(`class="off dot" stroke-width="${cell < 14 ? 2 : 3.2}"`, middle);
        continue;
      }
      const [colour, strength] = kind === "full" ? ["full", 1] : shade(value, range);
      add(
        `class="${colour}" stroke-width="${corner}"${strength === 1 ? "" : ` opacity="${strength}"`}`,
        `M${j * cell + inset} ${i * cell + inset}h${side}v${side}h-${side}z`,
      );
      if (position !== undefined && i + position === j)
        add(`class="own dot" stroke-width="${round(cell * 0.3)}"`, middle);
    }
  }
  // The marks of the queries' own positions lie on top.
  const order = ([a], [b]) => Number(a.includes("own")) - Number(b.includes("own"));
  return [...paths].sort(order).map(([look, marks]) => `<path ${look} d="${marks}"/>`);
}

/** Colour and strength of a value: full where nothing scales it. */
function shade(value, range) {
  if (!range) return ["on", 1];
  const [low, high] = range;
  if (low < 0 && high > 0) return [value > 0 ? "plus" : "on", strength(Math.abs(value) / high)];
  return ["on", strength((value - low) / (high - low))];
}

function strength(part) {
  return Math.round((0.14 + 0.86 * Math.min(1, Math.max(0, part))) * 100) / 100;
}

function kindOf(mask, i, j) {
  const kind = mask.kinds[Math.floor(i / mask.blockSize) * mask.columns + Math.floor(j / mask.blockSize)];
  return ["empty", "full"][kind] ?? "partial";
}

function linesOf(blockMask) {
  if (!blockMask) return undefined;
  const edges = (count) => Array.from({ length: count + 1 }, (_, n) => n * blockMask.blockSize);
  return { across: edges(blockMask.rows), down: edges(blockMask.columns) };
}

function drawLines(lines, width, height, cell) {
  if (!lines) return [];
  const across = lines.across.map((i) => `M0 ${i * cell}H${width}`);
  const down = lines.down.map((j) => `M${j * cell} 0V${height}`);
  return [`<path class="line" d="${[...across, ...down].join("")}"/>`];
}

/** What the marks mean: only those that this picture has. */
function drawLegend(panels, scale = "score") {
  const parts = [];
  let x = 0;
  const add = (mark, width, text) => {
    parts.push(
      `<g transform="translate(${round(x)},0)">${mark}<text x="${width + 6}" y="11">${escapeText(text)}</text></g>`,
    );
    x += width + 6 + text.length * NOTE_WIDTH + 16;
  };
  const square = (fill) => `<rect class="${fill}" width="14" height="14" rx="3" stroke="none"/>`;
  const range = panels.find((panel) => panel.range)?.range;
  const all = panels.flatMap(({ cells }) => cells.flat());
  const partial = panels.some(({ blockMask }) => blockMask?.count().partial > 0);
  if (panels[0].blockMask) {
    add(square("full"), 14, "full block");
    if (partial) add(square("on"), 14, "partial block");
    add('<path class="line" d="M.5 .5h13v13h-13z"/>', 14, "empty block: not computed");
  } else if (range) {
    const steps = Array.from({ length: 7 }, (_, n) => range[0] + ((range[1] - range[0]) * n) / 6);
    const bar = steps.map((value, n) => {
      const [fill, opacity] = shade(value, range);
      return `<rect class="${fill}" x="${n * 12}" width="12" height="14" opacity="${opacity}"/>`;
    });
    add(bar.join(""), 84, `${scale}: ${sign(range[0])} to ${sign(range[1])}`);
  } else add(square("on"), 14, "attended");
  if (all.includes(EXCLUDED) && (partial || !panels[0].blockMask))
    add('<path class="off dot" stroke-width="3.2" d="M7 7h0"/>', 14, "excluded");
  if (panels.some(({ position }) => position !== undefined))
    add(
      `${square("on")}<path class="own dot" stroke-width="4.8" d="M7 7h0"/>`,
      14,
      "the query's own position",
    );
  return { parts, width: x };
}

function sign(value) {
  return value < 0 ? `−${-value}` : String(value);
}

/** A panel in words: how many keys each query attends to. */
function describe({ code, note, cells }) {
  const counts = cells.map((row) => row.filter((value) => value !== EXCLUDED).length);
  return `${code}, ${note}: queries attend to ${counts.join(", ")} of ${cells[0].length} keys.`;
}

function round(value) {
  return Math.round(value * 100) / 100;
}

function escapeText(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

// ---- To files ------------------------------------------------------------------------------------------------------

fs.mkdirSync(folder, { recursive: true });
for (const [name, figure] of Object.entries(figures())) {
  const file = path.join(folder, `${name}.svg`);
  const drawn = draw(figure);
  if (!options.check) fs.writeFileSync(file, drawn);
  else if (!fs.existsSync(file) || fs.readFileSync(file, "utf8") !== drawn) {
    console.error(`docs/images/masks/${name}.svg is not what the package draws: run "npm run masks"`);
    process.exitCode = 1;
  }
}
await engine.dispose();
