/**
 * What bfloat16 and int8 store: exactly the rounding that is defined, told here in float64 and in bits, so that attention
 * over such a cache is, to the last bit, plain attention over rounded keys and values. And how far that is at most from
 * attention over the tokens themselves:
 *
 * Rounding moves element e of key j by at most err(k_je), so score j moves by at most
 *   delta = |scale| max_j sum_e |q_e| err(k_je).
 * The weights become w'_j = w_j e^(t_j) / sum_i w_i e^(t_i) with |t_j| <= delta. The weight a of a set of keys becomes at most
 * a r / (1 + a (r - 1)) with r = e^(2 delta), where all t are delta inside the set and -delta outside. This gains most where
 * its derivative in a is 1, at 1 + a (r - 1) = sqrt(r), and there it gains
 *   a (sqrt(r) - 1) = (e^delta - 1) / (e^delta + 1) = tanh(delta / 2).
 * No set gains more, and so the sum of what weights gain, which is the sum of what the others lose, is at most that. Column c
 * of the output, sum_j w'_j v'_jc, is then off by at most
 *   tanh(delta / 2) (max_j v_jc - min_j v_jc) + max_j err(v_jc).
 * err is 2^-8 |x| for bfloat16 (half a unit in the last of 8 bits), and max_e |x_e| / 254 for int8 (half a step of
 * max / 127); the scale, the quotient and the product of int8 are rounded to float32 besides, which is less than 2^-10 of it.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CacheType, KVCache } from "wasm-attention";
import { scaledDotProductAttention as exactAttention } from "wasm-attention/reference";
import { expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { type AttentionWhat, attentionInputs, type Sizes } from "../support/attention-problem.ts";
import { forEachBackend } from "../support/backends.ts";
import { plainAttention } from "../support/plain-float32.ts";
import { bytes, changed, type FloatTensor, generator, normal } from "../support/random-tensors.ts";
import { append, attend, cacheOf, expectAllBytes, pageBytes, tokensOf } from "./problem.ts";
import { rounded } from "./rounding.ts";

const { abs, max } = Math;
type Narrow = Exclude<CacheType, "float32">;
const narrow: readonly Narrow[] = ["bfloat16", "int8"];

const bits = (...words: number[]) => Array.from(new Float32Array(Uint32Array.from(words).buffer));

/** Rows of 8 that bite. */
const rows: Record<string, number[]> = {
  "ties go to even": [
    1 + 2 ** -8,
    1 + 3 * 2 ** -8,
    1 + 2 ** -8 + 2 ** -20,
    1 + 3 * 2 ** -8 - 2 ** -20,
    -1 - 2 ** -8,
    3,
    -5,
    7,
  ],
  "halves of a step": [127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5],
  "largest negative": [-127, 126.4, -126.6, 63.5, -63.5, 64.5, 0, 1],
  zeros: [0, -0, 0, 0, 0, -0, 0, 0],
  "one NaN": [1, 2, Number.NaN, 4, 5, 6, 7, 8],
  "NaN in the last place": [1, 2, 3, 4, 5, 6, 7, Number.NaN],
  "NaN whose upper bits alone are infinity": [
    1,
    2,
    3,
    ...bits(0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff),
    8,
  ],
  infinities: [1, Infinity, -Infinity, 4, 5, 6, 7, 8],
  "beyond the largest": [
    3.4028234663852886e38,
    -3.4028234663852886e38,
    ...bits(0x7f7f8000, 0x7f7f7fff, 0xff7f8000),
    1,
    2,
    3,
  ],
  subnormal: bits(1, 0x8000, 0x8001, 0x18000, 0x7fffff, 0x80008000, 0x80018000, 0x00800000),
  "too small for int8": [9e-31, -8e-31, 1e-32, 0, 0, 0, 0, 0],
  "just large enough": [1.0000001e-30, -8e-31, 1e-32, 0, 0, 0, 0, 0],
  "an outlier": [1000, 0.001, -0.002, 3.9, -3.95, 4.1, 3.937007874, 11.811],
};
const hard: FloatTensor = {
  data: Float32Array.from(Object.values(rows).flat()),
  shape: [1, 1, Object.keys(rows).length, 8],
};
const N = hard.shape[2]!;

/** Every value as it is stored: a query that sees one key alone, with a score of 0 and so a weight of exactly 1. */
const alone: AttentionWhat = { window: [0, 0], scale: 0 };

describe.each(narrow)("%s stores", (dtype) => {
  const expected = rounded(dtype, hard);

  forEachBackend((backend) => {
    it("values by the rounding that is defined; one that is not finite spoils its own row alone", async () => {
      const keys = normal([1, 1, N, 8], 4);
      using cache = cacheOf(backend.engine, keys, hard, { dtype });
      const { output } = await attend(backend, normal([1, 1, N, 8], 1), cache, alone);
      expectSameBits(
        output.data,
        expected.data.map((x) => x + 0),
        "values",
      );
    });

    it("keys by the same rounding", async () => {
      using cache = cacheOf(backend.engine, hard, normal([1, 1, N, 8], 4), { dtype });
      // Eight heads, of which each looks at one number: 0 times the others, which spoils rows that are not finite.
      const query = {
        data: Float32Array.from({ length: 64 }, (_, n) => (n % 9 === 0 ? 1 : 0)),
        shape: [1, 8, 1, 8],
      };
      const { scores } = await attend(backend, query, cache, { scale: 1, returnScores: "scaled" });
      const read = Float32Array.from(
        { length: N * 8 },
        (_, n) => scores!.data[(n % 8) * N + Math.floor(n / 8)]!,
      );
      const product = expected.data.map((x, n) => {
        const row = expected.data.subarray(n - (n % 8), n - (n % 8) + 8);
        return row.every(Number.isFinite)
          ? x + 0
          : row.filter((y) => !Number.isFinite(y)).length === 1 && abs(x) === Infinity
            ? x
            : Number.NaN;
      });
      expectSameBits(read, product, "keys");
    });
  });
});

type Size = Required<Omit<Sizes, "S">>;
const sizes: Size[] = [
  { B: 2, H: 4, K: 2, L: 75, E: 16, V: 16 },
  { B: 1, H: 1, K: 1, L: 63, E: 1, V: 3 },
  { B: 2, H: 2, K: 1, L: 62, E: 3, V: 33 },
  { B: 1, H: 2, K: 2, L: 61, E: 33, V: 1 },
  { B: 1, H: 2, K: 2, L: 61, E: 40, V: 111 },
  { B: 1, H: 3, K: 1, L: 61, E: 111, V: 40 },
];
const options: AttentionWhat[] = [
  { causal: true },
  { window: [12, 0], sinks: [1, 2, 3, 4] },
  { causal: true, similarity: "cosine", softcap: 3 },
  { similarity: "root-norm", alibiSlopes: [0.5, 0.25, 0.1, 0.01] },
  { mask: bytes([75], 1), causal: true },
];

describe.each(narrow)("%s: attention over what is stored", (dtype) => {
  const drawn = sizes.map((size, i) => {
    const { query, key, value } = attentionInputs({ ...size, S: size.L }, i, i % 2 ? "BLHE" : "BHLE");
    return { size, layout: i % 2 ? ("BLHE" as const) : ("BHLE" as const), query, key, value };
  });
  const stored = drawn.map(({ key, value }) => [rounded(dtype, key), rounded(dtype, value)] as const);

  forEachBackend((backend) => {
    it.each(
      drawn.map((problem, i) => ({ ...problem, i, name: `E = ${problem.size.E}, V = ${problem.size.V}` })),
    )("$name: bit for bit", async ({ size: { B, K, L, E, V }, layout, query, key, value, i }) => {
      const made = { batch: B, kvHeads: K, headDim: E, valueDim: V, dtype, maxLength: L };
      using cache = new KVCache({ ...made, engine: backend.engine });
      let from = 0;
      for (const to of [1, 59, L]) {
        const part = (x: FloatTensor) => tokensOf(x, from, to, layout);
        await append(cache, backend, part(key), part(value), { layout });
        from = to;
      }
      expect(cache.byteLength).toBe(B * 2 * pageBytes(made));
      expectAllBytes(backend.engine, [cache]);
      for (const option of i === 0 ? options : options.slice(0, 1)) {
        const what = { ...option, layout, returnLogSumExp: true, returnWeights: true };
        const actual = await attend(backend, query, cache, { ...what, returnScores: "biased" });
        const plain = await backend.scaledDotProductAttention(query, ...stored[i]!, {
          ...what,
          returnScores: "biased",
        });
        for (const name of ["output", "logSumExp", "weights"] as const)
          expectSameBits(actual[name]!.data, plain[name]!.data, name);
        expectSameBits(actual.scores!.data, (plain as typeof actual).scores!.data, "scores");
      }
    });
  });
});

/** What a number may move by. */
function errors(dtype: Narrow, { data, shape }: FloatTensor): Float64Array {
  const size = shape.at(-1)!;
  return Float64Array.from(data, (x, n) => {
    const row = data.subarray(n - (n % size), n - (n % size) + size);
    return (
      (1 + 2 ** -10) *
      (dtype === "bfloat16" ? 2 ** -8 * abs(x) : row.reduce((most, y) => max(most, abs(y)), 0) / 254)
    );
  });
}

/** The bound of the header, for one head: `[L, V]`. */
function bound(dtype: Narrow, query: FloatTensor, key: FloatTensor, value: FloatTensor): Float64Array {
  const [L, E, S, V] = [query.shape[2]!, query.shape[3]!, key.shape[2]!, value.shape[3]!];
  const [keyErrors, valueErrors] = [errors(dtype, key), errors(dtype, value)];
  const most = new Float64Array(L * V);
  for (let i = 0; i < L; i++) {
    let delta = 0;
    for (let j = 0; j < S; j++) {
      let moved = 0;
      for (let e = 0; e < E; e++) moved += abs(query.data[i * E + e]!) * keyErrors[j * E + e]!;
      delta = max(delta, moved / Math.sqrt(E));
    }
    for (let c = 0; c < V; c++) {
      const column = Array.from({ length: S }, (_, j) => value.data[j * V + c]!);
      const error = max(...column.map((_, j) => valueErrors[j * V + c]!));
      most[i * V + c] = Math.tanh(delta / 2) * (max(...column) - Math.min(...column)) + error;
    }
  }
  return most;
}

/** Numbers as models have them, and as they should not be. */
const kinds: Record<string, (x: FloatTensor, seed: number) => FloatTensor> = {
  normal: (x) => x,
  large: (x) => changed(x, (y) => 30 * y),
  tiny: (x) => changed(x, (y) => 1e-12 * y),
  "one outlier a row": (x) => changed(x, (y, n) => (n % x.shape.at(-1)! === 0 ? 20 * y : y)),
  // Just beside what can be stored: every number moves by nearly half a step.
  "worst for bfloat16": (x, seed) => {
    const next = generator(seed);
    return changed(x, (y) => Math.sign(y) * (1 + (Math.floor(next() * 64) + 0.499) * 2 ** -7));
  },
  "worst for int8": (x, seed) => {
    const next = generator(seed);
    return changed(
      x,
      (_, n) => (n % x.shape.at(-1)! === 0 ? 127 : Math.floor(next() * 200) - 100 + 0.499) / 50,
    );
  },
  "signs alone": (x) => changed(x, Math.sign),
};

describe.each(narrow)("%s: never further from the tokens' own attention than the bound", (dtype) => {
  forEachBackend((backend) => {
    const draw = fc.record({
      L: fc.integer({ min: 1, max: 9 }),
      S: fc.integer({ min: 1, max: 130 }),
      E: fc.integer({ min: 1, max: 40 }),
      V: fc.integer({ min: 1, max: 20 }),
      seed: fc.integer({ min: 0, max: 1e6 }),
      keys: fc.constantFrom(...Object.keys(kinds)),
      values: fc.constantFrom(...Object.keys(kinds)),
    });
    it("for any draw", () =>
      fc.assert(
        fc.asyncProperty(draw, async ({ seed, keys, values, ...size }) => {
          const { query, ...plain } = attentionInputs(size, seed);
          const [key, value] = [kinds[keys]!(plain.key, seed), kinds[values]!(plain.value, seed + 1)];
          using cache = cacheOf(backend.engine, key, value, { dtype });
          const { output } = await attend(backend, query, cache);
          const exact = exactAttention(query, key, value).output.data;
          const [storedKey, storedValue] = [rounded(dtype, key), rounded(dtype, value)];
          const { output: careful } = plainAttention(query, storedKey, storedValue);
          const arithmetic = plainTolerance(
            exactAttention(query, storedKey, storedValue).output.data,
            careful,
          ).absolute;
          bound(dtype, query, key, value).forEach((most, n) => {
            expect(abs(output.data[n]! - exact[n]!), `element ${n}`).toBeLessThanOrEqual(most + arithmetic);
          });
        }),
        { numRuns: 30 },
      ));
  });
});
