// docs/images/masks: what each mask option allows.
//
// Nothing here knows what an option means: every cell is a score or a weight that the package returned. Queries and keys
// are zeros, so that a score is what the options add to it, and -infinity where they exclude the key.
import { createBlockMask, tensor } from "wasm-attention";
import { bigBird, longformer } from "wasm-attention/efficient";
import { drawMatrices, EXCLUDED } from "./matrices.mjs";
import { engine, rows, scores, table, zeros } from "./scores.mjs";

/** The pictures by file name. */
export function drawMasks() {
  return Object.fromEntries(Object.entries(figures()).map(([name, figure]) => [name, drawMatrices(figure)]));
}

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
    combined: {
      title: "Options that exclude keys combine by and",
      panels: combined(),
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

function combined() {
  const sizes = { L: 8, S: 8 };
  const mask = tensor(Uint8Array.of(0, 1, 1, 1, 1, 0, 1, 1), [8]);
  return [
    ["causal: true", "up to itself", { causal: true }],
    ["window: [3, 1]", "3 before, 1 after", { window: [3, 1] }],
    ["mask: [S]", "not keys 0 and 5", { mask }],
    ["all three", "what each of them allows", { causal: true, window: [3, 1], mask }],
  ].map(([code, note, options]) => ({ code, note, cells: scores(sizes, options) }));
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

function bytes(height, width, keeps) {
  return Uint8Array.from(table(height, width, (i, j) => (keeps(i, j) ? 1 : 0)));
}

function addends(height, width) {
  return table(height, width, (i, j) => (j === 5 ? EXCLUDED : 2 * (i - 2) * (j % 2 === 0 ? 1 : -1)));
}
