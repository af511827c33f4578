/** Linformer's attention against float64, and against exact attention where the two are the same. */
import { describe, expect, it } from "vitest";
import { scaledDotProductAttentionSync } from "wasm-attention";
import { type LinformerOptions, poolingProjection, randomProjection } from "wasm-attention/efficient";
import * as reference from "wasm-attention/reference";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { attentionInputs, type Sizes } from "../support/attention-problem.ts";
import { forEachBackend, type What } from "../support/backends.ts";
import { expectSameOnAllEngines } from "../support/every-engine.ts";
import { type FloatTensor, normal } from "../support/random-tensors.ts";
import { type Inputs, linformer, ofRank, plainLinformer, tokensFirst } from "./calls.ts";

type Options = What<LinformerOptions>;

/** Sizes on either side of panels, blocks and tiles, with P above and below them. */
const sizes: (Sizes & { P: number })[] = [
  { L: 1, S: 1, E: 1, P: 1 },
  { L: 7, S: 5, E: 3, P: 9 },
  { H: 3, L: 31, S: 130, E: 16, V: 33, P: 61 },
  { B: 2, H: 2, L: 20, S: 400, E: 24, V: 8, P: 12 },
  { L: 40, S: 700, E: 64, P: 250 },
];

const problems = sizes.flatMap((size, seed) =>
  [false, true].map((perHead) => {
    const { H = 1, S, P } = size;
    const shape = perHead ? [H, P, S] : [P, S];
    const deviation = Math.sqrt(1 / S);
    const projections = [normal(shape, seed + 90, deviation), normal(shape, seed + 91, deviation)] as const;
    const inputs = attentionInputs(size, seed);
    const [keyProjection, valueProjection] = projections;
    const exact = reference.linformerAttention(inputs.query, inputs.key, inputs.value, {
      keyProjection,
      valueProjection,
    }).output;
    const tolerance = plainTolerance(exact.data, plainLinformer(inputs, projections));
    const name = `${JSON.stringify(size)}${perHead ? ", a projection for each head" : ""}`;
    return { name, inputs, options: { keyProjection, valueProjection } as Options, exact, tolerance };
  }),
);

describe("linformerAttention", () => {
  forEachBackend((backend) => {
    it.each(problems)("$name", async ({ inputs, options, exact, tolerance }) => {
      expectAccurate(await linformer(backend, inputs, options), exact, tolerance, "output");
    });

    it("is exact attention where the projection is the identity", async () => {
      const inputs = attentionInputs({ B: 2, H: 2, L: 30, S: 70, E: 16 }, 5);
      const identity = { data: new Float32Array(70 * 70), shape: [70, 70] };
      for (let j = 0; j < 70; j++) identity.data[j * 71] = 1;
      const { engine } = backend;
      const { query, key, value } = inputs;
      const { output } = scaledDotProductAttentionSync(query, key, value, { engine });
      expectSameBits(
        (await linformer(backend, inputs, { keyProjection: identity })).data,
        output.data,
        "output",
      );
    });

    it("reads heads beside the tokens, ranks 2 and 3, groups of heads", async () => {
      const { query, key, value } = attentionInputs({ B: 2, H: 4, K: 2, L: 9, S: 37, E: 6, V: 5 }, 3);
      const keyProjection = normal([2, 11, 37], 4, 0.1);
      const all = await linformer(backend, { query, key, value }, { keyProjection });
      const exact = reference.linformerAttention(query, key, value, { keyProjection }).output;
      expectAccurate(all, exact, { absolute: 1e-5, relative: 0 }, "grouped");

      const beside = { query: tokensFirst(query), key: tokensFirst(key), value: tokensFirst(value) };
      const options: Options = { keyProjection, layout: "BLHE" };
      const turned = await linformer(backend, beside, options);
      expect(turned.shape).toEqual([2, 9, 4, 5]);
      expectSameBits(turned.data, tokensFirst(all).data, "BLHE");

      const cut = (rank: number): Inputs => ({
        query: ofRank(query, rank),
        key: ofRank(key, rank),
        value: ofRank(value, rank),
      });
      const one = await linformer(backend, cut(3), { keyProjection });
      expectSameBits(one.data, all.data.slice(0, one.data.length), "rank 3");
      const shared = { data: keyProjection.data.slice(0, 11 * 37), shape: [11, 37] };
      const flat = await linformer(backend, cut(2), { keyProjection: shared });
      expectSameBits(flat.data, all.data.slice(0, flat.data.length), "rank 2");
    });

    it("keys and values of zeros are as good as absent", async () => {
      const { query, key, value } = attentionInputs({ L: 5, S: 20, E: 8 }, 2);
      const keyProjection = normal([6, 20], 3);
      const padded = (x: FloatTensor) => ({
        data: x.data.map((y, n) => (n < 15 * 8 ? y : 0)),
        shape: x.shape,
      });
      const cut = (x: FloatTensor) => ({ data: x.data.slice(0, 15 * 8), shape: [1, 1, 15, 8] });
      const short = {
        data: keyProjection.data.filter((_, n) => n % 20 < 15),
        shape: [6, 15],
      };
      const long = await linformer(
        backend,
        { query, key: padded(key), value: padded(value) },
        { keyProjection },
      );
      const absent = await linformer(
        backend,
        { query, key: cut(key), value: cut(value) },
        { keyProjection: short },
      );
      expectSameBits(long.data, absent.data, "output");
    });

    it("nothing to attend to gives zeros", async () => {
      const { query, key, value } = attentionInputs({ L: 3, S: 4, E: 2 });
      const keyProjection = { data: new Float32Array(0), shape: [0, 4] };
      expect([...(await linformer(backend, { query, key, value }, { keyProjection })).data]).toEqual(
        new Array(6).fill(0),
      );
    });
  });

  it("gives the same bits on any number of threads, called either way", async () => {
    const { inputs, options } = problems.at(-1)!;
    await expectSameOnAllEngines((backend) => linformer(backend, inputs, options));
  });
});

describe("projections", () => {
  it("random: mean 0, variance 1/P, the same numbers everywhere", () => {
    const { data, shape } = randomProjection(64, 500, 11);
    expect(shape).toEqual([64, 500]);
    const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
    const variance = data.reduce((sum, x) => sum + x * x, 0) / data.length;
    expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(1 / 64 / data.length));
    expect(Math.abs(64 * variance - 1)).toBeLessThan(4 * Math.sqrt(2 / data.length));
    expect([...randomProjection(2, 2, 0).data]).toMatchInlineSnapshot(`
      [
        -0.2992408573627472,
        -0.2223154902458191,
        0.06020277366042137,
        -0.630203127861023,
      ]
    `);
  });

  it("pooling: rows are means of neighbours, and columns belong to one row", () => {
    const { data } = poolingProjection(3, 7);
    const rows = [0, 1, 2].map((p) => [...data.subarray(7 * p, 7 * p + 7)]);
    const third = Math.fround(1 / 3);
    expect(rows).toEqual([
      [0.5, 0.5, 0, 0, 0, 0, 0],
      [0, 0, 0.5, 0.5, 0, 0, 0],
      [0, 0, 0, 0, third, third, third],
    ]);
  });
});
