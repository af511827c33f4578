/**
 * The reference against PyTorch's goldens, ONNX's operator cases, cases worked out by hand, and itself by
 * another way. It is the oracle of the kernels' tests, so its own tolerances are those of float64.
 */
import { describe, expect, it } from "vitest";
import {
  matmul,
  multiHeadAttention,
  type ReferenceAttentionOptions,
  type ReferenceInput,
  type ReferenceTensor,
  scaledDotProductAttention,
  sinusoidalPositions,
  softmax,
} from "../../src/reference/index.ts";
import { relativeBucket } from "../../src/validate/relative-bias.ts";
import { attentionArguments, attentionCases, layerArguments, layerCases } from "../support/golden.ts";
import { describeOnnx, onnxCases } from "../support/onnx.ts";
import { rotatedExactly } from "../support/rotary.ts";
import {
  exactly,
  expectClose,
  expectCloseOrDefined,
  expectTensorClose,
  float64Tolerance,
  onnxTolerance,
  roundedOnce,
} from "../support/tolerance.ts";

const f64 = (shape: number[], ...data: number[]): ReferenceTensor => ({
  data: Float64Array.from(data),
  shape,
});
const f32 = (shape: number[], ...data: number[]) => ({ data: Float32Array.from(data), shape });
const bytes = (shape: number[], ...data: number[]) => ({ data: Uint8Array.from(data), shape });
const size = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Uneven numbers between -1 and 1, exact in float32. */
function uneven(shape: number[], seed = 1): { data: Float32Array; shape: number[] } {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1;
  return { data: Float32Array.from({ length: size(shape) }, next), shape };
}

describe("scaledDotProductAttention against PyTorch", () => {
  it("has all cases of the two kinds", () => {
    const kinds = attentionCases.map((golden) => golden.kind);
    expect(kinds.filter((kind) => kind === "sdpa")).toHaveLength(61);
    expect(kinds.filter((kind) => kind === "sdpa_fully_masked")).toHaveLength(4);
  });

  for (const golden of attentionCases)
    it(golden.name, () => {
      const { query, key, value, options, rope } = attentionArguments(golden);
      const q = rope ? rotatedExactly(query, rope, rope.query) : query;
      const k = rope ? rotatedExactly(key, rope, rope.key) : key;
      const { output, logSumExp, weights } = scaledDotProductAttention(q, k, value, options);
      const [out, lse] = [golden.tensor("out"), golden.tensor("lse")];
      const masked = expectCloseOrDefined(output, out, roundedOnce(out), "output");
      expect(masked).toBe(golden.fullyMaskedRows * golden.ctor.Dv);
      expectTensorClose(logSumExp, lse, roundedOnce(lse), "logSumExp");
      if (golden.has("weights")) {
        const expected = golden.tensor("weights");
        expectCloseOrDefined(weights, expected, roundedOnce(expected), "weights");
      }
      for (let row = 0; row < lse.data.length; row++) {
        const rowWeights = weights.data.subarray(row * golden.ctor.N, (row + 1) * golden.ctor.N);
        const sum = rowWeights.reduce((total, weight) => total + weight, 0);
        expect(sum).toBeCloseTo(lse.data[row] === -Infinity ? 0 : 1, 12);
      }
    });

  for (const golden of attentionCases.filter((golden) => golden.call.causal === "bottom_right"))
    it(`${golden.name}, its offset given as a number`, () => {
      const { query, key, value, options } = attentionArguments(golden);
      const byName = scaledDotProductAttention(query, key, value, options);
      const offset = { causal: true, queryOffset: golden.call.q_offset };
      const byNumber = scaledDotProductAttention(query, key, value, { ...options, ...offset });
      expect(byNumber).toEqual(byName);
    });

  for (const golden of attentionCases.filter((golden) => golden.call.bias && !golden.call.mask))
    it(`${golden.name}, its bias given as an additive mask`, () => {
      const { query, key, value, options } = attentionArguments(golden);
      const { bias, ...rest } = options;
      const asBias = scaledDotProductAttention(query, key, value, options);
      expect(scaledDotProductAttention(query, key, value, { ...rest, mask: bias })).toEqual(asBias);
    });

  for (const golden of attentionCases.filter((golden) => golden.call.t5))
    it(`${golden.name}, its buckets`, () => {
      const { bidirectional, num_buckets, max_distance, rel_buckets, rel_first } = golden.call.t5!;
      const expected = Array.from(golden.anyTensor(rel_buckets).data, Number);
      const distances = expected.map((_, i) => rel_first + i);
      const buckets = distances.map((d) => relativeBucket(d, num_buckets, bidirectional, max_distance));
      expect(buckets).toEqual(expected);
    });
});

describe("multiHeadAttention against PyTorch", () => {
  it("has all cases of the two kinds", () => {
    const kinds = layerCases.map((golden) => golden.kind);
    expect(kinds.filter((kind) => kind === "mha")).toHaveLength(36);
    expect(kinds.filter((kind) => kind === "mha_fully_masked")).toHaveLength(2);
  });

  for (const golden of layerCases)
    it(golden.name, () => {
      const { stateDict, config, query, key, value, options } = layerArguments(golden);
      const { output, weights } = multiHeadAttention(stateDict, config, query, key, value, options);
      const out = golden.tensor("out");
      const E = golden.ctor.embed_dim;
      // A query without any key has heads of 0: what is left is the output projection's bias.
      const bias = golden.has("out_proj.bias") ? golden.tensor("out_proj.bias").data : new Float32Array(E);
      const masked = expectCloseOrDefined(output, out, roundedOnce(out), "output", (i) => bias[i % E]!);
      expect(masked > 0).toBe(golden.nanExpected);
      expect(weights !== undefined).toBe(golden.call.need_weights);
      if (!weights) return;
      const expected = golden.tensor("attn_weights");
      const maskedWeights = expectCloseOrDefined(weights, expected, roundedOnce(expected), "weights");
      expect(maskedWeights > 0).toBe(golden.nanExpected);
    });
});

describeOnnx("ONNX cases", () => {
  for (const { name, attributes, inputs, outputs } of onnxCases("Softmax"))
    it(name, () => {
      const y = outputs[0]!;
      const axis = (attributes.axis as number | undefined) ?? -1;
      const actual = softmax(inputs[0] as ReferenceInput, { axis });
      expectTensorClose(actual, y as ReferenceTensor & typeof y, onnxTolerance(y.dtype), "softmax");
    });
  for (const { name, inputs, outputs } of onnxCases("MatMul"))
    it(name, () => {
      const y = outputs[0]!;
      const actual = matmul(inputs[0] as ReferenceInput, inputs[1] as ReferenceInput);
      expectTensorClose(actual, y as ReferenceTensor & typeof y, onnxTolerance(y.dtype), "matmul");
    });
});

describe("scores, by hand", () => {
  /** Two keys of size 1 whose scores are 0 and ln 3: weights 1/4 and 3/4. */
  const query = f64([1, 1], 1);
  const key = f64([2, 1], 0, Math.log(3));
  const value = f64([2, 2], 4, 0, 8, 4);

  it("softmax(q k) v", () => {
    const { output, logSumExp, weights } = scaledDotProductAttention(query, key, value);
    expectTensorClose(weights, f64([1, 2], 0.25, 0.75), float64Tolerance, "weights");
    expectTensorClose(output, f64([1, 2], 7, 3), float64Tolerance, "output");
    expectTensorClose(logSumExp, f64([1], Math.log(4)), float64Tolerance, "logSumExp");
  });

  it("scale defaults to 1/sqrt(E), and is applied before softcap, and that before bias", () => {
    const q = f64([1, 4], 2, 0, 0, 0);
    const k = f64([1, 4], 3, 0, 0, 0);
    const scores = (options: ReferenceAttentionOptions) =>
      scaledDotProductAttention(q, k, k, options).scores!.data[0]!;
    expect(scores({ returnScores: "scaled" })).toBe(3);
    expect(scores({ returnScores: "scaled", scale: 10 })).toBe(60);
    const all = { scale: 0.5, softcap: 2, bias: f32([1], 10), alibiSlopes: [1], queryOffset: 3 };
    expect(scores({ ...all, returnScores: "capped" })).toBeCloseTo(2 * Math.tanh(1.5), 14);
    expect(scores({ ...all, returnScores: "biased" })).toBeCloseTo(2 * Math.tanh(1.5) + 10 - 3, 14);
  });

  it("cosine and root-norm", () => {
    const q = f64([1, 2], 3, 4);
    const k = f64([2, 2], 0, 2, 0, 0);
    const scores = (options: ReferenceAttentionOptions) =>
      scaledDotProductAttention(q, k, k, { ...options, returnScores: "scaled" }).scores!.data;
    expectClose(scores({ similarity: "cosine" }), [0.8, 0], float64Tolerance, "cosine");
    expectClose(scores({ similarity: "cosine", scale: 5 }), [4, 0], float64Tolerance, "scaled cosine");
    expectClose(scores({ similarity: "root-norm" }), [8 / Math.sqrt(10), 0], float64Tolerance, "root-norm");
    const zero = scaledDotProductAttention(f64([1, 2], 0, 0), k, k, { similarity: "cosine" });
    expect([...zero.weights.data]).toEqual([0.5, 0.5]);
  });

  it("a sink takes its share and gives nothing", () => {
    const { output, logSumExp, weights } = scaledDotProductAttention(query, key, value, {
      sinks: [Math.log(4)],
    });
    expectClose(weights.data, [0.125, 0.375], float64Tolerance, "weights");
    expectClose(output.data, [3.5, 1.5], float64Tolerance, "output");
    expectClose(logSumExp.data, [Math.log(8)], float64Tolerance, "logSumExp");
  });

  it("a row with only a sink: logSumExp = sink, the rest 0", () => {
    const nothing = { kvLengths: [0], sinks: [2.5] };
    const { output, logSumExp, weights } = scaledDotProductAttention(query, key, value, nothing);
    expect([...output.data, ...weights.data]).toEqual([0, 0, 0, 0]);
    expect(logSumExp.data[0]).toBe(2.5);
  });

  it("two additive tensors are summed in float32 first", () => {
    const options: ReferenceAttentionOptions = {
      mask: f32([2], 2 ** 24, 0),
      bias: f32([2], 1, 0),
      returnScores: "biased",
    };
    const { scores } = scaledDotProductAttention(query, key, value, options);
    expect(scores!.data[0]).toBe(2 ** 24);
  });

  it("a boolean mask and a bias go together", () => {
    const options = { mask: bytes([1, 2], 0, 1), bias: f32([1, 2], 9, 1) };
    const { weights, logSumExp } = scaledDotProductAttention(query, key, value, options);
    expect([...weights.data]).toEqual([0, 1]);
    expect(logSumExp.data[0]).toBeCloseTo(Math.log(3) + 1, 14);
  });

  it("scores of 1e4 and more keep their softmax", () => {
    const far = f64([2, 1], 1e6, 1e6 + Math.log(3));
    const { weights, logSumExp } = scaledDotProductAttention(query, far, value);
    expectClose(weights.data, [0.25, 0.75], { absolute: 1e-9, relative: 0 }, "weights");
    expect(logSumExp.data[0]).toBeCloseTo(1e6 + Math.log(4), 8);
  });
});

/**
 * With queries of 0 all allowed keys weigh the same, so the weights show which keys a query sees: rows of
 * "1" (seen) and "." (not seen), queries separated by "/", batch entries by "|".
 */
function seen(B: number, L: number, S: number, options: ReferenceAttentionOptions): string {
  const { weights, output, logSumExp } = scaledDotProductAttention(
    f64([B, 1, L, 2], ...new Array(B * L * 2).fill(0)),
    uneven([B, 1, S, 2]),
    f64([B, 1, S, 1], ...new Array(B * S).fill(1)),
    options,
  );
  const rows = Array.from({ length: B * L }, (_, r) => Array.from(weights.data.subarray(r * S, (r + 1) * S)));
  rows.forEach((row, r) => {
    const count = row.filter((weight) => weight > 0).length;
    expectClose(
      row,
      row.map((weight) => (weight > 0 ? 1 / count : 0)),
      float64Tolerance,
      "weights",
    );
    expect(output.data[r]).toBeCloseTo(count > 0 ? 1 : 0, 12);
    expect(logSumExp.data[r]).toBeCloseTo(Math.log(count), 12);
  });
  const drawn = rows.map((row) => row.map((weight) => (weight > 0 ? "1" : ".")).join(""));
  return Array.from({ length: B }, (_, b) => drawn.slice(b * L, (b + 1) * L).join("/")).join("|");
}

describe("which keys a query sees", () => {
  const cases: [string, [B: number, L: number, S: number], ReferenceAttentionOptions, string][] = [
    ["all", [1, 2, 3], {}, "111/111"],
    ["causal", [1, 3, 3], { causal: true }, "1../11./111"],
    ["causal top-left, L < S", [1, 2, 4], { causal: "top-left" }, "1.../11.."],
    ["causal bottom-right, L < S", [1, 2, 4], { causal: "bottom-right" }, "111./1111"],
    ["causal bottom-right, L > S", [1, 3, 2], { causal: "bottom-right" }, "../1./11"],
    ["causal from an offset", [1, 2, 4], { causal: true, queryOffset: 1 }, "11../111."],
    ["an offset alone excludes nothing", [1, 1, 3], { queryOffset: -7 }, "111"],
    ["a number wins over bottom-right", [1, 2, 4], { causal: "bottom-right", queryOffset: 0 }, "1.../11.."],
    [
      "an offset per entry, one negative",
      [2, 2, 3],
      { causal: true, queryOffset: [1, -1] },
      "11./111|.../1..",
    ],
    ["lengths", [2, 1, 3], { kvLengths: [1, 3] }, "1..|111"],
    ["lengths as BigInt64Array", [2, 1, 3], { kvLengths: BigInt64Array.of(0n, 2n) }, "...|11."],
    ["lengths as a tensor", [2, 1, 3], { kvLengths: { data: Int32Array.of(2, 1), dims: [2] } }, "11.|1.."],
    [
      "bottom-right of the entry's keys",
      [2, 2, 4],
      { causal: "bottom-right", kvLengths: [3, 1] },
      "11../111.|..../1...",
    ],
    ["window", [1, 4, 4], { window: [1, 0] }, "1.../11../.11./..11"],
    ["window open to the left", [1, 3, 3], { window: [-1, 0] }, "1../11./111"],
    ["window open to the right", [1, 3, 3], { window: [0, -1] }, "111/.11/..1"],
    ["window of nothing but itself", [1, 3, 3], { window: [0, 0] }, "1../.1./..1"],
    ["window and causal", [1, 4, 4], { window: [1, 2], causal: true }, "1.../11../.11./..11"],
    ["window from bottom-right", [1, 2, 4], { window: [1, 0], queryOffset: "bottom-right" }, ".11./..11"],
    ["boolean mask", [1, 2, 3], { mask: bytes([2, 3], 1, 0, 1, 0, 0, 0) }, "1.1/..."],
    ["boolean mask by key and entry", [2, 2, 2], { mask: bytes([2, 1, 1, 2], 1, 0, 1, 1) }, "1./1.|11/11"],
    ["boolean mask by query", [1, 2, 2], { mask: bytes([2, 1], 0, 1) }, "../11"],
    ["mask of -infinity", [1, 2, 2], { mask: f32([2, 2], 0, -Infinity, -Infinity, -Infinity) }, "1./.."],
    ["float32's lowest beside 0", [1, 1, 2], { mask: f32([2], -3.4028235e38, 0) }, ".1"],
    ["no keys", [1, 2, 0], {}, "/"],
  ];
  for (const [name, [B, L, S], options, expected] of cases)
    it(name, () => expect(seen(B, L, S, options)).toBe(expected));

  it("rows of float32's lowest are uniform", () => {
    const { weights, output } = scaledDotProductAttention(uneven([2, 3]), uneven([4, 3]), uneven([4, 1]), {
      mask: f32([1], -3.4028234663852886e38),
    });
    expectClose(weights.data, new Array(8).fill(0.25), exactly, "weights");
    expect(output.data.every(Number.isFinite)).toBe(true);
  });

  it("excluded keys and values are never read", () => {
    const options: ReferenceAttentionOptions[] = [
      { kvLengths: [2] },
      { causal: true },
      { window: [-1, 0] },
      { mask: bytes([4], 1, 1, 0, 0) },
    ];
    const [query, clean] = [uneven([1, 1, 2, 3]), uneven([1, 1, 4, 3])];
    const poisoned = {
      ...clean,
      data: clean.data.map((x, i) => (i < 6 ? x : i % 2 ? Number.NaN : Infinity)),
    };
    for (const option of options) {
      const expected = scaledDotProductAttention(query, clean, clean, option);
      const actual = scaledDotProductAttention(query, poisoned, poisoned, option);
      expect(expected.output.data.every(Number.isFinite)).toBe(true);
      expect(actual).toEqual(expected);
    }
  });

  it("NaN propagates inside what is attended, and there only", () => {
    const key = f64([3, 1], 1, Number.NaN, 2);
    const { weights, logSumExp } = scaledDotProductAttention(f64([3, 1], 1, 1, 1), key, key, {
      causal: true,
    });
    expect([...weights.data]).toEqual([1, 0, 0, NaN, NaN, 0, NaN, NaN, NaN]);
    expect([...logSumExp.data]).toEqual([1, NaN, NaN]);
  });

  it("returned scores: every key's, or -infinity where excluded", () => {
    const [query, key] = [f64([2, 1], 1, 2), f64([2, 1], 3, 5)];
    const scores = (returnScores: "scaled" | "capped" | "biased") =>
      scaledDotProductAttention(query, key, key, { causal: true, returnScores }).scores;
    expect(scores("scaled")).toEqual(f64([2, 2], 3, 5, 6, 10));
    expect(scores("capped")).toEqual(f64([2, 2], 3, 5, 6, 10));
    expect(scores("biased")).toEqual(f64([2, 2], 3, -Infinity, 6, 10));
  });
});

describe("distances", () => {
  it("ALiBi measures from the query's position", () => {
    const [query, key] = [f64([1, 1], 0), f64([3, 1], 0, 0, 0)];
    const options: ReferenceAttentionOptions = { alibiSlopes: [0.5], queryOffset: 1, returnScores: "biased" };
    const { scores } = scaledDotProductAttention(query, key, key, options);
    expect(scores).toEqual(f64([1, 3], -0.5, 0, -0.5));
  });

  it("relative bias: a bucket per distance, the table by head", () => {
    // 4 buckets, one direction: distances 0, 1, 2 to 3, 4 and beyond; keys after the query are at distance 0.
    const table = f32([4, 2], 1, 10, 2, 20, 3, 30, 4, 40);
    const options: ReferenceAttentionOptions = {
      relativeBias: { table, bidirectional: false, maxDistance: 8 },
      queryOffset: 4,
      returnScores: "biased",
    };
    const zero = (shape: number[]) => f64(shape, ...new Array(size(shape)).fill(0));
    const { scores } = scaledDotProductAttention(zero([2, 1, 1]), zero([2, 6, 1]), zero([2, 6, 1]), options);
    expect(scores).toEqual(f64([2, 1, 6], 4, 3, 3, 2, 1, 1, 40, 30, 30, 20, 10, 10));
  });

  it("relative bias is bidirectional, up to a distance of 128, by default", () => {
    const zero = (length: number) => f64([length, 1], ...new Array(length).fill(0));
    const attend = (relativeBias: ReferenceAttentionOptions["relativeBias"]) =>
      scaledDotProductAttention(zero(40), zero(40), zero(40), { relativeBias });
    const table = uneven([32, 1]);
    const explicit = attend({ table, bidirectional: true, maxDistance: 128 });
    expect(attend({ table })).toEqual(explicit);
    expect(attend({ table, bidirectional: false })).not.toEqual(explicit);
    expect(attend({ table, maxDistance: 64 })).not.toEqual(explicit);
  });

  it("relative buckets by integers: the logarithm's floor is exact", () => {
    // exact * (maxDistance/exact)^(k/m) <= d is the same as maxDistance^k * exact^(m-k) <= d^m.
    const settings = [
      [32, true, 128],
      [32, false, 128],
      [16, true, 64],
      [64, false, 512],
    ] as const;
    for (const [buckets, bidirectional, maxDistance] of settings) {
      const side = bidirectional ? buckets / 2 : buckets;
      const exact = side / 2;
      const m = side - exact;
      for (let d = exact; d <= 2 * maxDistance; d++) {
        let k = 0;
        while (
          k + 1 < m &&
          BigInt(maxDistance) ** BigInt(k + 1) * BigInt(exact) ** BigInt(m - k - 1) <= BigInt(d) ** BigInt(m)
        )
          k++;
        expect([d, relativeBucket(-d, buckets, bidirectional, maxDistance)]).toEqual([d, exact + k]);
      }
    }
  });
});

describe("shapes", () => {
  const [B, H, K, L, S, E, V] = [2, 6, 2, 3, 5, 4, 7];
  const query = uneven([B, H, L, E], 1);
  const key = uneven([B, K, S, E], 2);
  const value = uneven([B, K, S, V], 3);
  const options: ReferenceAttentionOptions = {
    causal: "bottom-right",
    mask: uneven([H, L, S], 4),
    sinks: uneven([H], 5),
  };
  const whole = scaledDotProductAttention(query, key, value, options);

  it("sizes of the results", () => {
    expect(whole.output.shape).toEqual([B, H, L, V]);
    expect(whole.logSumExp.shape).toEqual([B, H, L]);
    expect(whole.weights.shape).toEqual([B, H, L, S]);
    expect(whole.scores).toBeUndefined();
  });

  it("grouped queries are repeated keys and values", () => {
    const each = Array.from({ length: H }, (_, h) => Math.floor(h / (H / K)));
    const repeated = (x: { data: Float32Array; shape: number[] }) => {
      const head = x.shape[2]! * x.shape[3]!;
      const heads = Array.from({ length: B }, (_, b) =>
        each.map((kv) => [...x.data.subarray((b * K + kv) * head, (b * K + kv + 1) * head)]),
      );
      return f32([B, H, x.shape[2]!, x.shape[3]!], ...heads.flat(2));
    };
    expect(scaledDotProductAttention(query, repeated(key), repeated(value), options)).toEqual(whole);
  });

  it('"BLHE" is the same with tokens before heads', () => {
    const swap = (x: { data: ArrayLike<number>; shape: readonly number[] }) => {
      const [n, a, b, c] = x.shape as [number, number, number, number];
      const at = (i: number) => {
        const [entry, j, h] = [
          Math.floor(i / (a * b * c)),
          Math.floor(i / (a * c)) % b,
          Math.floor(i / c) % a,
        ];
        return x.data[((entry * a + h) * b + j) * c + (i % c)]!;
      };
      return f64([n, b, a, c], ...Array.from({ length: n * a * b * c }, (_, i) => at(i)));
    };
    const blhe = scaledDotProductAttention(swap(query), swap(key), swap(value), {
      ...options,
      layout: "BLHE",
    });
    expect(blhe).toEqual({ ...whole, output: swap(whole.output) });
    // Without B, [L, H, E].
    const first = ({ data, shape }: ReferenceTensor) =>
      f64(shape.slice(1), ...data.subarray(0, data.length / B));
    const [q, k, v] = [swap(query), swap(key), swap(value)].map(first) as [
      ReferenceTensor,
      ReferenceTensor,
      ReferenceTensor,
    ];
    const single = scaledDotProductAttention(q, k, v, { ...options, layout: "BLHE" });
    expect(single.output).toEqual(first(swap(whole.output)));
  });

  it("rank 3 drops B, rank 2 drops H too, dims is shape", () => {
    const entry = (x: { data: Float32Array; shape: readonly number[] }, b: number) => {
      const length = x.data.length / B;
      return { data: x.data.subarray(b * length, (b + 1) * length), dims: x.shape.slice(1) };
    };
    const second = scaledDotProductAttention(entry(query, 1), entry(key, 1), entry(value, 1), options);
    expect(second.output).toEqual({ data: whole.output.data.slice(H * L * V), shape: [H, L, V] });
    expect(second.logSumExp).toEqual({ data: whole.logSumExp.data.slice(H * L), shape: [H, L] });
    expect(second.weights).toEqual({ data: whole.weights.data.slice(H * L * S), shape: [H, L, S] });
    const head = { data: query.data.subarray(0, L * E), shape: [L, E] };
    const kv = [
      f32([S, E], ...key.data.subarray(0, S * E)),
      f32([S, V], ...value.data.subarray(0, S * V)),
    ] as const;
    const one = scaledDotProductAttention(head, ...kv);
    expect([one.output.shape, one.logSumExp.shape, one.weights.shape]).toEqual([[L, V], [L], [L, S]]);
  });

  it("softmax and matmul, put together, give the same", () => {
    const x = uneven([B, H, S, E], 6);
    const [k, v] = [uneven([B, H, S, E], 7), uneven([B, H, S, V], 8)];
    const mask = bytes(
      [S, S],
      ...Array.from({ length: S * S }, (_, n) => (n % 3 === 1 && n % S !== 0 ? 0 : 1)),
    );
    const expected = scaledDotProductAttention(x, k, v, { mask, scale: 0.7 });
    const weights = softmax(matmul(x, k, { transposeB: true, scale: 0.7 }), { mask });
    expectTensorClose(weights, expected.weights, float64Tolerance, "weights");
    expectTensorClose(matmul(weights, v), expected.output, float64Tolerance, "output");
  });
});

describe("matmul", () => {
  const a = f64([2, 3], 1, 2, 3, 4, 5, 6);
  const b = f64([3, 2], 1, 0, 2, 1, 0, 3);

  it("by hand, with scale and bias", () => {
    expect(matmul(a, b)).toEqual(f64([2, 2], 5, 11, 14, 23));
    expect(matmul(a, b, { scale: 2, bias: f32([2], 1, -1) })).toEqual(f64([2, 2], 11, 21, 29, 45));
  });

  it("transposed operands", () => {
    expect(matmul(f64([3, 2], 1, 4, 2, 5, 3, 6), b, { transposeA: true })).toEqual(matmul(a, b));
    expect(matmul(a, f64([2, 3], 1, 2, 0, 0, 1, 3), { transposeB: true })).toEqual(matmul(a, b));
  });

  it("vectors lose their dimension", () => {
    const v = f64([3], 1, 2, 3);
    expect(matmul(v, v)).toEqual(f64([], 14));
    expect(matmul(v, v, { bias: f32([1], 1) })).toEqual(f64([], 15));
    expect(matmul(a, v)).toEqual(f64([2], 14, 32));
    expect(matmul(a, v, { bias: f32([2], 1, 2) })).toEqual(f64([2], 15, 34));
    expect(matmul(v, b)).toEqual(f64([2], 5, 11));
    expect(matmul(v, { data: new Float32Array(24), shape: [4, 3, 2] }).shape).toEqual([4, 2]);
  });

  it("batch dimensions broadcast", () => {
    const x = f64([2, 1, 1, 2], 1, 2, 3, 4);
    const y = f64([3, 2, 1], 1, 0, 0, 1, 1, 1);
    expect(matmul(x, y)).toEqual(f64([2, 3, 1, 1], 1, 2, 3, 3, 4, 7));
  });

  it("a sum over nothing is 0", () => {
    const product = matmul(
      { data: new Float32Array(0), shape: [2, 0] },
      { data: new Float32Array(0), shape: [0, 1] },
    );
    expect(product).toEqual(f64([2, 1], 0, 0));
  });

  it("refuses what does not fit", () => {
    expect(() => matmul(a, a)).toThrow(expect.objectContaining({ code: "ERR_SHAPE" }));
    expect(() => matmul(a, b, { bias: f32([3], 1, 2, 3) })).toThrow('"bias" expected shape [N=2], got [3]');
    const stacks = [new Float32Array(2), new Float32Array(3)] as const;
    expect(() =>
      matmul({ data: stacks[0], shape: [2, 1, 1] }, { data: stacks[1], shape: [3, 1, 1] }),
    ).toThrow(expect.objectContaining({ code: "ERR_SHAPE" }));
    expect(() => matmul(f64([], 1), a)).toThrow("scalar");
  });
});

describe("softmax", () => {
  const x = f64([2, 2], 0, Math.log(3), Math.log(2), 0);

  it("by hand, along either axis", () => {
    expectTensorClose(softmax(x), f64([2, 2], 1 / 4, 3 / 4, 2 / 3, 1 / 3), float64Tolerance, "axis -1");
    expectTensorClose(
      softmax(x, { axis: 0 }),
      f64([2, 2], 1 / 3, 3 / 4, 2 / 3, 1 / 4),
      float64Tolerance,
      "axis 0",
    );
    expect(softmax(x, { axis: -2 })).toEqual(softmax(x, { axis: 0 }));
  });

  it("scale, then additive mask", () => {
    const mask = f32([2], 0, 1);
    const expected = softmax(f64([2, 2], 0, 2 * Math.log(3) + 1, 2 * Math.log(2), 1));
    expectTensorClose(softmax(x, { scale: 2, mask }), expected, float64Tolerance, "softmax");
  });

  it("boolean mask, and a slice with nothing to keep", () => {
    const mask = bytes([2, 2], 0, 1, 0, 0);
    expect(softmax(x, { mask })).toEqual(f64([2, 2], 0, 1, 0, 0));
    expect(softmax(x, { mask, log: true })).toEqual(f64([2, 2], -Infinity, 0, -Infinity, -Infinity));
    expect(softmax(f32([2], -Infinity, -Infinity))).toEqual(f64([2], 0, 0));
  });

  it("its logarithm", () => {
    const expected = softmax(x).data.map(Math.log);
    expectClose(softmax(x, { log: true }).data, expected, float64Tolerance, "log");
    // Where exp underflows, the logarithm does not.
    expect(softmax(f64([2], 0, -2000), { log: true })).toEqual(f64([2], 0, -2000));
  });

  it("an empty axis, and axes that are none", () => {
    expect(softmax({ data: new Float32Array(0), shape: [2, 0] }).shape).toEqual([2, 0]);
    expect(() => softmax(x, { axis: 2 })).toThrow(expect.objectContaining({ code: "ERR_OPTION" }));
    expect(() => softmax(f64([], 1))).toThrow(expect.objectContaining({ code: "ERR_OPTION" }));
    expect(() => softmax(x, { mask: bytes([3], 1, 1, 1) })).toThrow(
      '"mask" expected a shape that broadcasts',
    );
  });
});

describe("multiHeadAttention", () => {
  const E = 6;
  const stateDict = {
    in_proj_weight: uneven([3 * E, E], 11),
    in_proj_bias: uneven([3 * E], 12),
    "out_proj.weight": uneven([E, E], 13),
    "out_proj.bias": uneven([E], 14),
  };
  const config = { numHeads: 2 };
  const query = uneven([2, 3, E], 15);
  const key = uneven([2, 4, E], 16);

  it("one head of identity projections is plain attention", () => {
    const identity = f64([2, 2], 1, 0, 0, 1);
    const dict = {
      q_proj_weight: identity,
      k_proj_weight: identity,
      v_proj_weight: identity,
      "out_proj.weight": identity,
    };
    const x = uneven([3, 2]);
    const { output, weights } = multiHeadAttention(dict, { numHeads: 1 }, x, undefined, undefined, {
      needWeights: true,
    });
    const expected = scaledDotProductAttention(x, x, x);
    expectTensorClose(output, expected.output, float64Tolerance, "output");
    expectTensorClose(weights!, expected.weights, float64Tolerance, "weights");
  });

  it("causal is the triangle of ones, for any L and S", () => {
    const triangle = bytes([3, 4], 1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0);
    const causal = multiHeadAttention(stateDict, config, query, key, key, {
      causal: true,
      needWeights: true,
    });
    const masked = multiHeadAttention(stateDict, config, query, key, key, {
      attnMask: triangle,
      needWeights: true,
    });
    expect(causal).toEqual(masked);
  });

  it("no mask covers bias_k and the zero key", () => {
    const dict = { ...stateDict, bias_k: uneven([1, 1, E], 17), bias_v: uneven([1, 1, E], 18) };
    const options = {
      needWeights: true,
      keyPaddingMask: bytes([2, 4], 1, 1, 1, 1, 0, 0, 0, 0),
      causal: true,
    };
    const zero = { ...config, addZeroAttn: true };
    const { weights } = multiHeadAttention(dict, zero, query, key, key, options);
    expect(weights!.shape).toEqual([2, 3, 6]);
    const drawn = Array.from(weights!.data, (weight) => (weight > 0 ? "1" : ".")).join("");
    expect(drawn.match(/.{6}/g)).toEqual(["1...11", "11..11", "111.11", "....11", "....11", "....11"]);
  });

  it("a padding mask is a mask over keys, boolean or additive; a value defaults to the key", () => {
    const keep = [1, 1, 0, 1, 1, 0, 0, 1];
    const spread = bytes([2, 1, 1, 4], ...keep);
    const additive = f32([2, 4], ...keep.map((one) => (one ? 0 : -Infinity)));
    const byAttention = multiHeadAttention(stateDict, config, query, key, key, { attnMask: spread });
    for (const keyPaddingMask of [bytes([2, 4], ...keep), additive])
      expect(multiHeadAttention(stateDict, config, query, key, undefined, { keyPaddingMask })).toEqual(
        byAttention,
      );
  });

  it("unbatched is a batch of one", () => {
    const one = { data: query.data.subarray(0, 3 * E), shape: [3, E] };
    const batch = { data: one.data, shape: [1, 3, E] };
    for (const averageWeights of [true, false]) {
      const options = { needWeights: true, averageWeights };
      const unbatched = multiHeadAttention(stateDict, config, one, undefined, undefined, {
        ...options,
        keyPaddingMask: bytes([3], 1, 0, 1),
      });
      const batched = multiHeadAttention(stateDict, config, batch, undefined, undefined, {
        ...options,
        keyPaddingMask: bytes([1, 3], 1, 0, 1),
      });
      expect(unbatched.output).toEqual({ ...batched.output, shape: [3, E] });
      expect(unbatched.weights).toEqual({ ...batched.weights, shape: averageWeights ? [3, 3] : [2, 3, 3] });
    }
  });

  it("refuses what does not fit", () => {
    const code = (expected: string) => expect.objectContaining({ code: expected });
    expect(() => multiHeadAttention(stateDict, { numHeads: 4 }, query)).toThrow(code("ERR_OPTION"));
    expect(() => multiHeadAttention({}, config, query)).toThrow('no "out_proj.weight"');
    expect(() => multiHeadAttention(stateDict, config, uneven([2, 3, 5]))).toThrow('"query" expected');
    expect(() => multiHeadAttention(stateDict, config, query, uneven([4, E]))).toThrow('"key" expected');
    expect(() => multiHeadAttention({ ...stateDict, bias_k: uneven([1, 1, E]) }, config, query)).toThrow(
      '"bias_v"',
    );
    const keyPaddingMask = bytes([3], 1, 1, 1);
    expect(() => multiHeadAttention(stateDict, config, query, query, query, { keyPaddingMask })).toThrow(
      '"keyPaddingMask" expected shape [B=2, S=3], got [3]',
    );
  });
});

describe("sinusoidalPositions", () => {
  it("by the paper's formula", () => {
    const expected = [0, 1, 0, 1, Math.sin(1), Math.cos(1), Math.sin(0.01), Math.cos(0.01)];
    expectTensorClose(sinusoidalPositions(2, 4), f64([2, 4], ...expected), float64Tolerance, "positions");
  });

  it("an odd size ends with a sine", () => {
    const expected = [0, 1, 0, Math.sin(1), Math.cos(1), Math.sin(10000 ** (-2 / 3))];
    expectTensorClose(sinusoidalPositions(2, 3), f64([2, 3], ...expected), float64Tolerance, "positions");
    expect(() => sinusoidalPositions(2.5, 4)).toThrow(expect.objectContaining({ code: "ERR_OPTION" }));
  });
});

describe("arguments that the attention refuses", () => {
  const [q, k, v] = [uneven([2, 4, 3, 8]), uneven([2, 2, 5, 8]), uneven([2, 2, 5, 6])];
  const attend = (options: object) => () => scaledDotProductAttention(q, k, v, options);
  const cases: [string, () => unknown, string, string][] = [
    ["a rank of 5", () => scaledDotProductAttention(uneven([1, 1, 1, 1, 1]), k, v), "ERR_SHAPE", '"query"'],
    ["ranks that differ", () => scaledDotProductAttention(q, uneven([2, 5, 8]), v), "ERR_SHAPE", '"key"'],
    [
      "E",
      () => scaledDotProductAttention(q, uneven([2, 2, 5, 4]), v),
      "ERR_SHAPE",
      '"key" expected shape [B=2, K, S, E=8], got [2, 2, 5, 4]',
    ],
    [
      "S",
      () => scaledDotProductAttention(q, k, uneven([2, 2, 4, 6])),
      "ERR_SHAPE",
      '"value" expected shape [B=2, K=2, S=5, V]',
    ],
    [
      "K that does not divide H",
      () => scaledDotProductAttention(q, uneven([2, 3, 5, 8]), uneven([2, 3, 5, 8])),
      "ERR_SHAPE",
      '"key" expected K heads',
    ],
    [
      "integers",
      () => scaledDotProductAttention({ data: new Int32Array(4), shape: [2, 2] } as never, k, v),
      "ERR_DTYPE",
      '"query"',
    ],
    ["a mask's shape", attend({ mask: bytes([4], 1, 1, 1, 1) }), "ERR_SHAPE", '"mask"'],
    ["a mask's type", attend({ mask: { data: new Float64Array(5), shape: [5] } }), "ERR_DTYPE", '"mask"'],
    ["a boolean bias", attend({ bias: bytes([1], 1) }), "ERR_DTYPE", '"bias"'],
    ["causal", attend({ causal: "left" }), "ERR_OPTION", '"causal"'],
    ["layout", attend({ layout: "BHEL" }), "ERR_OPTION", '"layout"'],
    ["similarity", attend({ similarity: "l2" }), "ERR_OPTION", '"similarity"'],
    ["returnScores", attend({ returnScores: true }), "ERR_OPTION", '"returnScores"'],
    ["scale", attend({ scale: Number.NaN }), "ERR_OPTION", '"scale"'],
    ["softcap", attend({ softcap: -1 }), "ERR_OPTION", '"softcap"'],
    ["window", attend({ window: [-2, 0] }), "ERR_OPTION", '"window"'],
    ["too few lengths", attend({ kvLengths: [5] }), "ERR_SHAPE", '"kvLengths"'],
    ["a length beyond S", attend({ kvLengths: [5, 6] }), "ERR_OPTION", '"kvLengths"'],
    ["a broken offset", attend({ queryOffset: 0.5 }), "ERR_OPTION", '"queryOffset"'],
    ["slopes of too few heads", attend({ alibiSlopes: [1, 1] }), "ERR_SHAPE", '"alibiSlopes"'],
    ["sinks of too few heads", attend({ sinks: [1] }), "ERR_SHAPE", '"sinks"'],
    [
      "a relative bias of other heads",
      attend({ relativeBias: { table: uneven([32, 2]) } }),
      "ERR_SHAPE",
      '"relativeBias.table"',
    ],
    ["cuSeqlens", attend({ cuSeqlens: {} }), "ERR_SHAPE", '"query" expected shape [total, H, E]'],
    ["blockMask", attend({ blockMask: {} }), "ERR_DTYPE", '"blockMask"'],
  ];
  for (const [name, call, code, message] of cases)
    it(name, () => {
      expect(call).toThrow(expect.objectContaining({ name: "AttentionError", code }));
      expect(call).toThrow(message);
    });
});

describe("the comparison itself fails where it should", () => {
  const tolerance = { absolute: 0.1, relative: 0 };
  const fails: [string, number[], number[], string][] = [
    [
      "beyond the tolerance, and names the worst",
      [1, 2.2, 3.5],
      [1, 2, 3],
      "2 of 3 elements are off; the worst is [2]",
    ],
    ["NaN", [NaN], [1], "got NaN"],
    ["NaN that was expected", [NaN], [NaN], "got NaN"],
    ["infinity for a number", [Infinity], [1e30], "got Infinity"],
    ["a number for infinity", [1e30], [Infinity], "expected Infinity"],
    ["the other infinity", [-Infinity], [Infinity], "got -Infinity"],
    ["another length", [1], [1, 2], "1 elements, expected 2"],
  ];
  for (const [name, actual, expected, message] of fails)
    it(name, () => expect(() => expectClose(actual, expected, tolerance, "x")).toThrow(message));

  it("passes within the tolerance, and for the same infinity", () => {
    expectClose([1.05, -Infinity], [1, -Infinity], tolerance, "x");
  });

  it("compares shapes, and gives the index by dimension", () => {
    const call = (actual: ReferenceTensor) => () =>
      expectTensorClose(actual, f64([2, 2], 1, 2, 3, 4), tolerance, "x");
    expect(call(f64([4], 1, 2, 3, 4))).toThrow("shape [4], expected [2, 2]");
    expect(call(f64([2, 2], 1, 2, 9, 4))).toThrow("[1, 0]: got 9, expected 3");
  });

  it("wants exactly what is defined where PyTorch has NaN", () => {
    const expected = f64([3], 1, NaN, NaN);
    expect(expectCloseOrDefined(f64([3], 1, 0, 0), expected, tolerance, "x")).toBe(2);
    expect(() => expectCloseOrDefined(f64([3], 1, 0, 1e-9), expected, tolerance, "x")).toThrow("[2]");
    expect(() => expectCloseOrDefined(f64([3], 1, NaN, 0), expected, tolerance, "x")).toThrow("got NaN");
  });
});
