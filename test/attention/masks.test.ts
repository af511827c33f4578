/** Masks and biases of every shape against the reference, and rows that they leave without a key. */
import { describe, expect, it } from "vitest";
import {
  type AttentionWhat,
  attentionProblem,
  expectAttention,
  solve,
} from "../support/attention-problem.ts";
import { forEachBackend } from "../support/backends.ts";
import { bytes, changed, type FloatTensor, generator, normal } from "../support/random-tensors.ts";

const [B, H, L, S] = [2, 4, 9, 70];
const sizes = { B, H, K: 2, L, S, E: 12, V: 10 };
const lowest = -3.4028234663852886e38;

/** Every shape that broadcasts to [B, H, L, S], without leading dimensions and with dimensions of 1. */
const shapes: readonly (readonly number[])[] = [0, 1, 2, 3, 4].flatMap((rank) => {
  const full = [B, H, L, S].slice(4 - rank);
  return Array.from({ length: 2 ** rank }, (_, bits) => full.map((size, d) => ((bits >> d) & 1 ? 1 : size)));
});

/** A boolean mask that leaves every row a key, whatever its shape. */
function booleanMask(shape: readonly number[], seed: number) {
  const mask = bytes(shape, seed, 0.6);
  const width = shape.at(-1) ?? 1;
  for (let at = 0; at < mask.data.length; at += width) mask.data[at] = 1;
  return mask;
}

const booleans = shapes.map((shape, seed) =>
  attentionProblem(sizes, { mask: booleanMask(shape, seed) }, seed),
);
const additives = shapes.map((shape, seed) =>
  attentionProblem(sizes, { mask: normal(shape, seed, 3) }, seed),
);
const biases = shapes.map((shape, seed) => attentionProblem(sizes, { bias: normal(shape, seed, 3) }, seed));

/** Two at a time, of shapes that differ. */
const pairs = shapes.map((shape, i): AttentionWhat => {
  const other = shapes[(i * 7 + 3) % shapes.length]!;
  const bias = normal(other, 100 + i);
  return i % 2 ? { mask: booleanMask(shape, i), bias } : { mask: normal(shape, i), bias };
});
const both = pairs.map((options, seed) => attentionProblem(sizes, options, seed));

const byRow = (choose: (row: number, key: number) => number): FloatTensor => ({
  data: Float32Array.from({ length: L * S }, (_, n) => choose(Math.floor(n / S), n % S)),
  shape: [L, S],
});

/** Rows with nothing to attend to; the last number is how many of the B * H * L rows. */
const emptied: [string, AttentionWhat, number][] = [
  ["a boolean mask of zeros", { mask: { data: new Uint8Array(1), shape: [1] } }, B * H * L],
  ["two rows of zeros", { mask: changedRows([2, 7]) }, 2 * B * H],
  ["a head of zeros", { mask: { data: Uint8Array.of(1, 0, 1, 1), shape: [H, 1, 1] } }, B * L],
  ["an entry of -infinity", { mask: { data: Float32Array.of(0, -Infinity), shape: [B, 1, 1, 1] } }, H * L],
  ["rows of -infinity in the bias", { bias: byRow((row) => (row % 3 ? 0 : -Infinity)) }, 3 * B * H],
  [
    "a mask that takes what the bias leaves",
    {
      mask: { data: Uint8Array.from({ length: S }, (_, j) => j % 2), shape: [S] },
      bias: byRow((_, j) => (j % 2 ? -Infinity : 1)),
    },
    B * H * L,
  ],
  ["a mask beside causality", { causal: true, mask: changedRows([0]) }, B * H],
  [
    "twice float32's lowest is -infinity",
    {
      mask: { data: Float32Array.of(lowest), shape: [1] },
      bias: { data: Float32Array.of(lowest), shape: [1] },
    },
    B * H * L,
  ],
];

function changedRows(rows: number[]) {
  return {
    data: Uint8Array.from({ length: L * S }, (_, n) => (rows.includes(Math.floor(n / S)) ? 0 : 1)),
    shape: [L, S],
  };
}

const next = generator(5);
const sparse: [string, AttentionWhat][] = [
  ["-infinity here and there", { mask: byRow(() => (next() < 0.5 ? -Infinity : next())) }],
  ["float32's lowest here and there", { mask: byRow((_, j) => (next() < 0.5 && j > 0 ? lowest : next())) }],
  ["a key kept in each row", { mask: byRow((row, j) => (j === (row * 11) % S ? 0 : -Infinity)) }],
  ["the first 65 keys of each row gone", { mask: byRow((_, j) => (j < 65 ? -Infinity : 0)) }],
  ["the last 65 keys of each row gone", { mask: byRow((_, j) => (j >= 5 ? -Infinity : 0)) }],
  ["large biases", { bias: normal([H, L, S], 3, 1e4) }],
  [
    "bytes other than 1 attend too",
    { mask: { data: Uint8Array.from({ length: S }, (_, j) => j % 3), shape: [S] } },
  ],
];
const problems = sparse.map(
  ([name, options], seed) => [name, attentionProblem(sizes, options, seed)] as const,
);
const empty = emptied.map(([name, options, count]) => ({
  name,
  count,
  problem: attentionProblem(sizes, options),
}));
const lowestRows = attentionProblem(sizes, { mask: { data: Float32Array.of(lowest), shape: [1] } });

describe("masks", () => {
  it("come in every shape", () => {
    expect(shapes).toHaveLength(31);
    expect(shapes).toContainEqual([]);
    expect(shapes).toContainEqual([B, 1, L, 1]);
  });

  forEachBackend((backend) => {
    it("boolean, of every shape", async () => {
      for (const problem of booleans) await expectAttention(backend, problem);
    });
    it("additive, of every shape", async () => {
      for (const problem of additives) await expectAttention(backend, problem);
    });
    it("bias, of every shape", async () => {
      for (const problem of biases) await expectAttention(backend, problem);
    });
    it("boolean and bias, additive and bias, of different shapes", async () => {
      for (const problem of both) await expectAttention(backend, problem);
    });

    for (const [name, problem] of problems)
      it(name, async () => {
        await expectAttention(backend, problem);
      });

    for (const { name, count, problem } of empty)
      it(`rows without a key: ${name}`, async () => {
        const { output, logSumExp, weights } = await expectAttention(backend, problem);
        const rows = Array.from(logSumExp!.data).flatMap((lse, row) => (lse === -Infinity ? [row] : []));
        expect(rows).toHaveLength(count);
        for (const row of rows) {
          expect([...output.data.subarray(row * 10, row * 10 + 10)]).toEqual(new Array(10).fill(0));
          expect([...weights!.data.subarray(row * S, row * S + S)]).toEqual(new Array(S).fill(0));
        }
      });

    it("a row of float32's lowest is uniform", async () => {
      const { weights } = await expectAttention(backend, lowestRows);
      expect(new Set(weights!.data)).toEqual(new Set([Math.fround(1 / S)]));
      expect(solve(lowestRows).exact.weights.data[0]).toBe(1 / S);
    });

    it("what a boolean mask drops may have any key", async () => {
      const mask = booleanMask([S], 1);
      const clean = attentionProblem(sizes, { mask });
      const E = sizes.E;
      const isDropped = (index: number) => mask.data[Math.floor(index / E) % S] === 0;
      const key = changed(clean.key, (x, i) => (isDropped(i) ? (i % 2 ? Number.NaN : Infinity) : x));
      const actual = await backend.scaledDotProductAttention(clean.query, key, clean.value, { mask });
      const expected = await backend.scaledDotProductAttention(clean.query, clean.key, clean.value, { mask });
      expect(actual.output.data).toEqual(expected.output.data);
    });
  });
});
