/** Calls with `out` that are made over and over on the same tensors: planned once, and never taken for another. */
import { describe, expect, it } from "vitest";
import { type AttentionOptions, createEngine, type Engine, type Tensor, tensor } from "wasm-attention";
import { expectSameBits } from "../support/accuracy.ts";
import { forEachEngine } from "../support/backends.ts";
import { normal } from "../support/random-tensors.ts";

const shape = [2, 2, 7, 8];

describe("a repeated call", () => {
  forEachEngine((_, engine) => {
    const filled = (seed: number, sizes: readonly number[] = shape) => {
      const made = engine().tensor(sizes);
      made.data.set(normal(sizes, seed).data);
      return made;
    };
    const copy = ({ data, shape: sizes }: Tensor) => tensor(data.slice(), sizes);

    /** What plain arrays and no `out` give: planned anew, each time. */
    const anew = (on: Engine, query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions = {}) =>
      on.scaledDotProductAttentionSync(copy(query), copy(key), copy(value), { ...options, out: undefined })
        .output.data;

    it("reads the data of each time", () => {
      using query = filled(1);
      using key = filled(2);
      using out = engine().tensor(shape);
      for (let seed = 3; seed < 8; seed++) {
        query.data.set(normal(shape, seed).data);
        const { output } = engine().scaledDotProductAttentionSync(query, key, key, { out });
        expect(output).toBe(out);
        expectSameBits(out.data, anew(engine(), query, key, key), "output");
      }
    });

    it("is another one with another tensor or another option", () => {
      using a = filled(1);
      using b = filled(2);
      using out = engine().tensor(shape);
      using other = engine().tensor(shape);
      const variants: AttentionOptions[] = [
        {},
        { causal: true },
        { causal: "bottom-right" },
        { scale: 0.5 },
        { softcap: 2 },
        { similarity: "cosine" },
        { queryOffset: -2, causal: true },
        { layout: "BLHE" },
        { window: [1, 1] },
        { kvLengths: [3, 6] },
        { mask: tensor(Uint8Array.of(1, 0, 1, 1, 0, 1, 1), [7]) },
        { sinks: [1, 2] },
      ];
      // Twice, so that each has been remembered, and some have been forgotten.
      for (let round = 0; round < 2; round++) {
        for (const options of variants) {
          for (const [query, key, value] of [
            [a, b, b],
            [b, a, b],
            [a, a, b],
          ] as const) {
            for (const target of [out, other]) {
              engine().scaledDotProductAttentionSync(query, key, value, { ...options, out: target });
              expectSameBits(target.data, anew(engine(), query, key, value, options), "output");
            }
          }
        }
      }
    });

    it("follows an options object that changes", () => {
      using a = filled(1);
      using out = engine().tensor(shape);
      const options: { out: Tensor; causal?: boolean; window?: [number, number]; casual?: boolean } = { out };
      const run = () => engine().scaledDotProductAttentionSync(a, a, a, options);
      run();
      options.causal = true;
      run();
      expectSameBits(out.data, anew(engine(), a, a, a, { causal: true }), "output");
      options.window = [0, 0];
      run();
      expectSameBits(out.data, anew(engine(), a, a, a, { causal: true, window: [0, 0] }), "output");
      options.casual = true;
      expect(run).toThrow('"casual" is no option here (did you mean "causal"?); expected ');
    });

    it("is refused once a tensor of it is disposed, whatever lies in its place", () => {
      using a = filled(1);
      const out = engine().tensor(shape);
      const b = filled(2);
      const run = () => engine().scaledDotProductAttentionSync(a, b, b, { out });
      run();
      b.dispose();
      using c = filled(3);
      expect(run).toThrow(expect.objectContaining({ code: "ERR_DISPOSED" }));
      out.dispose();
      expect(run).toThrow(expect.objectContaining({ code: "ERR_DISPOSED" }));
      using target = engine().tensor(shape);
      engine().scaledDotProductAttentionSync(a, c, c, { out: target });
      expectSameBits(target.data, anew(engine(), a, c, c), "output");
    });

    it("holds while memory grows, and other blocks come and go where it lay", () => {
      using a = filled(1);
      using out = engine().tensor(shape);
      const run = () => engine().scaledDotProductAttentionSync(a, a, a, { out });
      run();
      const expected = out.data.slice();
      const others: Tensor[] = [];
      for (let i = 0; i < 6; i++) {
        others.push(filled(4, [1 << (12 + i)]));
        out.data.fill(0);
        run();
        expectSameBits(out.data, expected, "output");
      }
      for (const other of others) other.dispose();
      run();
      expectSameBits(out.data, expected, "output");
    });

    it("leaves no memory in use", () => {
      using a = filled(1);
      using out = engine().tensor(shape);
      const before = engine().info().memory.used;
      for (let i = 0; i < 40; i++) engine().scaledDotProductAttentionSync(a, a, a, { out, scale: i });
      expect(engine().info().memory.used).toBe(before);
    });
  });

  it("takes a tensor's shape for good: it cannot be changed", async () => {
    await using engine = createEngine({ threads: 0 });
    using x = engine.tensor([2, 3]);
    expect(() => (x.shape as number[]).push(1)).toThrow(TypeError);
  });
});
