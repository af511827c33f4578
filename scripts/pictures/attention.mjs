// Pictures for docs/attention.md: weights that the package computes from the vectors of that page, drawn by its toSvg.
import { Embedding, matmulSync, sinusoidalPositions, softmaxSync, tensor } from "wasm-attention";
import { toSvg } from "wasm-attention/inspect";
import { drawLines } from "./lines.mjs";
import { engine } from "./scores.mjs";

export function drawAttention() {
  return {
    lookup: drawLookup(),
    temperature: drawTemperature(),
    scaling: drawScaling(),
    saturation: drawSaturation(),
    sentence: drawSentence(),
    translation: drawTranslation(),
    heads: drawHeads(),
    causal: drawCausal(),
    order: drawOrder(),
  };
}

/** All pictures of this page show weights, from none to all. */
function draw(weights, options) {
  return toSvg(weights, {
    colors: "blues",
    domain: [0, 1],
    legend: false,
    values: true,
    cellSize: 46,
    ...options,
  });
}

function weigh(query, key, options) {
  return engine.scaledDotProductAttentionSync(query, key, key, { ...options, returnWeights: true }).weights;
}

function matrix(rows) {
  return tensor(rows.flat(), [rows.length, rows[0].length]);
}

/** The same sizes, one after the other: `[H, L, S]`. */
function stack(matrices) {
  return tensor(
    matrices.flatMap(({ data }) => [...data]),
    [matrices.length, ...matrices[0].shape],
  );
}

// ---- One query after the other --------------------------------------------------------------------------------------

function drawLookup() {
  const known = { dog: [3, 3, 0, 0], cat: [3, 0, 3, 0], snail: [0, 0, 0, 4] };
  const asked = {
    wolf: [3, 2, 0, 0],
    kitten: [3, 0, 2, 0],
    furry: [3, 0, 0, 0],
    slug: [0, 0, 0, 3],
  };
  return draw(weigh(matrix(Object.values(asked)), matrix(Object.values(known))), {
    title: "Resemblance",
    queryTokens: Object.keys(asked),
    keyTokens: Object.keys(known),
  });
}

function drawTemperature() {
  const temperatures = [4, 2, 1, 0.5, 0.25];
  const scores = temperatures.flatMap((temperature) => [1, 2, 3, 4].map((score) => score / temperature));
  return draw(softmaxSync(tensor(scores, [temperatures.length, 4]), { engine }), {
    title: "Softmax",
    axes: ["temperature", "score"],
    queryTokens: temperatures.map(String),
    keyTokens: ["1", "2", "3", "4"],
  });
}

// ---- Random vectors -------------------------------------------------------------------------------------------------

/** n vectors of E numbers, normally distributed. */
function random(n, E, seed) {
  return new Embedding({ numEmbeddings: n, embedDim: E, seed }).forward(
    Array.from({ length: n }, (_, i) => i),
  );
}

function drawScaling() {
  const panels = [1, undefined].flatMap((scale) => [4, 64, 1024].map((E) => ({ E, scale })));
  return draw(stack(panels.map(({ E, scale }) => weigh(random(8, E, 1), random(8, E, 2), { scale }))), {
    title: "Eight random queries and keys",
    heads: panels.map(({ E, scale }) => (scale ? `E = ${E}, not scaled` : `E = ${E}, scaled by 1/√E`)),
    columns: 3,
    cellSize: 24,
    values: false,
    legend: true,
  });
}

function drawSaturation() {
  const sizes = Array.from({ length: 11 }, (_, n) => 2 ** n);
  const points = (scale) =>
    sizes.map((E) => [E, meanOfLargest(weigh(random(64, E, 1), random(16, E, 2), { scale }))]);
  const plot = {
    code: "largest of 16 weights",
    note: "mean over 64 random queries",
    x: { domain: [1, 1024], log: true, ticks: [1, 4, 16, 64, 256, 1024], label: "head size E" },
    y: { domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1] },
    series: [
      { colour: "orange", points: points(1) },
      { colour: "blue", points: points(undefined) },
    ],
  };
  const at = ([, unscaled], n) => `E = ${sizes[n]}: ${unscaled.toFixed(2)} without scaling`;
  return drawLines({
    title: "The largest weight against the head size",
    description: plot.series[0].points.map(at).join(", "),
    plots: [plot],
    legend: [
      { colour: "orange", text: "not scaled" },
      { colour: "blue", text: "scaled by 1/√E" },
    ],
  });
}

function meanOfLargest({ data, shape: [L, S] }) {
  const largest = Array.from({ length: L }, (_, i) => Math.max(...data.subarray(i * S, (i + 1) * S)));
  return largest.reduce((sum, weight) => sum + weight, 0) / L;
}

// ---- Sentences ------------------------------------------------------------------------------------------------------

function drawSentence() {
  // animal, deed, big, small
  const words = { dog: [1, 0, 1, 0], chased: [0, 1, 0, 0], cat: [1, 0, 0, 1] };
  const x = matrix(Object.values(words));
  const query = matmulSync(x, tensor([0, 2, 2, 0, 0, 0, 0, 0], [4, 2]), { engine });
  const key = matmulSync(x, tensor([2, 0, 0, 2, 0, 0, 0, 0], [4, 2]), { engine });
  return draw(weigh(query, key), {
    title: "dog chased cat",
    tokens: Object.keys(words),
  });
}

function drawTranslation() {
  const meanings = { dog: [3, 0, 0], cat: [0, 3, 0], chase: [0, 0, 3], none: [0, 0, 0] };
  const { dog, cat, chase, none } = meanings;
  return draw(weigh(matrix([dog, chase, cat]), matrix([cat, none, chase, none, dog])), {
    title: "German looks at English",
    queryTokens: ["Hund", "jagte", "Katze"],
    keyTokens: ["cat", "was", "chased", "by", "dog"],
  });
}

const sentence = ["the", "dog", "chased", "the", "cat"];

/** Queries and keys of three heads over the sentence, 5 numbers each. */
function headsOfSentence() {
  const oneHot = (at) => Array.from({ length: 5 }, (_, n) => (n === at ? 4 : 0));
  const kinds = ["the", "dog cat", "chased"];
  const kind = sentence.map((word) => kinds.findIndex((words) => words.split(" ").includes(word)));
  const partners = [1, 2, 1]; // an article asks for an animal, an animal for a deed, a deed for an animal
  const places = sentence.map((_, i) => i);
  const names = sentence.map((word) => sentence.indexOf(word));
  const rows = (numbers) => numbers.map(oneHot);
  return {
    query: stack(
      [rows(kind.map((k) => partners[k])), rows(places.map((i) => i - 1)), rows(names)].map(matrix),
    ),
    key: stack([rows(kind), rows(places), rows(names)].map(matrix)),
  };
}

function drawHeads() {
  const { query, key } = headsOfSentence();
  return draw(weigh(query, key), {
    title: "Three heads over one sentence",
    heads: ["what goes with it", "the word before", "the same word"],
    columns: 3,
    tokens: sentence,
    cellSize: 30,
    values: false,
  });
}

function drawCausal() {
  const { query, key } = headsOfSentence();
  return draw(weigh(query, key, { causal: true }), {
    title: "The same heads, causal",
    heads: ["what goes with it", "the word before", "the same word"],
    columns: 3,
    tokens: sentence,
    cellSize: 30,
    values: false,
  });
}

// ---- Order ----------------------------------------------------------------------------------------------------------

/** Rows and columns are words, not places, so that equal pictures mean that order did not matter. */
function drawOrder() {
  const words = { dog: [2, 0, 1, 0], chased: [0, 2, 0, 0], cat: [2, 0, 0, 1] };
  const names = Object.keys(words);
  const positions = sinusoidalPositions(3, 4);
  const byWord = (order, withPositions) => {
    const x = matrix(order.map((name) => words[name]));
    if (withPositions) for (const [n, position] of positions.data.entries()) x.data[n] += position;
    const { data } = weigh(x, x);
    return matrix(
      names.map((row) => names.map((column) => data[order.indexOf(row) * 3 + order.indexOf(column)])),
    );
  };
  const panels = [false, true].flatMap((withPositions) =>
    [names, names.toReversed()].map((order) => ({ order, withPositions })),
  );
  return draw(stack(panels.map(({ order, withPositions }) => byWord(order, withPositions))), {
    title: "Who looks at whom, by word",
    heads: panels.map(
      ({ order, withPositions }) => `${order.join(" ")}${withPositions ? ", with positions" : ""}`,
    ),
    columns: 2,
    tokens: names,
    cellSize: 76,
  });
}
