/** What draws pictures: weights in bytes, cut edges, BertViz's form. */
import { describe, expect, it } from "vitest";
import { MultiHeadAttention, scaledDotProductAttentionSync, tensor } from "wasm-attention";
import { attentionMaps, bertViz, knockOutMask, quantizeWeights } from "wasm-attention/inspect";
import { scaledDotProductAttention } from "wasm-attention/reference";
import { attentionInputs } from "../support/attention-problem.ts";
import { forEachEngine } from "../support/backends.ts";
import { normal } from "../support/random-tensors.ts";

describe("attentionMaps", () => {
  const { query, key, value } = attentionInputs({ B: 2, H: 4, K: 2, L: 20, S: 70, E: 8 });
  const { weights } = scaledDotProductAttention(query, key, value, { causal: true, queryOffset: 30 });

  forEachEngine((_choice, engine) => {
    it.each(["row", "head"] as const)("is off by half a step of each %s at most", async (per) => {
      const options = { causal: true, queryOffset: 30, engine: engine(), per };
      const { maps, scales } = await attentionMaps(query, key, options);
      expect(maps.shape).toEqual([2, 4, 20, 70]);
      expect(scales.shape).toEqual(per === "row" ? [2, 4, 20] : [2, 4]);
      const size = maps.data.length / scales.data.length;
      scales.data.forEach((scale, n) => {
        const part = maps.data.subarray(n * size, (n + 1) * size);
        expect(Math.max(...part)).toBe(255);
        part.forEach((byte, j) => {
          const error = Math.abs(byte * scale - weights.data[n * size + j]!);
          // Beside the step, what the weights and the scale have lost by rounding.
          expect(error).toBeLessThanOrEqual(scale / 2 + 2 ** -20);
        });
      });
    });
  });

  it("has nothing where there is nothing", () => {
    const { maps, scales } = quantizeWeights(tensor([0, 0, Number.NaN, 0.5], [2, 2]));
    expect([...maps.data]).toEqual([0, 0, 0, 255]);
    expect([...scales.data]).toEqual([0, Math.fround(0.5 / 255)]);
    expect(quantizeWeights(tensor([], [2, 0])).maps.shape).toEqual([2, 0]);
  });

  it("refuses what does not fit", async () => {
    const options = { per: "column" as "row" };
    await expect(attentionMaps(query, key, options)).rejects.toThrow('"per" expected one of "row", "head"');
    await expect(attentionMaps(query, value.data as never)).rejects.toThrow('"key" expected a tensor');
    await expect(attentionMaps(query, key, { topK: 3 } as object)).rejects.toThrow(
      '"topK" is no option here',
    );
  });
});

describe("knockOutMask", () => {
  const sizes = { B: 2, H: 3, L: 4, S: 5 };

  it("cuts what is named, and no more", () => {
    const cut = (edges: Parameters<typeof knockOutMask>[0]) => {
      const { data, shape } = knockOutMask(edges, sizes);
      return { shape, cuts: [...data.keys()].filter((n) => data[n] === 0) };
    };
    expect(cut([])).toEqual({ shape: [4, 5], cuts: [] });
    expect(cut([{ query: 2, key: 1 }])).toEqual({ shape: [4, 5], cuts: [11] });
    expect(cut([{ key: 4 }, { query: 0 }])).toEqual({ shape: [4, 5], cuts: [0, 1, 2, 3, 4, 9, 14, 19] });
    expect(cut([{ query: 2, key: 1, head: 1 }])).toEqual({ shape: [3, 4, 5], cuts: [31] });
    expect(cut([{ query: 2, key: 1, entry: 1 }])).toEqual({ shape: [2, 3, 4, 5], cuts: [71, 91, 111] });
    expect(
      cut([
        { query: 2, key: 1, entry: 1, head: 2 },
        { query: 0, key: 0, head: 0 },
      ]),
    ).toEqual({
      shape: [2, 3, 4, 5],
      cuts: [0, 60, 111],
    });
  });

  it("makes a layer and an attention act as if the key were not there", () => {
    const layer = new MultiHeadAttention({ embedDim: 12, numHeads: 3, seed: 2 });
    const x = normal([2, 6, 12], 3);
    const attnMask = knockOutMask([{ query: 5, key: 2, head: 1 }], { H: 3, L: 6, S: 6 });
    const options = { needWeights: true, averageWeights: false };
    const [whole, cut] = [layer.forwardSync(x, options), layer.forwardSync(x, { ...options, attnMask })];
    for (const [n, weight] of cut.weights!.data.entries()) {
      const [row, head, j] = [Math.floor(n / 6) % 6, Math.floor(n / 36) % 3, n % 6];
      const before = whole.weights!.data[n]!;
      const lost = whole.weights!.data[n - j + 2]!;
      const expected = row !== 5 || head !== 1 ? before : j === 2 ? 0 : before / (1 - lost);
      expect(weight).toBeCloseTo(expected, 6);
    }
    const mask = knockOutMask([{ key: 5 }], { L: 6, S: 6 });
    const heads = { data: x.data, shape: [2, 6, 12] };
    const fewer = { data: x.data.slice(0, 5 * 12), shape: [1, 5, 12] };
    const first = { data: x.data.slice(0, 72), shape: [1, 6, 12] };
    const masked = scaledDotProductAttentionSync(heads, heads, heads, { mask }).output.data;
    const without = scaledDotProductAttentionSync(first, fewer, fewer).output.data;
    for (const [n, y] of without.entries()) expect(masked[n]).toBeCloseTo(y, 6);
  });

  it("refuses places that are not there", () => {
    expect(() => knockOutMask([{ query: 4 }], sizes)).toThrow(
      '"query" of an edge expected a whole number below 4',
    );
    expect(() => knockOutMask([], { L: 2 ** 31, S: 0 })).toThrow('"sizes" expected at most 1073741824');
    expect(() => knockOutMask({} as never, sizes)).toThrow('"edges" expected an array, got an object');
    expect(() => knockOutMask([], null as never)).toThrow('"sizes" expected an object, got null');
    expect(() => knockOutMask([null as never], sizes)).toThrow('"edges" expected an object, got null');
    expect(() => knockOutMask([{ row: 1 } as never], sizes)).toThrow('"row" is no option here');
    expect(() => knockOutMask([{ key: -1 }], sizes)).toThrow('"key" of an edge');
    expect(() => knockOutMask([{ key: 1, head: 1 }], { H: 1, L: 4, S: 5 })).toThrow('"head" of an edge');
    // With H taken for 1 these would cut all heads, or all entries.
    expect(() => knockOutMask([{ key: 1, head: 0 }], { L: 4, S: 5 })).toThrow(
      '"sizes.H" expected a whole number, as an edge names the head 0, got undefined',
    );
    expect(() => knockOutMask([{ key: 1, entry: 0 }], { L: 4, S: 5 })).toThrow('"sizes.B" expected');
    expect(knockOutMask([{ key: 1, entry: 0 }], { B: 2, L: 4, S: 5 }).shape).toEqual([2, 1, 4, 5]);
    expect(() => knockOutMask([{ head: 1 }], sizes)).toThrow("a query, a key or both");
  });
});

describe("bertViz", () => {
  const weights = (heads: number, L: number, S: number) =>
    tensor(
      Float32Array.from({ length: heads * L * S }, (_, n) => n / 7),
      [heads, L, S],
    );

  it("writes layers, heads, rows and columns, rounded", () => {
    const made = bertViz([{ layers: [weights(2, 2, 2), weights(2, 2, 2)], leftText: ["a", "b"] }], {
      digits: 2,
    });
    const layer = [
      [
        [0, 0.14],
        [0.29, 0.43],
      ],
      [
        [0.57, 0.71],
        [0.86, 1],
      ],
    ];
    expect(JSON.parse(JSON.stringify(made))).toEqual({
      attention: [{ name: null, attn: [layer, layer], left_text: ["a", "b"], right_text: ["a", "b"] }],
      default_filter: "0",
      root_div_id: "bertviz",
      display_mode: "light",
      layer: null,
      heads: null,
      include_layers: [0, 1],
      include_heads: [0, 1],
      total_heads: 2,
    });
  });

  it("takes encoder, decoder and what lies across", () => {
    const [from, to] = [
      ["x", "y", "z"],
      ["u", "v"],
    ];
    const made = bertViz([
      { name: "Encoder", layers: [weights(1, 3, 3)], leftText: from },
      { name: "Cross", layers: [tensor(weights(1, 2, 3).data, [1, 1, 2, 3])], leftText: to, rightText: from },
    ]);
    expect(made.attention.map(({ name }) => name)).toEqual(["Encoder", "Cross"]);
    expect(made.attention[1]!.attn).toEqual([
      [
        [
          [0, 0.1429, 0.2857],
          [0.4286, 0.5714, 0.7143],
        ],
      ],
    ]);
    expect(made.attention[1]!.right_text).toEqual(from);
  });

  it("refuses what BertViz could not draw", () => {
    const text = ["a", "b"];
    const refuse = (views: Parameters<typeof bertViz>[0], message: string) =>
      expect(() => bertViz(views)).toThrow(message);
    refuse([], '"views" expected at least one with a layer');
    refuse([{ layers: [], leftText: text }], '"views" expected at least one with a layer');
    refuse([{ layers: [weights(1, 2, 3)], leftText: text }], '"layers" expected shape [H, L=2, S=2]');
    refuse([{ layers: [weights(1, 2, 2), weights(2, 2, 2)], leftText: text }], "as many layers and heads");
    const hole = new Array(2 ** 32 - 1);
    refuse(hole, '"views" expected an object, got undefined');
    refuse(null as never, '"views" expected an array, got null');
    refuse([{ layers: [], leftText: text, righttext: text } as never], '"righttext" is no option here');
    refuse([{ layers: hole, leftText: text }], '"layers" expected a tensor { data, shape }, got undefined');
    refuse([{ layers: 3 as never, leftText: text }], '"layers" expected an array, got 3');
    refuse([{ layers: [], leftText: hole }], '"leftText" expected at most 65535 strings, got 4294967295');
    refuse([{ layers: [], leftText: ["a", 1 as never] }], '"leftText" expected strings, got 1 in place 1');
    refuse([{ layers: [], leftText: text, rightText: "ab" as never }], '"rightText" expected an array');
    refuse([{ layers: [], leftText: text, name: 3 as never }], '"name" expected a string, got 3');
  });

  it("refuses options that it does not know", () => {
    const views = [{ layers: [weights(1, 2, 2)], leftText: ["a", "b"] }];
    const refuse = (options: object | null, message: string) =>
      expect(() => bertViz(views, options as never)).toThrow(message);
    refuse({ digits: 12 }, '"digits" expected at most 9, got 12');
    refuse({ digits: 0 }, '"digits" expected a whole number of at least 1, got 0');
    refuse({ rootDivId: 1 }, '"rootDivId" expected a string, got 1');
    refuse({ displayMode: "sepia" }, '"displayMode" expected one of "light", "dark", got "sepia"');
    refuse({ digit: 3 }, '"digit" is no option here (did you mean "digits"?)');
    refuse(null, '"options" expected an object, got null');
  });
});
