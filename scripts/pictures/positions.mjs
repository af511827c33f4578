// docs/images/positions: what each kind of position does to scores, as the package computes it.
import { alibiSlopes, applyRotary, sinusoidalPositions, tensor } from "wasm-attention";
import { toSvg } from "wasm-attention/inspect";
import { drawLines } from "./lines.mjs";
import { drawMatrices } from "./matrices.mjs";
import { engine, rows, table, zeros } from "./scores.mjs";

/** The pictures by file name. */
export function drawPositions() {
  return {
    sinusoidal: sinusoidal(),
    "rotary-distance": rotaryByDistance(),
    "rotary-scaling": rotaryScaling(),
    "alibi-heads": alibiHeads(),
    "t5-buckets": buckets(),
  };
}

function sinusoidal() {
  const [length, size] = [24, 32];
  const { data } = sinusoidalPositions(length, size);
  const x = tensor(data, [length, size]);
  // Products of all pairs: what an attention without projections would compare.
  const products = engine.matmulSync(x, x, { transposeB: true });
  return drawMatrices({
    title: "Sinusoidal positions, and the products of all pairs of them",
    description:
      "The first columns change from one position to the next, the last hardly at all. Products are largest on the diagonal and fall with the distance.",
    legend: "value",
    cell: 9,
    panels: [
      {
        code: "sinusoidalPositions(24, 32)",
        note: "a row for each position",
        cells: rows(data, size),
        range: [-1, 1],
        across: "columns",
        down: "positions",
      },
      {
        code: "p · q",
        note: "of positions p and q, divided by 16",
        cells: rows(products.data, length).map((row) => row.map((product) => product / (size / 2))),
        range: [-1, 1],
        across: "positions",
        down: "positions",
      },
    ],
  });
}

/** The product of a query and a key of ones, rotated to positions some distance apart. */
function rotaryByDistance() {
  const [E, farthest] = [128, 256];
  const ones = tensor(new Float32Array((farthest + 1) * E).fill(1), [farthest + 1, E]);
  const plot = (base) => {
    const { data } = applyRotary(ones, { base, engine });
    const query = data.subarray(0, E);
    const points = Array.from({ length: farthest + 1 }, (_, distance) => {
      const key = data.subarray(distance * E, (distance + 1) * E);
      return [distance, key.reduce((sum, k, e) => sum + k * query[e], 0) / E];
    });
    return points;
  };
  return drawLines({
    title: "Rotary positions: the product of a query and a key by their distance",
    description:
      "With base 10000 the product falls to about a half within 60 positions and to a third after 250, in waves. With base 500000 it falls more slowly.",
    width: 620,
    legend: [
      { colour: "blue", text: "base 10 000: RoFormer, Llama 2, GPT-NeoX" },
      { colour: "orange", text: "base 500 000: Llama 3" },
    ],
    plots: [
      {
        code: "applyRotary(x, { base })",
        note: "q · k / 128 of equal query and key, 128 ones each, by distance",
        x: { domain: [0, farthest], ticks: [0, 64, 128, 192, 256], label: "distance in tokens" },
        y: { domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1] },
        series: [
          { colour: "blue", points: plot(10_000) },
          { colour: "orange", points: plot(500_000) },
        ],
      },
    ],
  });
}

/** By how much a pair turns from one position to the next, with and without scaling. */
function rotaryScaling() {
  const dim = 64;
  const turn = (options) => {
    const pairs = tensor(
      table(2, dim, (_, e) => (e < dim / 2 ? 1 : 0)),
      [2, dim],
    );
    const { data } = applyRotary(pairs, { ...options, engine });
    return Array.from({ length: dim / 2 }, (_, f) => Math.atan2(data[dim + dim / 2 + f], data[dim + f]));
  };
  const plain = turn({});
  const shares = (scaling) => turn({ scaling }).map((angle, f) => [f, angle / plain[f]]);
  const original = { factor: 8, original_max_position_embeddings: 8192 };
  return drawLines({
    title: "Rotary scaling: how much slower each pair turns",
    description:
      "Linear scaling by 8 slows all pairs to an eighth. Llama 3's and YaRN leave the fast pairs as they are and slow the last ones to an eighth, with a slope in between.",
    width: 620,
    legend: [
      { colour: "blue", text: "linear" },
      { colour: "orange", text: "llama3" },
      { colour: "green", text: "yarn" },
    ],
    plots: [
      {
        code: "scaling: { rope_type, factor: 8 }",
        note: "angle of a pair with scaling / without; 32 pairs, base 10 000, trained for 8192 tokens",
        x: { domain: [0, 31], ticks: [0, 8, 16, 24, 31], label: "pair, from fast to slow" },
        y: { domain: [0, 1], ticks: [0, 0.125, 0.5, 1] },
        series: [
          { colour: "blue", points: shares({ rope_type: "linear", factor: 8 }) },
          {
            colour: "orange",
            points: shares({ rope_type: "llama3", ...original, low_freq_factor: 1, high_freq_factor: 4 }),
          },
          { colour: "green", points: shares({ rope_type: "yarn", ...original }) },
        ],
      },
    ],
  });
}

/** Weights where all scores are alike but for ALiBi: what a head looks at by distance alone. */
function alibiHeads() {
  const [H, L] = [8, 16];
  const slopes = alibiSlopes(H);
  const x = zeros([H, L, 1]);
  const { weights } = engine.scaledDotProductAttentionSync(x, x, x, {
    alibiSlopes: slopes,
    causal: true,
    returnWeights: true,
  });
  const drawn = [0, 2, 4, 7];
  const ofHead = (head) => [...weights.data.subarray(head * L * L, (head + 1) * L * L)];
  // What is excluded stays blank. So few cells are elements: compressed pixels would have other bytes on other machines.
  const cells = drawn.flatMap(ofHead).map((weight) => (weight === 0 ? Number.NaN : weight));
  return toSvg(tensor(Float32Array.from(cells), [drawn.length, L, L]), {
    title: "ALiBi: weights where all keys are alike",
    description:
      "With slope 0.5 a query looks at the last few tokens, with 0.125 at some ten, with 0.0039 at all alike.",
    heads: drawn.map((head) => `head ${head}, slope 1/${1 / slopes[head]}`),
    columns: drawn.length,
    cellSize: 8,
    domain: [0, 0.4],
    colors: "blues",
  });
}

/** The bucket of each distance: a table of bucket numbers comes back as scores. */
function buckets() {
  const [count, farthest] = [32, 160];
  const size = 2 * farthest + 1;
  const bucketsOf = (bidirectional) => {
    const numbers = tensor(
      Float32Array.from({ length: count }, (_, n) => n),
      [count, 1],
    );
    const { scores } = engine.scaledDotProductAttentionSync(
      zeros([1, 1]),
      zeros([size, 1]),
      zeros([size, 1]),
      {
        relativeBias: { table: numbers, bidirectional },
        queryOffset: farthest,
        returnScores: "biased",
      },
    );
    return Array.from(scores.data, (bucket, j) => [j - farthest, bucket]);
  };
  const plot = (bidirectional, note) => ({
    code: `bidirectional: ${bidirectional}`,
    note,
    x: { domain: [-farthest, farthest], ticks: [-128, -64, 0, 64, 128], label: "key − query, in tokens" },
    y: { domain: [0, 32], ticks: [0, 8, 16, 24, 31] },
    series: [{ colour: "blue", steps: true, points: bucketsOf(bidirectional) }],
    rules: [{ at: 0 }],
  });
  return drawLines({
    title: "T5's buckets: which number of the table a distance takes",
    description:
      "In both directions, 16 buckets on either side, 8 of them for one distance each. In one direction 32 buckets for keys before the query, 16 of them for one distance each, and bucket 0 for all keys after it.",
    width: 310,
    legend: [{ colour: "blue", text: "32 buckets, maxDistance 128" }],
    plots: [plot(true, "bucket by distance; encoders"), plot(false, "bucket by distance; decoders")],
  });
}
