/** What joins the scores, against the reference: softcap, ALiBi, T5's bias, sinks, block masks; scores on request. */
import { describe, expect, it } from "vitest";
import { type BlockMask, createBlockMask, createBlockMaskAsync } from "wasm-attention";
import { scaledDotProductAttention } from "wasm-attention/reference";
import { expectAccurate, expectSameBits } from "../support/accuracy.ts";
import {
  type AttentionWhat,
  attentionInputs,
  attentionProblem,
  expectAttention,
} from "../support/attention-problem.ts";
import { forEachBackend } from "../support/backends.ts";
import { bytes, normal, uniform } from "../support/random-tensors.ts";

const [B, H, L, S] = [2, 4, 20, 130];
const sizes = { B, H, K: 2, L, S, E: 16, V: 12 };

const slopes = [0.5, 0.25, 0.125, 0.0625];
const table = normal([32, H], 1);
const short = normal([8, H], 2);
const sinks = [2, -1, 0, 90];

const terms: [string, AttentionWhat][] = [
  ["softcap", { softcap: 2 }],
  ["a large softcap", { softcap: 50 }],
  ["a small softcap, causal", { softcap: 0.01, causal: true }],
  ["softcap of large scores", { softcap: 30, scale: 100 }],
  ["softcap and a negative scale", { softcap: 5, scale: -1, mask: bytes([L, S], 1) }],
  ["softcap of 0: none", { softcap: 0 }],
  ["ALiBi", { alibiSlopes: slopes }],
  ["ALiBi, causal, from an offset", { alibiSlopes: slopes, causal: true, queryOffset: [100, 3] }],
  ["ALiBi, bottom-right", { alibiSlopes: Float32Array.from(slopes), causal: "bottom-right" }],
  [
    "ALiBi with lengths and a window",
    { alibiSlopes: slopes, kvLengths: [130, 61], window: [30, 2], queryOffset: "bottom-right" },
  ],
  ["ALiBi of slopes that are 0 or negative", { alibiSlopes: [0, -0.1, 1, 0] }],
  ["T5, both ways", { relativeBias: { table } }],
  ["T5, one way, causal", { relativeBias: { table, bidirectional: false }, causal: true, queryOffset: 110 }],
  ["T5, few buckets, near", { relativeBias: { table: short, maxDistance: 20 } }],
  ["T5, far away", { relativeBias: { table, maxDistance: 512 }, queryOffset: 1000 }],
  ["T5, no scale", { relativeBias: { table }, scale: 1 }],
  ["sinks", { sinks }],
  ["sinks of infinity's other end", { sinks: [-Infinity, 0, -Infinity, 0] }],
  ["sinks, causal, some rows empty", { sinks, causal: true, queryOffset: -7 }],
  ["sinks and nothing else", { sinks, kvLengths: [0, 0] }],
  ["two at a time: softcap and ALiBi", { softcap: 3, alibiSlopes: slopes, causal: true }],
  ["two at a time: T5 and a bias", { relativeBias: { table }, bias: normal([L, S], 4) }],
  [
    "all at once",
    {
      softcap: 3,
      alibiSlopes: slopes,
      relativeBias: { table },
      sinks,
      mask: normal([S], 5),
      bias: normal([H, L, 1], 6),
      causal: true,
      queryOffset: 90,
      window: [60, -1],
    },
  ],
  [
    "all at once, cosine",
    {
      similarity: "cosine",
      scale: 10,
      softcap: 3,
      alibiSlopes: slopes,
      relativeBias: { table },
      sinks,
      mask: bytes([L, S], 7),
    },
  ],
];
const problems = terms.map(
  ([name, options], seed) => [name, attentionProblem(sizes, options, seed)] as const,
);

const block = (mask: (b: number, h: number, i: number, j: number) => boolean, more: object = {}): BlockMask =>
  createBlockMask(mask, { L, S, ...more });
const near = block((_b, _h, i, j) => Math.abs(5 * i - j) < 30, { blockSize: 16 });
const perHead = block((b, h, i, j) => (i * 7 + j * 3 + b + h) % (h + 2) === 0, { B, H, blockSize: 32 });
const blocks: [string, AttentionWhat][] = [
  ["everything", { blockMask: block(() => true) }],
  ["nothing", { blockMask: block(() => false) }],
  ["a band", { blockMask: near }],
  ["a band, default blocks", { blockMask: block((_b, _h, i, j) => Math.abs(5 * i - j) < 30) }],
  ["blocks of 1", { blockMask: block((_b, _h, i, j) => (i + j) % 3 > 0, { blockSize: 1 }) }],
  ["blocks larger than all", { blockMask: block((_b, _h, i, j) => j >= i, { blockSize: 1000 }) }],
  ["every entry and head its own", { blockMask: perHead }],
  ["some rows empty", { blockMask: block((_b, _h, i) => i % 4 > 0, { blockSize: 3 }) }],
  ["with causality", { blockMask: near, causal: true, queryOffset: 50 }],
  ["with lengths and a window", { blockMask: near, kvLengths: [130, 61], window: [40, 40] }],
  ["with a mask and a bias", { blockMask: near, mask: bytes([L, S], 8), bias: normal([S], 9) }],
  ["with sinks", { blockMask: block((_b, _h, i) => i > 4), sinks }],
  ["both of two", { blockMask: near.and(perHead) }],
  ["either of two", { blockMask: near.or(block((_b, _h, _i, j) => j < 3)) }],
];
const blockProblems = blocks.map(
  ([name, options], seed) => [name, attentionProblem(sizes, options, seed)] as const,
);

describe("terms of the scores", () => {
  forEachBackend((backend) => {
    for (const [name, problem] of problems)
      it(name, async () => {
        await expectAttention(backend, problem);
      });

    it("a row with only a sink: logSumExp is the sink, the rest 0", async () => {
      const { query, key, value } = attentionInputs(sizes);
      const options = { sinks, kvLengths: [0, S], returnLogSumExp: true, returnWeights: true };
      const { output, logSumExp, weights } = await backend.scaledDotProductAttention(
        query,
        key,
        value,
        options,
      );
      expect([...logSumExp!.data.subarray(0, H * L)]).toEqual(
        sinks.flatMap((sink) => new Array(L).fill(sink)),
      );
      expect(output.data.subarray(0, H * L * 12).every((x) => x === 0)).toBe(true);
      expect(weights!.data.subarray(0, H * L * S).every((x) => x === 0)).toBe(true);
    });
  });
});

describe("block masks", () => {
  it("count and say what they allow", async () => {
    expect(near.count()).toEqual({ empty: 6, full: 1, partial: 11 });
    const wholeRow = createBlockMask((_b, _h, i) => i < 16, { L: 32, S: 64, blockSize: 16 });
    expect(wholeRow.count()).toEqual({ empty: 4, full: 4, partial: 0 });
    expect([near.allows(1, 3, 2, 39), near.allows(1, 3, 2, 40)]).toEqual([true, false]);
    const later = await createBlockMaskAsync((_b, _h, i, j) => Math.abs(5 * i - j) < 30, {
      L,
      S,
      blockSize: 16,
    });
    expect([later.kinds, later.bytes]).toEqual([near.kinds, near.bytes]);
  });

  forEachBackend((backend) => {
    for (const [name, problem] of blockProblems)
      it(name, async () => {
        await expectAttention(backend, problem);
      });

    it("are boolean masks, bit for bit", async () => {
      const { query, key, value } = attentionInputs(sizes);
      const mask = { data: new Uint8Array(B * H * L * S), shape: [B, H, L, S] };
      for (let n = 0; n < mask.data.length; n++) {
        const [b, h] = [Math.floor(n / (H * L * S)), Math.floor(n / (L * S)) % H];
        mask.data[n] = perHead.allows(b, h, Math.floor(n / S) % L, n % S) ? 1 : 0;
      }
      const dense = await backend.scaledDotProductAttention(query, key, value, { mask });
      const blocked = await backend.scaledDotProductAttention(query, key, value, { blockMask: perHead });
      expectSameBits(blocked.output.data, dense.output.data, "output");
    });
  });
});

describe("scores on request", () => {
  const { query, key, value } = attentionInputs(sizes);
  const cases: [string, AttentionWhat][] = [
    ["plain", {}],
    ["causal", { causal: true }],
    ["softcap and ALiBi, with lengths", { softcap: 3, alibiSlopes: slopes, kvLengths: [130, 20] }],
    ["cosine, masks", { similarity: "cosine", scale: 5, mask: bytes([L, S], 1), bias: normal([S], 2) }],
    ["a block mask and sinks", { blockMask: near, sinks }],
  ];
  const exact = cases.map(([, options]) =>
    (["scaled", "capped", "biased"] as const).map(
      (returnScores) => scaledDotProductAttention(query, key, value, { ...options, returnScores }).scores!,
    ),
  );

  forEachBackend((backend) => {
    cases.forEach(([name, options], n) => {
      it(name, async () => {
        const plain = await backend.scaledDotProductAttention(query, key, value, options);
        for (const [stage, returnScores] of (["scaled", "capped", "biased"] as const).entries()) {
          const all = { ...options, returnScores, returnWeights: true };
          const result = await backend.scaledDotProductAttention(query, key, value, all);
          const { scores } = result as typeof result & { scores: typeof result.output };
          // Sums of 16 products that are 4 each at most, and terms of the same size.
          expectAccurate(scores, exact[n]![stage]!, { absolute: 1e-5, relative: 1e-6 }, returnScores);
          expectSameBits(result.output.data, plain.output.data, `output with ${returnScores}`);
        }
      });
    });
  });
});

describe("packed sequences", () => {
  const lengths: [L: number, S: number][] = [
    [9, 70],
    [0, 5],
    [1, 1],
    [33, 0],
    [20, 130],
    [7, 61],
  ];
  const starts = (which: 0 | 1) =>
    Array.from({ length: lengths.length + 1 }, (_, n) =>
      lengths.slice(0, n).reduce((sum, pair) => sum + pair[which], 0),
    );
  const [queries, keys] = [starts(0), starts(1)];
  const [totalQueries, totalKeys] = [queries.at(-1)!, keys.at(-1)!];
  const query = normal([totalQueries, 4, 16], 1);
  const key = normal([totalKeys, 2, 16], 2);
  const value = uniform([totalKeys, 2, 12], 3);
  const cases: [string, AttentionWhat][] = [
    ["plain", {}],
    ["causal", { causal: true }],
    ["bottom-right, ALiBi", { causal: "bottom-right", alibiSlopes: slopes }],
    ["window, offset", { window: [10, 3], queryOffset: 5 }],
    ["softcap, sinks, T5", { softcap: 4, sinks, relativeBias: { table } }],
    ["cosine", { similarity: "cosine", scale: 8, causal: "bottom-right" }],
  ];

  forEachBackend((backend) => {
    for (const [name, options] of cases)
      it(`${name}: the bits of each sequence alone`, async () => {
        const cuSeqlens = { query: Int32Array.from(queries), key: keys };
        const all = { ...options, returnLogSumExp: true };
        const whole = await backend.scaledDotProductAttention(query, key, value, { ...all, cuSeqlens });
        expect(whole.output.shape).toEqual([totalQueries, 4, 12]);
        expect(whole.logSumExp!.shape).toEqual([4, totalQueries]);
        for (const [n, [L, S]] of lengths.entries()) {
          const part = ({ data, shape }: typeof query, from: number, length: number) => {
            const width = shape[1]! * shape[2]!;
            return {
              data: data.subarray(from * width, (from + length) * width),
              shape: [length, shape[1]!, shape[2]!],
            };
          };
          const alone = await backend.scaledDotProductAttention(
            part(query, queries[n]!, L),
            part(key, keys[n]!, S),
            part(value, keys[n]!, S),
            { ...all, layout: "BLHE" },
          );
          const expected = part(whole.output as typeof query, queries[n]!, L).data;
          expectSameBits(alone.output.data, expected, `sequence ${n}`);
          for (let h = 0; h < 4; h++) {
            const row = whole.logSumExp!.data.subarray(
              h * totalQueries + queries[n]!,
              h * totalQueries + queries[n]! + L,
            );
            expectSameBits(alone.logSumExp!.data.subarray(h * L, (h + 1) * L), row, `logSumExp ${n}, ${h}`);
          }
        }
      });
  });
});
