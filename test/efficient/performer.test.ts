/** The Performer's attention against the same formula in float64, and against exact attention by its statistics. */
import { describe, expect, it } from "vitest";
import { scaledDotProductAttentionSync } from "wasm-attention";
import {
  orthogonalRandomFeatures,
  type PerformerOptions,
  performerAttentionSync,
} from "wasm-attention/efficient";
import * as reference from "wasm-attention/reference";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { attentionInputs, type Sizes } from "../support/attention-problem.ts";
import { forEachBackend, type What } from "../support/backends.ts";
import { expectSameOnAllEngines } from "../support/every-engine.ts";
import { changed, type FloatTensor } from "../support/random-tensors.ts";
import { expectClose } from "../support/tolerance.ts";
import { type Inputs, ofRank, performer, plainPerformer, tokensFirst } from "./calls.ts";

type Options = What<PerformerOptions>;

/** Sizes on either side of tiles of 60 rows, panels of 8 features and tiles of 256 values. */
const sizes: (Sizes & { m: number })[] = [
  { L: 1, S: 1, E: 1, m: 1 },
  { L: 7, S: 7, E: 3, V: 5, m: 7 },
  { L: 31, S: 31, E: 1, V: 1, m: 8 },
  { H: 3, L: 59, S: 61, E: 16, V: 33, m: 45 },
  { B: 2, H: 2, L: 61, S: 61, E: 20, V: 8, m: 16 },
  { L: 130, S: 600, E: 64, m: 100 },
];

function problem(size: Sizes & { m: number }, seed: number, causal: boolean) {
  const inputs = attentionInputs(size, seed);
  const features = orthogonalRandomFeatures(size.m, size.E, seed);
  const options: Options = { features, causal };
  const exact = reference.performerAttention(inputs.query, inputs.key, inputs.value, {
    features: { data: features.data, shape: features.shape },
    causal,
  }).output;
  const tolerance = plainTolerance(exact.data, plainPerformer(inputs, features, { causal }));
  return { name: JSON.stringify({ ...size, causal }), inputs, options, exact, tolerance };
}

const problems = sizes.map((size, seed) => problem(size, seed, false));
const causalSizes: (Sizes & { m: number })[] = [
  ...sizes.filter(({ L, S }) => L === S),
  { H: 2, L: 300, S: 300, E: 24, V: 17, m: 40 },
];
const causalProblems = causalSizes.map((size, seed) => problem(size, seed, true));

/** Only the rows before `end` of each matrix. */
function firstRows({ data, shape }: FloatTensor, end: number): Float32Array {
  const [length, width] = shape.slice(-2) as [number, number];
  return data.filter((_, n) => Math.floor(n / width) % length < end);
}

describe("performerAttention", () => {
  forEachBackend((backend) => {
    it.each(problems)("$name", async ({ inputs, options, exact, tolerance }) => {
      expectAccurate(await performer(backend, inputs, options), exact, tolerance, "output");
    });

    it.each(causalProblems)("$name", async ({ inputs, options, exact, tolerance }) => {
      expectAccurate(await performer(backend, inputs, options), exact, tolerance, "output");
    });

    it("causal: what comes later changes nothing, not a bit, however much it weighs", async () => {
      const { query, key, value } = attentionInputs({ H: 2, L: 270, S: 270, E: 12, V: 10 }, 7);
      const features = orthogonalRandomFeatures(30, 12, 2);
      const options: Options = { features, causal: true };
      const before = await performer(backend, { query, key, value }, options);
      const later = (x: FloatTensor, change: (y: number, n: number) => number) =>
        changed(x, (y, n) => (Math.floor(n / x.shape.at(-1)!) % 270 < 130 ? y : change(y, n)));
      // Along a direction keys get the largest weight there is; far out they get none.
      const along = later(key, (_, n) => 12 ** 0.25 * features.data[n % 12]!);
      const far = later(key, (y) => 1000 * y + 3);
      for (const keys of [along, far]) {
        const spoilt = { query, key: keys, value: later(value, (y) => 1e6 * y) };
        const after = await performer(backend, spoilt, options);
        expectSameBits(firstRows(after, 130), firstRows(before, 130), "output");
      }
    });

    it("causal: layouts, groups of heads, lengths, large scores", async () => {
      const { query, key, value } = attentionInputs({ B: 2, H: 4, K: 2, L: 37, S: 37, E: 6, V: 5 }, 3);
      const options = { features: { count: 20, seed: 4 }, causal: true, kvLengths: [20, 37] };
      const all = await performer(backend, { query, key, value }, options);
      const exact = reference.performerAttention(query, key, value, options).output;
      expectAccurate(all, exact, { absolute: 1e-5, relative: 0 }, "grouped");
      const beside = { query: tokensFirst(query), key: tokensFirst(key), value: tokensFirst(value) };
      const turned = await performer(backend, beside, { ...options, layout: "BLHE" });
      expectSameBits(turned.data, tokensFirst(all).data, "BLHE");

      const long = (x: FloatTensor) => changed(x, (y) => y * Math.sqrt(1e3));
      const { data } = await performer(backend, { query: long(query), key: long(key), value }, options);
      const large = reference.performerAttention(long(query), long(key), value, options).output;
      expectClose(data, large.data, { absolute: 3e-3, relative: 0 }, "large scores");
    });

    it("reads heads beside the tokens, ranks 2 and 3, groups of heads, lengths", async () => {
      const { query, key, value } = attentionInputs({ B: 2, H: 4, K: 2, L: 9, S: 37, E: 6, V: 5 }, 3);
      const features = { count: 20, seed: 4 };
      const all = await performer(backend, { query, key, value }, { features });
      const exact = reference.performerAttention(query, key, value, { features }).output;
      expectAccurate(all, exact, { absolute: 1e-5, relative: 0 }, "grouped");

      const beside = { query: tokensFirst(query), key: tokensFirst(key), value: tokensFirst(value) };
      const turned = await performer(backend, beside, { features, layout: "BLHE" });
      expect(turned.shape).toEqual([2, 9, 4, 5]);
      expectSameBits(turned.data, tokensFirst(all).data, "BLHE");

      const cut = (rank: number): Inputs => ({
        query: ofRank(query, rank),
        key: ofRank(key, rank),
        value: ofRank(value, rank),
      });
      for (const rank of [2, 3]) {
        const one = await performer(backend, cut(rank), { features });
        expectSameBits(one.data, all.data.slice(0, one.data.length), `rank ${rank}`);
      }
    });

    it("never reads keys past their entry's length", async () => {
      const { query, key, value } = attentionInputs({ B: 3, L: 5, S: 70, E: 8 }, 6);
      const lengths = [70, 61, 0];
      const features = { count: 24, seed: 1 };
      const spoil = (x: FloatTensor) =>
        changed(x, (y, n) => (Math.floor(n / 8) % 70 < lengths[Math.floor(n / 560)]! ? y : Number.NaN));
      const spoilt = { query, key: spoil(key), value: spoil(value) };
      const output = await performer(backend, spoilt, { features, kvLengths: lengths });
      const options = { features, kvLengths: lengths };
      const exact = reference.performerAttention(query, key, value, options).output;
      expectAccurate(output, exact, { absolute: 1e-5, relative: 0 }, "output");
      expect([...output.data.slice(-40)]).toEqual(new Array(40).fill(0));
      const whole = await performer(backend, { query, key, value }, { features });
      expectSameBits(output.data.slice(0, 40), whole.data.slice(0, 40), "the entry that has all its keys");
    });

    it.each([1e3, 1e6, 1e12])("scores of about %f neither overflow nor give NaN", async (score) => {
      const long = Math.sqrt(score);
      const { query, key, value } = attentionInputs({ H: 2, L: 20, S: 33, E: 16 }, 8);
      const inputs = { query: changed(query, (x) => x * long), key: changed(key, (x) => x * long), value };
      const options = { features: { count: 32, seed: 5 } };
      const { data } = await performer(backend, inputs, options);
      const largest = value.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expect(data.every((x) => Math.abs(x) <= largest * 1.00001)).toBe(true);
      if (score > 1e3) return;
      const exact = reference.performerAttention(inputs.query, inputs.key, value, options).output;
      expectClose(data, exact.data, { absolute: 3e-3, relative: 0 }, "output");
    });

    it("a NaN in a query stays in its row, one in a key goes everywhere", async () => {
      const { query, key, value } = attentionInputs({ L: 4, S: 6, E: 3 }, 9);
      const features = { count: 8 };
      const one = changed(query, (x, n) => (n === 4 ? Number.NaN : x));
      const { data } = await performer(backend, { query: one, key, value }, { features });
      expect(Array.from(data, Number.isNaN)).toEqual(Array.from(data, (_, n) => Math.floor(n / 3) === 1));
      const spoilt = changed(key, (x, n) => (n === 4 ? Number.NaN : x));
      const all = await performer(backend, { query, key: spoilt, value }, { features });
      expect(all.data.every(Number.isNaN)).toBe(true);
    });

    it("nothing to attend to, or nothing to return", async () => {
      const empty = await performer(backend, attentionInputs({ L: 3, S: 0, E: 4 }), {
        features: { count: 4 },
      });
      expect([...empty.data]).toEqual(new Array(12).fill(0));
      for (const size of [
        { L: 0, S: 3, E: 4 },
        { L: 3, S: 3, E: 4, V: 0 },
        { B: 0, L: 3, S: 3, E: 4 },
      ])
        expect(
          (await performer(backend, attentionInputs(size), { features: { count: 4 } })).data,
        ).toHaveLength(0);
      const flat = attentionInputs({ L: 1, S: 2, E: 0, V: 1 });
      const mean = (flat.value.data[0]! + flat.value.data[1]!) / 2;
      const { data } = await performer(backend, flat, { features: { count: 4 } });
      expectClose(data, [mean], { absolute: 1e-6, relative: 0 }, "heads of size 0");
    });
  });

  it("gives the same bits on any number of threads, called either way", async () => {
    const inputs = attentionInputs({ B: 2, H: 4, K: 2, L: 500, S: 500, E: 32 }, 12);
    for (const causal of [false, true])
      await expectSameOnAllEngines((backend) =>
        performer(backend, inputs, { features: { count: 64 }, causal }),
      );
  });

  it("draws features as orthogonalRandomFeatures does", () => {
    const { query, key, value } = attentionInputs({ L: 5, S: 6, E: 7 }, 1);
    const drawn = performerAttentionSync(query, key, value, { features: { count: 9, seed: 3 } }).output;
    const features = orthogonalRandomFeatures(9, 7, 3);
    const given = performerAttentionSync(query, key, value, { features }).output;
    expectSameBits(drawn.data, given.data, "output");
  });

  it("writes into out, and takes a scale", () => {
    const { query, key, value } = attentionInputs({ L: 5, S: 6, E: 16 }, 1);
    const features = orthogonalRandomFeatures(12, 16, 3);
    const out = { data: new Float32Array(5 * 16), shape: [1, 1, 5, 16] };
    const { output } = performerAttentionSync(query, key, value, { features, out });
    expect(output.data).toBe(out.data);
    const half = changed(query, (x) => x / 4);
    const scaled = performerAttentionSync(
      half,
      changed(key, (x) => x / 4),
      value,
      { features, scale: 4 },
    );
    expectClose(scaled.output.data, out.data, { absolute: 1e-5, relative: 0 }, "scale");
  });

  it("comes nearer to exact attention as 1/sqrt(m)", () => {
    const { query, key, value } = attentionInputs({ H: 4, L: 50, S: 50, E: 8 }, 21);
    const short = { query: changed(query, (x) => x / 2), key: changed(key, (x) => x / 2), value };
    const exact = scaledDotProductAttentionSync(short.query, short.key, value).output.data;
    const error = (count: number) => {
      let squares = 0;
      for (let seed = 0; seed < 12; seed++) {
        const features = orthogonalRandomFeatures(count, 8, seed);
        const { data } = performerAttentionSync(short.query, short.key, value, { features }).output;
        for (let i = 0; i < data.length; i++) squares += (data[i]! - exact[i]!) ** 2;
      }
      return Math.sqrt(squares / 12 / exact.length);
    };
    const errors = [64, 256, 1024, 4096].map(error);
    for (let n = 1; n < errors.length; n++) {
      expect(errors[n - 1]! / errors[n]!).toBeGreaterThan(1.7);
      expect(errors[n - 1]! / errors[n]!).toBeLessThan(2.3);
    }
    expect(errors.at(-1)).toBeLessThan(0.005);
  });
});
