/** Attention over parts of the keys, merged: against attention over all of them, and against the float64 merge. */
import { describe, expect, it } from "vitest";
import { alibiSlopes, tensor } from "wasm-attention";
import { mergeAttention, scaledDotProductAttention } from "wasm-attention/reference";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import {
  type AttentionProblem,
  type AttentionWhat,
  attentionInputs,
  attentionProblem,
  ofRank,
  solve,
} from "../support/attention-problem.ts";
import {
  type Attention,
  forEachBackend,
  forEachBackendAndReference,
  forEachEngine,
  type Operators,
} from "../support/backends.ts";
import { plainMerge } from "../support/plain-float32.ts";
import { bytes, changed, type FloatTensor, normal, sizeOf, uniform } from "../support/random-tensors.ts";
import { attendParts, cut, mergedTolerance, splitKeys } from "../support/split-keys.ts";

interface Part {
  readonly output: FloatTensor;
  readonly logSumExp: FloatTensor;
}

/** Parts with any numbers in them: outputs of these shapes, logarithms that differ by some units. */
function drawnParts(count: number, shape: readonly number[], seed = 1, layout = "BHLE"): Part[] {
  const outer = shape.slice(0, -1);
  const rows = layout === "BLHE" ? [...outer.slice(0, -2), outer.at(-1)!, outer.at(-2)!] : outer;
  return Array.from({ length: count }, (_, n) => ({
    output: normal(shape, 100 * seed + n),
    logSumExp: uniform(rows, 1000 * seed + n, -4, 4),
  }));
}

const [B, H, L, S] = [2, 4, 19, 130];
const sizes = { B, H, K: 2, L, S, E: 16, V: 11 };

/** Nothing cut, blocks of 60 keys, inside blocks, uneven, empty parts, one key each side. */
const cuts = [[], [60], [65], [0, 40, 40, 130], [1, 129], [7, 60, 61, 100, 119]];

const wholes: [string, AttentionWhat][] = [
  ["no options", {}],
  ["BLHE", { layout: "BLHE" }],
  ["causal", { causal: true }],
  ["causal, bottom-right", { causal: "bottom-right" }],
  ["causal, from offsets, some rows empty", { causal: true, queryOffset: [100, -7] }],
  ["a window", { window: [30, 5], queryOffset: "bottom-right" }],
  ["lengths", { kvLengths: [130, 50] }],
  ["lengths, one of them 0, and causality", { kvLengths: [0, 61], causal: "bottom-right", layout: "BLHE" }],
  ["a boolean mask", { mask: bytes([B, 1, L, S], 1, 0.3) }],
  ["additive masks", { mask: normal([L, S], 2), bias: normal([H, 1, 1], 3) }],
  ["ALiBi", { alibiSlopes: alibiSlopes(H), causal: true, queryOffset: 111 }],
  ["T5's bias", { relativeBias: { table: normal([32, H], 4) }, queryOffset: [20, 90] }],
  ["softcap and cosine", { softcap: 3, similarity: "cosine", scale: 8 }],
  ["sinks", { sinks: [2, -1, 0, 9] }],
  ["sinks, some rows with nothing else", { sinks: [2, -1, 0, 9], causal: true, queryOffset: -7 }],
  ["scores of some 10 000", { scale: 4000 }],
  ["scores near 10 000", { bias: { data: Float32Array.of(1e4), shape: [1] } }],
];
const problems = wholes.map(([name, options]): [string, AttentionProblem] => [
  name,
  attentionProblem(sizes, options),
]);

/** Cuts the keys, attends to each part, merges. */
async function mergeParts(operators: Operators, parts: readonly AttentionProblem[]) {
  const layout = parts[0]!.options.layout ?? "BHLE";
  return operators.mergeAttention(await attendParts(operators, parts), { layout });
}

describe("keys cut in parts and merged are all keys", () => {
  forEachBackendAndReference((operators) => {
    for (const [name, problem] of problems)
      it(name, async () => {
        const { exact } = solve(problem);
        const tolerance = mergedTolerance(problem);
        const [unsplit] = await attendParts(operators, [problem]);
        for (const [n, positions] of cuts.entries()) {
          const parts = splitKeys(problem, positions, n % (positions.length + 1));
          const { output, logSumExp } = await mergeParts(operators, parts);
          const label = `cut at [${positions}]`;
          expectAccurate(output, exact.output, tolerance.output, label);
          expectAccurate(logSumExp, exact.logSumExp, tolerance.logSumExp, `logSumExp, ${label}`);
          expectAccurate(output, unsplit!.output, tolerance.output, `${label}, against the kernel`);
        }
      });

    it("rank 3 and rank 2", async () => {
      for (const layout of ["BHLE", "BLHE"] as const)
        for (const [rank, heads] of [
          [3, { H: 4, K: 2 }],
          [2, {}],
        ] as const) {
          const whole = ofRank(rank, attentionProblem({ L: 9, S: 70, E: 8, V: 5, ...heads }, { layout }));
          const { exact } = solve(whole);
          const { output, logSumExp } = await mergeParts(operators, splitKeys(whole, [33]));
          const tolerance = mergedTolerance(whole);
          expectAccurate(output, exact.output, tolerance.output, `output, rank ${rank}, ${layout}`);
          expectAccurate(logSumExp, exact.logSumExp, tolerance.logSumExp, `logSumExp, rank ${rank}`);
        }
    });

    it("a part merged before is a part", async () => {
      const problem = problems[0]![1];
      const [a, b, c, d] = await attendParts(operators, splitKeys(problem, [20, 61, 90]));
      const { exact } = solve(problem);
      const tolerance = mergedTolerance(problem);
      const merge = (...parts: Attention[]) => operators.mergeAttention(parts);
      for (const { output, logSumExp } of [
        await merge(await merge(a!, b!), await merge(c!, d!)),
        await merge(a!, await merge(b!, await merge(c!, d!))),
        await merge(await merge(d!, b!), c!, a!),
      ]) {
        // Each merge rounds once more.
        expectAccurate(output, exact.output, tripled(tolerance.output), "output");
        expectAccurate(logSumExp, exact.logSumExp, tripled(tolerance.logSumExp), "logSumExp");
      }
    });
  });
});

const tripled = ({ absolute }: { absolute: number }) => ({ absolute: 3 * absolute, relative: 0 });

describe("packed sequences, each cut in two", () => {
  const [queries, keys, halves] = [
    [0, 3, 3, 20],
    [0, 61, 70, 200],
    [30, 0, 65],
  ];
  const { query, key, value } = ofRank(
    3,
    attentionProblem({ H: 4, K: 2, L: 20, S: 200, E: 8, V: 6 }, { layout: "BLHE" }),
  );
  const offsets = [58, 0, 113];
  const exact = scaledDotProductAttention(query, key, value, {
    cuSeqlens: { query: queries!, key: keys! },
    causal: true,
    queryOffset: offsets,
  });
  /** The first, or the second, part of the keys of every sequence. */
  const half = (second: boolean) => {
    const ranges = halves!.map((n, b) => {
      const [start, end] = [keys![b]!, keys![b + 1]!];
      return second ? [start + n, end] : [start, start + n];
    });
    const rows = (x: FloatTensor): FloatTensor => {
      const pieces = ranges.map(([start, end]) => cut(x, 0, start!, end!));
      const data = Float32Array.from(pieces.flatMap((piece) => [...piece.data]));
      return { data, shape: [data.length / sizeOf(x.shape.slice(1)), ...x.shape.slice(1)] };
    };
    const starts = [0];
    for (const [start, end] of ranges) starts.push(starts.at(-1)! + end! - start!);
    return { key: rows(key), value: rows(value), starts, offset: second ? halves! : [0, 0, 0] };
  };

  forEachBackendAndReference((operators) => {
    it("are whole", async () => {
      const parts: Attention[] = [];
      for (const { key, value, starts, offset } of [half(false), half(true)])
        parts.push(
          await operators.scaledDotProductAttention(query, key, value, {
            cuSeqlens: { query: queries!, key: starts },
            causal: true,
            queryOffset: offsets.map((n, b) => n - offset[b]!),
            returnLogSumExp: true,
          }),
        );
      const { output, logSumExp } = await operators.mergeAttention(parts, { layout: "BLHE" });
      expectAccurate(output, exact.output, { absolute: 1e-6, relative: 1e-6 }, "output");
      expectAccurate(logSumExp, exact.logSumExp, { absolute: 1e-6, relative: 1e-6 }, "logSumExp");
    });
  });
});

/** Some hundreds of outputs each: the largest error of only a few is a matter of luck. */
const shapes = [
  [997, 1],
  [331, 3],
  [45, 5, 4],
  [7, 130],
  [2, 3, 5, 16],
  [3, 1, 2, 111],
  [1, 9, 64],
  [4, 7, 33],
];
const counts = [1, 2, 3, 5, 33, 100];
const merges = shapes.flatMap((shape, seed) =>
  counts.map((count) => {
    const parts = drawnParts(count, shape, seed);
    return { parts, exact: mergeAttention(parts), plain: plainMerge(parts) };
  }),
);

type Row = [output: number, logSumExp: number];
const none = -Infinity;
const nan = Number.NaN;

/** A row of each of three parts, and what they give. */
const edges: [string, [Row, Row, Row], Row][] = [
  [
    "a part without keys, of NaN",
    [
      [1, 0],
      [nan, none],
      [3, 0],
    ],
    [2, Math.LN2],
  ],
  [
    "parts without keys, of infinities",
    [
      [Infinity, none],
      [5, 2],
      [-Infinity, none],
    ],
    [5, 2],
  ],
  [
    "no keys at all",
    [
      [1, none],
      [Infinity, none],
      [nan, none],
    ],
    [0, none],
  ],
  [
    "NaN in an output",
    [
      [1, 0],
      [nan, 0],
      [5, 0],
    ],
    [nan, Math.log(3)],
  ],
  [
    "infinity in an output",
    [
      [1, 3],
      [Infinity, 3],
      [1, 3],
    ],
    [Infinity, 3 + Math.log(3)],
  ],
  [
    "a logarithm of NaN",
    [
      [1, 0],
      [3, nan],
      [5, 0],
    ],
    [nan, nan],
  ],
  [
    "a logarithm of +infinity",
    [
      [1, 0],
      [3, Infinity],
      [5, 0],
    ],
    [nan, nan],
  ],
  [
    "logarithms far apart",
    [
      [1, 1e4],
      [3, -1e4],
      [5, 9000],
    ],
    [1, 1e4],
  ],
  [
    "large logarithms",
    [
      [1, 3e38],
      [3, 3e38],
      [5, -3e38],
    ],
    [2, 3e38],
  ],
  [
    "lowest logarithms",
    [
      [1, -3.4e38],
      [3, -3.4e38],
      [5, none],
    ],
    [2, -3.4e38],
  ],
  [
    "large outputs",
    [
      [3e38, 1],
      [3e38, 1],
      [3e38, 1],
    ],
    [3e38, 1 + Math.log(3)],
  ],
];

describe("numbers", () => {
  forEachBackendAndReference((operators, name) => {
    it("of any size: tails of rows and columns, few parts and many", async () => {
      for (const { parts, exact, plain } of merges) {
        const merged = await operators.mergeAttention(parts);
        const label = `${parts.length} parts of [${exact.output.shape}]`;
        for (const name of ["output", "logSumExp"] as const) {
          const tolerance = plainTolerance(exact[name].data, plain[name]);
          expectAccurate(merged[name], exact[name], tolerance, `${name}, ${label}`);
        }
      }
    });

    it("heads behind the sequence", async () => {
      for (const shape of [
        [5, 4, 7],
        [2, 5, 4, 16],
      ]) {
        const parts = drawnParts(3, shape, 1, "BLHE");
        const heads = (x: FloatTensor) => swapped(x, shape);
        const turned = parts.map((part) => ({ ...part, output: heads(part.output) }));
        const { output, logSumExp } = await operators.mergeAttention(parts, { layout: "BLHE" });
        const other = await operators.mergeAttention(turned);
        const back = { data: Float32Array.from(other.output.data), shape: other.output.shape };
        expectSameBits(output.data, swapped(back, back.shape).data, "output");
        expect(output.shape).toEqual(shape);
        expectSameBits(logSumExp.data, other.logSumExp.data, "logSumExp");
      }
    });

    for (const [what, rows, [output, logSumExp]] of edges)
      it(what, async () => {
        // The row in question, number 2, is among others, which it must not touch.
        const quiet = drawnParts(3, [6, 5]);
        const put = ({ output, logSumExp }: Part, row: Row): Part => ({
          output: changed(output, (x, i) => (Math.floor(i / 5) === 2 ? row[0] : x)),
          logSumExp: changed(logSumExp, (x, i) => (i === 2 ? row[1] : x)),
        });
        const merged = await operators.mergeAttention(quiet.map((part, n) => put(part, rows[n]!)));
        const still = await operators.mergeAttention(quiet);
        const expected = put(still as Part, [output, logSumExp]);
        const rounding = { absolute: 0, relative: 2 ** -22 };
        expectAccurate(merged.output, expected.output, rounding, "output");
        expectAccurate(merged.logSumExp, expected.logSumExp, rounding, "logSumExp");
      });

    it("one part returns itself", async () => {
      const [part] = drawnParts(1, [2, 3, 5, 7]);
      const zeros = { ...part!, output: changed(part!.output, (x, i) => (i % 3 ? x : i % 2 ? 0 : -0)) };
      const { output, logSumExp } = await operators.mergeAttention([zeros]);
      // The reference adds to 0, which -0 becomes.
      if (name === "reference")
        expect(output.data).toEqual(Float64Array.from(zeros.output.data, (x) => x + 0));
      else expectSameBits(output.data, zeros.output.data, "output");
      expectSameBits(logSumExp.data, zeros.logSumExp.data, "logSumExp");
    });

    it("nothing", async () => {
      for (const shape of [
        [0, 2, 3, 4],
        [2, 0, 3, 4],
        [2, 3, 0, 4],
        [2, 3, 4, 0],
        [0, 4],
        [3, 0],
      ]) {
        const { output, logSumExp } = await operators.mergeAttention(drawnParts(2, shape));
        expect([output.shape, output.data.length]).toEqual([shape, 0]);
        expect(logSumExp.shape).toEqual(shape.slice(0, -1));
      }
    });
  });
});

/** `[.., L, H, V]` from `[.., H, L, V]`, or the other way round. */
function swapped({ data }: FloatTensor, shape: readonly number[]): FloatTensor {
  const [M, N, V] = shape.slice(-3) as [number, number, number];
  const from = (n: number) => {
    const [row, i, j] = [Math.floor(n / (M * N * V)), Math.floor(n / (M * V)) % N, Math.floor(n / V) % M];
    return ((row * M + j) * N + i) * V + (n % V);
  };
  return { data: data.map((_, n) => data[from(n)]!), shape: [...shape.slice(0, -3), N, M, V] };
}

describe("where it is computed changes no bit", () => {
  // Large enough that threads share it.
  const parts = drawnParts(3, [2, 8, 301, 65]);
  const digests = new Map<string, { output: ArrayLike<number>; logSumExp: ArrayLike<number> }>();

  forEachBackend((backend) => {
    it("threads, sync, async", async () => {
      const { output, logSumExp } = await backend.mergeAttention(parts);
      const kernels = backend.engine.info().kernels;
      const first = digests.get(kernels) ?? { output: output.data, logSumExp: logSumExp.data };
      digests.set(kernels, first);
      expectSameBits(output.data, first.output, "output");
      expectSameBits(logSumExp.data, first.logSumExp, "logSumExp");
    });

    it("a row alone", async () => {
      const whole = await backend.mergeAttention(parts);
      for (const row of [0, 1, 302, 4815]) {
        const alone = parts.map(({ output, logSumExp }) => ({
          output: { data: output.data.subarray(row * 65, (row + 1) * 65), shape: [1, 65] },
          logSumExp: { data: logSumExp.data.subarray(row, row + 1), shape: [1] },
        }));
        const { output, logSumExp } = await backend.mergeAttention(alone);
        expectSameBits(output.data, whole.output.data.subarray(row * 65, (row + 1) * 65), `row ${row}`);
        expectSameBits(logSumExp.data, whole.logSumExp.data.subarray(row, row + 1), `row ${row}`);
      }
    });
  });
});

describe("where parts and results lie", () => {
  const parts = drawnParts(2, [2, 3, 5, 7]);

  forEachEngine((_, engine) => {
    const inEngine = ({ data, shape }: FloatTensor) => {
      const made = engine().tensor(shape);
      made.data.set(data);
      return made;
    };

    it("plain out", async () => {
      const out = tensor(new Float32Array(210).fill(7), [2, 3, 5, 7]);
      const expected = engine().mergeAttentionSync(parts).output.data;
      expect(engine().mergeAttentionSync(parts, { out }).output).toBe(out);
      expectSameBits(out.data, expected, "sync");
      out.data.fill(7);
      expect((await engine().mergeAttention(parts, { out })).output).toBe(out);
      expectSameBits(out.data, expected, "async");
    });

    it("tensors of the engine, in and out", async () => {
      const expected = engine().mergeAttentionSync(parts);
      const [a, b] = parts as [Part, Part];
      using output = inEngine(a.output);
      using logSumExp = inEngine(b.logSumExp);
      using out = engine().tensor([2, 3, 5, 7]);
      const mixed = [
        { output, logSumExp: a.logSumExp },
        { output: b.output, logSumExp },
      ];
      const merged = await engine().mergeAttention(mixed, { out });
      expect(merged.output).toBe(out);
      expectSameBits(out.data, expected.output.data, "output");
      expectSameBits(merged.logSumExp.data, expected.logSumExp.data, "logSumExp");
      expectSameBits(output.data, a.output.data, "a part afterwards");
    });

    it("results have buffers of their own, and what comes from attention goes in", async () => {
      const { query, key, value } = attentionInputs(sizes);
      const part = await engine().scaledDotProductAttention(query, key, value, { returnLogSumExp: true });
      const { output, logSumExp } = await engine().mergeAttention([part, part]);
      for (const { data } of [output, logSumExp]) expect(data.buffer.byteLength).toBe(data.byteLength);
      expectSameBits(output.data, part.output.data, "twice the same");
    });

    it("an abort", async () => {
      const stop = new AbortController();
      stop.abort("enough");
      await expect(engine().mergeAttention(parts, { signal: stop.signal })).rejects.toBe("enough");
    });
  });
});
