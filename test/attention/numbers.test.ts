/** Scores that bite: large, far apart, rising, equal; every similarity and scale. Against the reference. */
import { describe, expect, it } from "vitest";
import { expectSameBits } from "../support/accuracy.ts";
import {
  type AttentionProblem,
  type AttentionWhat,
  attentionInputs,
  attentionProblem,
  expectAttention,
} from "../support/attention-problem.ts";
import { forEachBackend } from "../support/backends.ts";
import { changed, generator } from "../support/random-tensors.ts";

const [L, S, E] = [20, 130, 16];
/** Some thousand outputs: the largest error of a few is a matter of luck. */
const sizes = { H: 16, K: 2, L, S, E };

type Part = "query" | "key" | "value";

/** A problem whose query, key or value is changed element by element; `row` counts within a head. */
function altered(
  changes: Partial<Record<Part, (x: number, row: number, e: number) => number>>,
  options: AttentionWhat = {},
  seed = 1,
): AttentionProblem {
  const inputs = { ...attentionInputs(sizes, seed) };
  for (const part of ["query", "key", "value"] as const) {
    const length = part === "query" ? L : S;
    const change = changes[part];
    if (change) inputs[part] = changed(inputs[part], (x, i) => change(x, Math.floor(i / E) % length, i % E));
  }
  return { ...inputs, options };
}

/** The first element of every query and key makes all scores large; the others make them differ. */
const scoresNear = (score: number) =>
  altered({ query: (x, _, e) => (e ? x : 4), key: (x, _, e) => (e ? x : score) });

const next = generator(9);
const whole = () => Math.floor(next() * 5) - 2;

const problems: [string, AttentionProblem][] = [
  ["near 95, where e^x overflows", scoresNear(95)],
  ["near -95, where e^x underflows", scoresNear(-95)],
  ["near 1e4", scoresNear(1e4)],
  ["near -1e4", scoresNear(-1e4)],
  ["near 1e6", scoresNear(1e6)],
  [
    "around 1e4, exact in float32",
    altered({ query: () => 64 * whole(), key: () => 64 * whole() }, { scale: 0.5 }),
  ],
  ["far apart", altered({ query: (x) => 30 * x })],
  ["one outlier among the queries, x20", altered({ query: (x, row) => (row === 7 ? 20 * x : x) })],
  ["one outlier among the keys, x20", altered({ key: (x, row) => (row === 77 ? 20 * x : x) })],
  ["one outlier among the values, x20", altered({ value: (x, row) => (row === 77 ? 20 * x : x) })],
  ["a row of large values, attended to little", altered({ value: (x, row) => (row === 77 ? 1e6 * x : x) })],
  ["rising from block to block", altered({ query: () => 1, key: (x, row) => x + row / 4 })],
  ["falling from block to block", altered({ query: () => 1, key: (x, row) => x - row / 4 })],
  ["the largest last", altered({ query: () => 1, key: (x, row) => (row === S - 1 ? 60 : x) })],
  ["all equal", altered({ key: () => 0.5 })],
  ["all zero", altered({ query: () => 0 })],
  ["tiny", altered({ query: (x) => 1e-30 * x, key: (x) => 1e-30 * x, value: (x) => 1e-30 * x })],
  ["of huge values", altered({ value: (x) => 1e30 * x })],
  ["of negative zeros", altered({ query: () => -0, value: () => -0 })],
];

const similarities = (["dot", "cosine", "root-norm"] as const).flatMap((similarity) =>
  [undefined, 0, 1, -0.5, 5, 1e-3].flatMap((scale): AttentionWhat[] => [
    { similarity, scale },
    { similarity, scale, causal: true, queryOffset: 60 },
    { similarity, scale, mask: { data: Float32Array.from({ length: S }, (_, j) => j % 7), shape: [S] } },
  ]),
);
const scaled = similarities.map((options, seed) => attentionProblem(sizes, options, seed));

const norms: [string, AttentionProblem][] = (["cosine", "root-norm"] as const).flatMap((similarity) => [
  [
    `${similarity}: rows of zeros`,
    altered({ query: (x, row) => (row % 3 ? x : 0), key: (x, row) => (row % 4 ? x : 0) }, { similarity }),
  ],
  [
    `${similarity}: rows shorter than the smallest norm`,
    altered({ query: (x, row) => (row % 3 ? x : 1e-14 * x) }, { similarity }),
  ],
  [
    `${similarity}: rows of very different length`,
    altered({ key: (x, row) => x * 10 ** ((row % 9) - 4) }, { similarity }),
  ],
]);

describe("scores", () => {
  forEachBackend((backend) => {
    for (const [name, problem] of problems)
      it(name, async () => {
        await expectAttention(backend, problem);
      });
    it("every similarity at every scale", async () => {
      for (const problem of scaled) await expectAttention(backend, problem);
    });
    for (const [name, problem] of norms)
      it(name, async () => {
        await expectAttention(backend, problem);
      });

    it("cosine takes vectors whose squares overflow", async () => {
      const { query, key, value } = attentionInputs(sizes);
      const options = { similarity: "cosine" } as const;
      const large = (x: typeof query) => changed(x, (y) => y * 2 ** 66);
      const expected = await backend.scaledDotProductAttention(query, key, value, options);
      const actual = await backend.scaledDotProductAttention(large(query), large(key), value, options);
      expectSameBits(actual.output.data, expected.output.data, "output");
    });

    it("a scale of 0 weighs all keys alike", async () => {
      const { query, key, value } = attentionInputs(sizes);
      const { weights } = await backend.scaledDotProductAttention(query, key, value, {
        scale: 0,
        returnWeights: true,
      });
      expect(new Set(weights!.data)).toEqual(new Set([Math.fround(1 / S)]));
    });

    // And -infinity times it would be NaN where keys are excluded.
    it("so does one that is 0 in float32", async () => {
      const { query, key, value } = attentionInputs(sizes);
      const attend = (scale: number) =>
        backend.scaledDotProductAttention(query, key, value, { scale, causal: true });
      expectSameBits((await attend(1e-50)).output.data, (await attend(0)).output.data, "output");
    });

    it("NaN in a mask or bias reaches no row that excludes the key", async () => {
      const { query, key, value } = attentionInputs(sizes);
      const mask = { data: Uint8Array.from({ length: S }, (_, j) => j % 2), shape: [S] };
      const kept = { data: new Float32Array(S).fill(1), shape: [S] };
      const poisoned = (excluded: (j: number) => boolean) => ({
        data: Float32Array.from({ length: S }, (_, j) => (excluded(j) ? Number.NaN : 1)),
        shape: [S],
      });
      const attend = (options: AttentionWhat) =>
        backend.scaledDotProductAttention(query, key, value, options);
      const cases: [AttentionWhat, AttentionWhat][] = [
        [
          { mask, bias: kept },
          { mask, bias: poisoned((j) => j % 2 === 0) },
        ],
        [
          { causal: true, bias: kept },
          { causal: true, bias: poisoned((j) => j >= L) },
        ],
        [
          { kvLengths: [66], mask: kept },
          { kvLengths: [66], mask: poisoned((j) => j >= 66) },
        ],
      ];
      for (const [clean, dirty] of cases) {
        const expected = (await attend(clean)).output.data;
        expect(expected.every(Number.isFinite)).toBe(true);
        expectSameBits((await attend(dirty)).output.data, expected, "output");
      }
    });
  });
});
