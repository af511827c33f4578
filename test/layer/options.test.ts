// What PyTorch's layer does not have: grouped heads, head sizes of their own, rotary positions, normalised heads.
// Expected values are put together here from the reference's product and attention and from formulas in float64.

import { describe, expect, it } from "vitest";
import { MultiHeadAttention } from "wasm-attention";
import { matmul, scaledDotProductAttention } from "../../src/reference/index.ts";
import { forEachEngine } from "../support/backends.ts";
import { uniform } from "../support/random-tensors.ts";

const sizes = { embedDim: 24, numHeads: 4, numKvHeads: 2, headDim: 10 };
const [B, L] = [2, 13];

interface Heads {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}

/** x / sqrt(mean(x^2) + 1e-6) * weight, head by head. */
function normalized({ data, shape }: Heads, weight: Float32Array): Heads {
  const D = weight.length;
  const out = new Float64Array(data.length);
  for (let at = 0; at < data.length; at += D) {
    const row = data.subarray(at, at + D);
    const mean = row.reduce((sum, x) => sum + x * x, 0) / D;
    for (let e = 0; e < D; e++) out[at + e] = (row[e]! / Math.sqrt(mean + 1e-6)) * weight[e]!;
  }
  return { data: out, shape };
}

/** Rotates `[B, L, heads, D]` by position * base^(-2f/dim), as a product of complex numbers. */
function rotated({ data, shape }: Heads, dim: number, base: number, interleaved: boolean): Heads {
  const [, length, heads, D] = shape as [number, number, number, number];
  const out = data.slice();
  for (let row = 0; row * D < data.length; row++) {
    const position = Math.floor(row / heads) % length;
    for (let f = 0; f < dim / 2; f++) {
      const angle = position * base ** ((-2 * f) / dim);
      const a = row * D + (interleaved ? 2 * f : f);
      const b = row * D + (interleaved ? 2 * f + 1 : f + dim / 2);
      out[a] = data[a]! * Math.cos(angle) - data[b]! * Math.sin(angle);
      out[b] = data[a]! * Math.sin(angle) + data[b]! * Math.cos(angle);
    }
  }
  return { data: out, shape };
}

forEachEngine((_choice, engine) => {
  const cases = [
    { name: "grouped heads", options: {} },
    { name: "rotary by halves", options: { rotary: true } },
    { name: "rotary by pairs, partial", options: { rotary: { interleaved: true, dim: 6, base: 500 } } },
    { name: "normalised heads, then rotary", options: { rotary: true, qkNorm: true } },
  ];
  describe("layer", () => {
    it.each(cases)("$name", async ({ options }) => {
      const layer = new MultiHeadAttention({ ...sizes, ...options, seed: 7, engine: engine() });
      const state = layer.toStateDict();
      const x = uniform([B, L, sizes.embedDim], 3);
      const weight = (name: string) => state[name]!;
      const bias = state.in_proj_bias!.data;
      const columns = [40, 20, 20];
      let first = 0;
      const [q, k, v] = ["q", "k", "v"].map((letter, i) => {
        const part = { data: bias.slice(first, first + columns[i]!), shape: [columns[i]!] };
        first += columns[i]!;
        const y = matmul(x, weight(`${letter}_proj_weight`), { transposeB: true, bias: part });
        return { data: y.data, shape: [B, L, columns[i]! / 10, 10] };
      }) as unknown as [Heads, Heads, Heads];
      const turn = (heads: Heads): Heads => {
        const one = new Float32Array(10).fill(1);
        const normal = "qkNorm" in options ? normalized(heads, one) : heads;
        if (!("rotary" in options)) return normal;
        const {
          dim = 10,
          base = 10000,
          interleaved = false,
        } = options.rotary === true ? {} : (options.rotary as never);
        return rotated(normal, dim, base, interleaved);
      };
      const { output } = scaledDotProductAttention(turn(q), turn(k), v, { layout: "BLHE", causal: true });
      const expected = matmul({ data: output.data, shape: [B, L, 40] }, weight("out_proj.weight"), {
        transposeB: true,
        bias: weight("out_proj.bias"),
      });
      const result = await layer.forward(x, x, x, { causal: true });
      const sync = layer.forwardSync(x, x, x, { causal: true });
      layer.dispose();
      expect(result.output.data).toEqual(sync.output.data);
      expected.data.forEach((value, i) => {
        expect(Math.abs(result.output.data[i]! - value), `element ${i}`).toBeLessThan(3e-6);
      });
    });
  });
});
