/** Factors on heads, against a layer whose output projection has them: its columns belong to heads. */
import { describe, expect, it } from "vitest";
import { type ForwardOptions, KVCache, MultiHeadAttention, type Tensor } from "wasm-attention";
import { multiHeadAttention } from "wasm-attention/reference";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { forEachBackend } from "../support/backends.ts";
import { plainLayer } from "../support/plain-layer.ts";
import { normal } from "../support/random-tensors.ts";
import { expectClose, float64Tolerance } from "../support/tolerance.ts";

const [B, L, E, H] = [2, 41, 24, 4];
const x = normal([B, L, E], 1);
const state = new MultiHeadAttention({ embedDim: E, numHeads: H, seed: 5 }).toStateDict();
const config = { numHeads: H };

/** The state dict whose output projection multiplies heads. */
function scaled(factors: readonly number[]): Record<string, Tensor> {
  const weight = state["out_proj.weight"]!;
  const data = weight.data.map((w, n) => w * factors[Math.floor((n % E) / (E / H))]!);
  return { ...state, "out_proj.weight": { data, shape: weight.shape } as Tensor };
}

const entry = (b: number) => ({ data: x.data.slice(b * L * E, (b + 1) * L * E), shape: [1, L, E] });

const cases: [string, readonly number[]][] = [
  ["one head ablated", [1, 0, 1, 1]],
  ["all heads ablated", [0, 0, 0, 0]],
  ["heads weakened and turned around", [0.5, 2, -1, 1]],
];

describe("headMask", () => {
  it.each(cases)("of the reference: %s", (_name, headMask) => {
    const actual = multiHeadAttention(state, config, x, x, x, { headMask }).output;
    const expected = multiHeadAttention(scaled(headMask), config, x).output;
    expectClose(actual.data, expected.data, float64Tolerance, "output");
  });

  forEachBackend((backend) => {
    const open = () => MultiHeadAttention.fromStateDict(state, { ...config, engine: backend.engine });
    const forward = async (layer: MultiHeadAttention, options: ForwardOptions) =>
      backend.call === "sync" ? layer.forwardSync(x, x, x, options) : layer.forward(x, x, x, options);

    it.each(cases)("%s", async (_name, headMask) => {
      using layer = open();
      const exact = multiHeadAttention(scaled(headMask), config, x).output;
      const plain = plainLayer(scaled(headMask), config, [x, x, x], {});
      const tolerance = plainTolerance(exact.data, plain.output);
      expectAccurate((await forward(layer, { headMask })).output, exact, tolerance, "output");
      const tensor = { data: Float32Array.from(headMask), dims: [H] };
      expectAccurate((await forward(layer, { headMask: tensor })).output, exact, tolerance, "a tensor");
    });

    it("of each entry its own", async () => {
      using layer = open();
      const headMask = { data: Uint8Array.of(1, 0, 0, 1, 0, 1, 1, 1), shape: [B, H] };
      const { output } = await forward(layer, { headMask, causal: true });
      for (let b = 0; b < B; b++) {
        const own = [...headMask.data.subarray(b * H, (b + 1) * H)];
        const { data } = layer.forwardSync(entry(b), { headMask: own, causal: true }).output;
        expectSameBits(output.data.subarray(b * L * E, (b + 1) * L * E), data, `entry ${b}`);
      }
    });

    it("leaves weights and, where all are 1, every bit as they are", async () => {
      using layer = open();
      const plain = await forward(layer, { needWeights: true });
      const ones = await forward(layer, { needWeights: true, headMask: [1, 1, 1, 1] });
      const none = await forward(layer, { needWeights: true, headMask: [0, 0, 0, 0] });
      expectSameBits(ones.output.data, plain.output.data, "output");
      expectSameBits(none.weights!.data, plain.weights!.data, "weights");
      for (let e = 0; e < none.output.data.length; e++)
        expect(none.output.data[e]).toBe(state["out_proj.bias"]!.data[e % E]);
    });

    it("holds over a long cache, whose keys several tiles share", async () => {
      using layer = open();
      const length = 2200;
      const tokens = normal([1, length, E], 9);
      using cache = new KVCache({
        batch: 1,
        kvHeads: H,
        headDim: E / H,
        maxLength: length + 1,
        engine: backend.engine,
      });
      layer.forwardSync(tokens, { cache });
      using other = cache.fork();
      const token = normal([1, 1, E], 10);
      using expected = MultiHeadAttention.fromStateDict(scaled([1, 0, 2, 1]), {
        ...config,
        engine: backend.engine,
      });
      const masked = layer.forwardSync(token, { cache, headMask: [1, 0, 2, 1] }).output;
      const folded = expected.forwardSync(token, { cache: other }).output;
      expectClose(masked.data, folded.data, { absolute: 1e-6, relative: 0 }, "output");
    });
  });

  it("is refused where it does not fit", () => {
    const layer = new MultiHeadAttention({ embedDim: E, numHeads: H });
    const refuse = (headMask: unknown, message: string) =>
      expect(() => layer.forwardSync(x, { headMask: headMask as number[] })).toThrow(message);
    refuse([1, 1], '"headMask" expected 4 elements, got 2');
    refuse(
      { data: new Float32Array(8), shape: [4, 2] },
      '"headMask" expected shape [H=4] or [B=2, H=4], got [4, 2]',
    );
    refuse([1, 1, 1, Number.NaN], '"headMask" expected numbers, got NaN');
    refuse(7, '"headMask" expected');
    refuse(null, '"headMask" expected');
  });
});
