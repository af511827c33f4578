/** Causality, offsets, windows and lengths against the reference; what they exclude reaches no row. */
import { describe, expect, it } from "vitest";
import { expectSameBits } from "../support/accuracy.ts";
import {
  type AttentionProblem,
  type AttentionWhat,
  attentionProblem,
  expectAttention,
} from "../support/attention-problem.ts";
import { forEachBackend } from "../support/backends.ts";
import { bytes, changed } from "../support/random-tensors.ts";

type Options = [name: string, options: AttentionWhat];

/** For B = 3. */
const everySize: Options[] = [
  ["causal", { causal: true }],
  ["top-left", { causal: "top-left" }],
  ["bottom-right", { causal: "bottom-right" }],
  ["an offset without causality", { queryOffset: 5 }],
  ["an offset", { causal: true, queryOffset: 3 }],
  ["a negative offset", { causal: true, queryOffset: -4 }],
  ["bottom-right as an offset", { causal: true, queryOffset: "bottom-right" }],
  ["a number over bottom-right", { causal: "bottom-right", queryOffset: 2 }],
  ["an offset for each entry", { causal: true, queryOffset: [0, 7, -3] }],
  ["the same as BigInt64Array", { causal: true, queryOffset: BigInt64Array.of(0n, 7n, -3n) }],
  ["an offset beyond all keys", { causal: true, queryOffset: 1000 }],
  ["an offset before all keys", { causal: true, queryOffset: -1000 }],
  ["a window to the left", { window: [3, 0] }],
  ["a window to the right", { window: [0, 3] }],
  ["a window to both sides", { window: [5, 2] }],
  ["a window of one", { window: [0, 0] }],
  ["a window open to the left", { window: [-1, 2] }],
  ["a window open to the right", { window: [2, -1] }],
  ["an open window", { window: [-1, -1] }],
  ["a wide window", { window: [40, 40] }],
  ["a window and causality", { window: [9, 9], causal: true }],
  ["a window at the end of the keys", { window: [4, 1], queryOffset: "bottom-right" }],
  ["a window of each entry", { window: [4, 1], queryOffset: [10, -2, 0] }],
];

/** For B = 3 and S = 70. */
const ofSeventyKeys: Options[] = [
  ["lengths", { kvLengths: [70, 33, 1] }],
  ["lengths as Int32Array", { kvLengths: Int32Array.of(61, 60, 59) }],
  ["lengths as a tensor", { kvLengths: { data: Float32Array.of(5, 70, 64), dims: [3] } }],
  ["lengths, one of them 0", { kvLengths: [70, 0, 12] }],
  ["lengths of 0", { kvLengths: [0, 0, 0] }],
  ["lengths and causality", { kvLengths: [70, 33, 4], causal: true }],
  ["lengths and bottom-right", { kvLengths: [70, 33, 4], causal: "bottom-right" }],
  ["lengths and a window", { kvLengths: [70, 33, 4], window: [6, 1], queryOffset: "bottom-right" }],
  ["lengths and a mask", { kvLengths: [70, 33, 4], mask: bytes([9, 70], 3) }],
  [
    "all of them",
    {
      kvLengths: [70, 33, 4],
      window: [20, -1],
      causal: true,
      queryOffset: [61, 24, -5],
      mask: bytes([70], 4),
    },
  ],
];

const shapes: [L: number, S: number][] = [
  [1, 1],
  [1, 70],
  [9, 70],
  [70, 9],
  [70, 70],
  [130, 127],
];

const cases = everySize.map(([name, options]) => ({
  name,
  problems: shapes.map(([L, S], seed) => attentionProblem({ B: 3, H: 2, K: 1, L, S, E: 8 }, options, seed)),
}));
const lengthCases = ofSeventyKeys.map(([name, options], seed) => ({
  name,
  problem: attentionProblem({ B: 3, H: 4, K: 2, L: 9, S: 70, E: 8 }, options, seed),
}));

describe("which keys a query sees", () => {
  forEachBackend((backend) => {
    for (const { name, problems } of cases)
      it(name, async () => {
        for (const problem of problems) await expectAttention(backend, problem);
      });
    for (const { name, problem } of lengthCases)
      it(name, async () => {
        await expectAttention(backend, problem);
      });
  });
});

/** Positions and windows beyond 32 bits see what those of any large number see. */
const beyond: [string, AttentionWhat, AttentionWhat][] = [
  ["a window of 2^40", { window: [2 ** 40, 2 ** 40] }, {}],
  ["a window of 2^31 - 1", { window: [2 ** 31 - 1, 2 ** 31 - 1], queryOffset: -20 }, {}],
  ["a window of 2^53 - 1 to the left", { window: [Number.MAX_SAFE_INTEGER, 0] }, { causal: true }],
  ["an offset of 2^40", { causal: true, queryOffset: 2 ** 40 }, { causal: true, queryOffset: 1000 }],
  ["an offset of -2^40", { causal: true, queryOffset: -(2 ** 40) }, { causal: true, queryOffset: -1000 }],
  ["an offset of 2^31 - 1", { causal: true, queryOffset: 2 ** 31 - 1 }, { causal: true, queryOffset: 1000 }],
];

describe("large positions and windows", () => {
  forEachBackend((backend) => {
    const expectEqual = async (options: AttentionWhat, equal: AttentionWhat) => {
      const { query, key, value } = attentionProblem({ L: 20, S: 70, E: 8 });
      const actual = await backend.scaledDotProductAttention(query, key, value, options);
      const expected = await backend.scaledDotProductAttention(query, key, value, equal);
      expectSameBits(actual.output.data, expected.output.data, "output");
    };
    for (const [name, options, equal] of beyond) it(name, () => expectEqual(options, equal));
  });
});

/** Which of the keys no row sees, or only some rows, under each of these options; L = 9, S = 70. */
const sizes = { B: 2, H: 2, L: 9, S: 70, E: 6, V: 7 };
const excluding: [
  string,
  AttentionWhat,
  poisoned: (b: number, j: number) => boolean,
  dirtyRows: (b: number, i: number) => boolean,
][] = [
  ["causality", { causal: true }, (_, j) => j > 8, () => false],
  ["causality, in some rows", { causal: true }, (_, j) => j === 5, (_, i) => i >= 5],
  ["an offset, in some rows", { causal: true, queryOffset: 58 }, (_, j) => j === 63, (_, i) => i >= 5],
  ["lengths", { kvLengths: [61, 3] }, (b, j) => j >= (b ? 3 : 61), () => false],
  ["a window", { window: [2, 1] }, (_, j) => j > 9, () => false],
  ["a window, in some rows", { window: [2, 1] }, (_, j) => j === 4, (_, i) => i >= 3 && i <= 6],
  ["the left edge of a window", { window: [1, -1] }, (_, j) => j === 0, (_, i) => i <= 1],
  ["bottom-right", { causal: "bottom-right" }, (_, j) => j >= 65, (_, i) => i >= 4],
];

describe("what is excluded reaches no row", () => {
  forEachBackend((backend) => {
    for (const [name, options, isPoisoned, isDirty] of excluding) {
      for (const poison of ["key", "value"] as const)
        it(`${poison}s of NaN and infinity outside of ${name}`, async () => {
          const clean = attentionProblem(sizes, options);
          const width = poison === "key" ? sizes.E : sizes.V;
          const where = (n: number) => {
            const row = Math.floor(n / width);
            return isPoisoned(Math.floor(row / (sizes.H * sizes.S)), row % sizes.S);
          };
          const bad = [Number.NaN, Infinity, -Infinity];
          const dirty = {
            ...clean,
            [poison]: changed(clean[poison], (x, n) => (where(n) ? bad[n % 3]! : x)),
          };
          await expectOthersSame(clean, dirty, isDirty);
        });
    }

    async function expectOthersSame(
      clean: AttentionProblem,
      dirty: AttentionProblem,
      isDirty: (b: number, i: number) => boolean,
    ): Promise<void> {
      const all = { ...clean.options, returnLogSumExp: true, returnWeights: true };
      const expected = await backend.scaledDotProductAttention(clean.query, clean.key, clean.value, all);
      const actual = await backend.scaledDotProductAttention(dirty.query, dirty.key, dirty.value, all);
      const { B, H, L, S, V } = sizes;
      for (let row = 0; row < B * H * L; row++) {
        const touched = isDirty(Math.floor(row / (H * L)), row % L);
        const part = (x: typeof actual, name: "output" | "logSumExp" | "weights", size: number) =>
          x[name]!.data.subarray(row * size, (row + 1) * size);
        if (touched) {
          // An infinite key may also just win or lose: what must show is that the row noticed at all.
          expect([...part(actual, "output", V)]).not.toEqual([...part(expected, "output", V)]);
          continue;
        }
        expect(part(expected, "output", V).every(Number.isFinite)).toBe(true);
        expectSameBits(part(actual, "output", V), part(expected, "output", V), `row ${row} of the output`);
        expectSameBits(part(actual, "weights", S), part(expected, "weights", S), `row ${row} of the weights`);
        expectSameBits(
          part(actual, "logSumExp", 1),
          part(expected, "logSumExp", 1),
          `row ${row} of logSumExp`,
        );
      }
    }
  });
});

describe("NaN inside what is attended", () => {
  const problem = attentionProblem(
    { B: 1, H: 2, K: 1, L: 20, S: 70, E: 6 },
    { causal: true, queryOffset: 50 },
  );
  const withNaN = (name: "query" | "key" | "value", at: number) => ({
    ...problem,
    [name]: changed(problem[name], (x, i) => (i === at ? Number.NaN : x)),
  });
  const problems = [
    ["query", withNaN("query", 5 * 6 + 2)],
    ["key", withNaN("key", 57 * 6 + 1)],
    ["value", withNaN("value", 57 * 6 + 1)],
  ] as const;

  forEachBackend((backend) => {
    for (const [name, dirty] of problems)
      it(`a ${name} of NaN reaches the rows that attend to it, and no other`, async () => {
        const { output, weights } = await expectAttention(backend, dirty, ["output", "logSumExp"]);
        const rows = Array.from({ length: 40 }, (_, row) =>
          output.data.subarray(row * 6, row * 6 + 6).some(Number.isNaN) ? row : -1,
        ).filter((row) => row >= 0);
        // Row i of either head is at position 50 + i; key 57 is seen from row 7 on.
        const later = Array.from({ length: 40 }, (_, row) => row).filter((row) => row % 20 >= 7);
        expect(rows).toEqual(name === "query" ? [5] : later);
        expect(weights!.data.some(Number.isNaN)).toBe(name !== "value");
      });

    // Their 0 must not be divided by a denominator of NaN.
    for (const [name, dirty] of problems.slice(0, 2))
      it(`a ${name} of NaN leaves the weights of excluded keys at 0`, async () => {
        await expectAttention(backend, dirty, ["weights"]);
      });
    it("a value of NaN leaves all weights as they are", async () => {
      await expectAttention(backend, problems[2][1], ["weights"]);
    });
  });
});
