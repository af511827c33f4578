/** Attention against PyTorch's goldens, and against the reference at sizes that do not fit any tile. */
import { describe, expect, it } from "vitest";
import type { AttentionOptions } from "wasm-attention";
import { attentionProblem, expectAttention, ofRank, type Sizes } from "../support/attention-problem.ts";
import { forEachBackend } from "../support/backends.ts";
import { attentionArguments, attentionCases } from "../support/golden.ts";
import { bytes } from "../support/random-tensors.ts";
import { rotated } from "../support/rotary.ts";
import { expectCloseOrDefined, expectTensorClose, torchTolerance } from "../support/tolerance.ts";

describe("PyTorch's goldens", () => {
  it("are all here", () => expect(attentionCases).toHaveLength(65));

  forEachBackend((backend) => {
    for (const golden of attentionCases)
      it(golden.name, async () => {
        const { query, key, value, options, rope } = attentionArguments(golden);
        const q = rope ? rotated(query, rope, rope.query) : query;
        const k = rope ? rotated(key, rope, rope.key) : key;
        const { output, logSumExp, weights } = await backend.scaledDotProductAttention(q, k, value, {
          ...(options as AttentionOptions),
          returnLogSumExp: true,
          returnWeights: golden.has("weights"),
        });
        const [out, lse] = [golden.tensor("out"), golden.tensor("lse")];
        const masked = expectCloseOrDefined(output, out, torchTolerance(out), "output");
        expect(masked).toBe(golden.fullyMaskedRows * golden.ctor.Dv);
        expectTensorClose(logSumExp!, lse, torchTolerance(lse), "logSumExp");
        expect(weights !== undefined).toBe(golden.has("weights"));
        if (weights === undefined) return;
        const expected = golden.tensor("weights");
        expectCloseOrDefined(weights, expected, torchTolerance(expected), "weights");
      });
  });
});

const lengths = [1, 2, 7, 31, 127, 130, 257];
const headSizes = [1, 3, 33, 40, 80, 96, 111, 256];
const differentSizes: [E: number, V: number][] = [
  [8, 33],
  [64, 1],
  [1, 80],
  [33, 111],
  [111, 3],
  [256, 40],
];

/** Heads for about a thousand outputs: the largest error of only a few is a matter of luck. */
const heads = (L: number, V: number) => Math.ceil(1000 / (L * V));

const lengthProblems = lengths.flatMap((L) =>
  lengths.map((S) => attentionProblem({ H: heads(L, 16), L, S, E: 16 }, {}, L * S)),
);
const headProblems = headSizes.map((E) => attentionProblem({ H: heads(31, E), L: 31, S: 127, E }, {}, E));
const valueProblems = differentSizes.map(([E, V]) =>
  attentionProblem({ H: heads(7, V), L: 7, S: 130, E, V }, {}, E),
);

/** What a batch, groups of heads and long sequences do to the cut into tiles and steps. */
const cutProblems: [string, Sizes][] = [
  ["a batch of heads", { B: 3, H: 5, L: 31, S: 64, E: 16 }],
  ["two queries heads a key head", { B: 2, H: 6, K: 3, L: 13, S: 61, E: 33 }],
  ["one key head for all", { B: 2, H: 7, K: 1, L: 5, S: 70, E: 8 }],
  ["decoding: one query in groups", { B: 2, H: 8, K: 2, L: 1, S: 257, E: 40 }],
  ["several panels a tile", { B: 2, H: 8, L: 40, S: 65, E: 8 }],
  ["many panels a tile, and a rest", { B: 2, H: 6, L: 130, S: 59, E: 4 }],
  ["many tiles of one head", { L: 1000, S: 60, E: 4 }],
  ["thousands of keys", { L: 9, S: 5000, E: 64 }],
  ["thousands of keys, several steps", { L: 9, S: 5000, E: 256 }],
  ["many queries of one key head over several steps", { H: 192, K: 1, L: 8, S: 850, E: 8, V: 248 }],
  ["exactly one block of keys", { L: 8, S: 60, E: 8 }],
  ["one key more than a block", { L: 9, S: 61, E: 8 }],
];
const cuts = cutProblems.map(([name, sizes], seed) => [name, attentionProblem(sizes, {}, seed)] as const);

describe("sizes", () => {
  forEachBackend((backend) => {
    it("L and S", async () => {
      for (const problem of lengthProblems) await expectAttention(backend, problem);
    });
    it("E", async () => {
      for (const problem of headProblems) await expectAttention(backend, problem);
    });
    it("V other than E", async () => {
      for (const problem of valueProblems) await expectAttention(backend, problem);
    });
    for (const [name, problem] of cuts)
      it(name, async () => {
        await expectAttention(backend, problem);
      });
  });
});

const layouts = (["BHLE", "BLHE"] as const).flatMap((layout) => {
  const full = attentionProblem({ B: 2, H: 4, K: 2, L: 9, S: 65, E: 12, V: 7 }, { layout, causal: true });
  const one = attentionProblem({ H: 4, K: 2, L: 9, S: 65, E: 12, V: 7 }, { layout, causal: true });
  const head = attentionProblem({ L: 9, S: 65, E: 12, V: 7 }, { layout, causal: true });
  return [
    { name: `${layout}, rank 4`, problem: full },
    { name: `${layout}, rank 3`, problem: ofRank(3, one) },
    { name: `${layout}, rank 2`, problem: ofRank(2, head) },
  ];
});

describe("layouts and ranks", () => {
  forEachBackend((backend) => {
    for (const { name, problem } of layouts)
      it(name, async () => {
        const { output, logSumExp, weights } = await expectAttention(backend, problem);
        const rank = problem.query.shape.length;
        expect(output.shape).toEqual([...problem.query.shape.slice(0, -1), 7]);
        expect(logSumExp!.shape).toEqual([2, 4, 9].slice(4 - rank));
        expect(weights!.shape).toEqual([2, 4, 9, 65].slice(4 - rank));
      });

    it("masks are [B, H, L, S] in both layouts", async () => {
      const mask = bytes([4, 9, 65], 1);
      for (const layout of ["BHLE", "BLHE"] as const)
        await expectAttention(
          backend,
          attentionProblem({ B: 2, H: 4, L: 9, S: 65, E: 12 }, { layout, mask }),
        );
    });
  });
});
