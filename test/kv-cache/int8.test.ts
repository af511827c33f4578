/**
 * Up to 4 queries a key/value head are rounded to int16 beside an int8 cache, each with the unit max |q| / 32767, and their
 * products with stored keys are exact integers. So such attention is plain attention of rounded queries over rounded tokens,
 * but for float32's own rounding. That holds for head sizes that are multiples of 8 up to 512; others are widened.
 */
import { describe, expect, it } from "vitest";
import { KVCache } from "wasm-attention";
import { scaledDotProductAttention as exactAttention } from "wasm-attention/reference";
import { expectAccurate, plainTolerance } from "../support/accuracy.ts";
import { type AttentionWhat, attentionInputs, type Sizes } from "../support/attention-problem.ts";
import { forEachBackend } from "../support/backends.ts";
import { plainAttention } from "../support/plain-float32.ts";
import { changed, type FloatTensor } from "../support/random-tensors.ts";
import { append, attend, cacheOf } from "./problem.ts";
import { rounded, roundedQueries } from "./rounding.ts";

const { abs, fround, max } = Math;

const sizes: Sizes[] = [
  { H: 1, L: 1, S: 130, E: 64, V: 64 },
  { H: 2, K: 1, L: 1, S: 61, E: 8, V: 40 },
  { B: 2, H: 6, K: 2, L: 1, S: 75, E: 128, V: 24 },
  { H: 2, K: 1, L: 2, S: 59, E: 16, V: 8 },
  { B: 2, H: 2, L: 4, S: 121, E: 40, V: 128 },
  { H: 1, L: 3, S: 1500, E: 24, V: 16 },
  { H: 1, L: 1, S: 64, E: 512, V: 8 },
];
const options: AttentionWhat[] = [
  { causal: true },
  { window: [40, 0], alibiSlopes: [0.5, 0.25] },
  { softcap: 2, sinks: [1, -1] },
];

describe("few queries beside an int8 cache", () => {
  const problems = sizes.map((size, i) => {
    const { query, key, value } = attentionInputs(size, i);
    return { name: Object.entries(size).flat().join(" "), query, key, value };
  });
  forEachBackend((backend) => {
    it.each(problems)("$name: integers, exactly", async ({ query, key, value }) => {
      using cache = cacheOf(backend.engine, key, value, { dtype: "int8" });
      const rows = [roundedQueries(query), rounded("int8", key), rounded("int8", value)] as const;
      const S = key.shape[2]!;
      for (const option of [{}, ...(query.shape[1] === 2 ? options : options.slice(0, 1))]) {
        const actual = await attend(backend, query, cache, { ...option, returnWeights: true });
        const what = { ...option, queryOffset: S - query.shape[2]! };
        const exact = exactAttention(...rows, what);
        const plain = plainAttention(...rows, what);
        expectAccurate(
          actual.output,
          exact.output,
          plainTolerance(exact.output.data, plain.output),
          "output",
        );
        expectAccurate(actual.weights!, exact.weights, { absolute: 1e-6, relative: 1e-5 }, "weights");
      }
    });

    it("the same with weights and without", async () => {
      const { query, key, value } = problems[2]!;
      using cache = cacheOf(backend.engine, key, value, { dtype: "int8" });
      const bare = await attend(backend, query, cache);
      const full = await attend(backend, query, cache, { returnWeights: true });
      expect(full.output.data).toEqual(bare.output.data);
    });

    it("deeper than int32 sums reach: widened instead", async () => {
      const { query, key, value } = attentionInputs({ L: 1, S: 50, E: 520, V: 8 });
      using cache = cacheOf(backend.engine, key, value, { dtype: "int8" });
      const { output } = await attend(backend, query, cache);
      const stored = [rounded("int8", key), rounded("int8", value)] as const;
      const plain = await backend.scaledDotProductAttention(query, ...stored);
      expect(output.data).toEqual(plain.output.data);
    });

    it("largest numbers everywhere: no sum overflows", async () => {
      const { query, key, value } = attentionInputs({ L: 1, S: 3, E: 512, V: 8 });
      const ones = { data: query.data.map(() => 1e35), shape: query.shape };
      const tokens = { data: key.data.map((_, n) => (n < 512 ? 1 : -1)), shape: key.shape };
      using cache = cacheOf(backend.engine, tokens, value, { dtype: "int8" });
      const { weights } = await attend(backend, ones, cache, { scale: 2e-38, returnWeights: true });
      const score = 512 * 1e35 * 2e-38;
      const expected = Math.exp(score) / (Math.exp(score) + 2 * Math.exp(-score));
      expect(weights!.data[0]).toBeCloseTo(expected, 4);
    });

    it("queries of zeros, or with a NaN", async () => {
      const { query, key, value } = attentionInputs({ L: 2, S: 7, E: 8, V: 8 });
      using cache = cacheOf(backend.engine, key, value, { dtype: "int8" });
      const odd = changed(query, (x, n) => (n === 3 ? Number.NaN : n >= 8 ? 0 : x));
      const { output, weights } = await attend(backend, odd, cache, { returnWeights: true });
      expect(output.data.subarray(0, 8).every(Number.isNaN)).toBe(true);
      expect(weights!.data.subarray(7)).toEqual(new Float32Array(7).fill(fround(1 / 7)));
      expect(output.data.subarray(8).some(Number.isNaN)).toBe(false);
    });

    it("a token that is not finite reaches those who attend to it, and no others", async () => {
      const { query, key, value } = attentionInputs({ L: 3, S: 70, E: 16, V: 8 });
      const dirty = (x: FloatTensor, size: number) =>
        changed(x, (y, n) => (n === 68 * size + 1 ? Infinity : y));
      for (const [k, v] of [
        [dirty(key, 16), value],
        [key, dirty(value, 8)],
      ] as const) {
        using cache = new KVCache({
          batch: 1,
          kvHeads: 1,
          headDim: 16,
          valueDim: 8,
          maxLength: 100,
          dtype: "int8",
          engine: backend.engine,
        });
        await append(cache, backend, k, v);
        const { output } = await attend(backend, query, cache, { causal: true });
        expect(output.data.subarray(0, 8).some(Number.isNaN)).toBe(false);
        expect(output.data.subarray(8).some(Number.isNaN)).toBe(true);
      }
    });

    it.each(["key", "value"] as const)(
      "a %s that is not finite and excluded changes no other block",
      async (dirty) => {
        const { query, key, value } = attentionInputs({ L: 2, S: 190, E: 16, V: 8 });
        const excluded = 70;
        const inputs = { key, value };
        const size = inputs[dirty].shape[3]!;
        inputs[dirty] = changed(inputs[dirty], (x, n) => (n === excluded * size ? Number.NaN : x));
        using cache = cacheOf(backend.engine, inputs.key, inputs.value, { dtype: "int8" });
        const mask = {
          data: Uint8Array.from({ length: 190 }, (_, j) => Number(j !== excluded)),
          shape: [190],
        };
        const { output, weights } = await attend(backend, query, cache, { mask, returnWeights: true });
        const stored = [rounded("int8", key), rounded("int8", value)] as const;
        const exact = exactAttention(query, ...stored, { mask });
        // A rounded query moves a score by so much at most, and a weight by twice that share of it.
        const largest = (x: FloatTensor) => x.data.reduce((most, y) => max(most, abs(y)), 0);
        const sum = 16 * largest(key);
        const moved = (2 * 0.25 * sum * largest(query)) / 65534;
        expectAccurate(output, exact.output, { absolute: moved * largest(value), relative: 0 }, "output");
        expectAccurate(weights!, exact.weights, { absolute: 0, relative: moved }, "weights");
      },
    );
  });
});
