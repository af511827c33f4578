/** PyTorch's own modules: the goldens of nn.MultiheadAttention inside a model's names, and layers of nn.Transformer. */
import { describe, expect, it } from "vitest";
import { createEngine, type ForwardOptions, type MultiHeadAttention } from "wasm-attention";
import { findAttentionLayers } from "wasm-attention/checkpoints";
import { readSafetensors, writeSafetensors } from "wasm-attention/safetensors";
import { flipped, layerArguments, layerCases, type ModelCase, modelCases } from "../support/golden.ts";
import { apply, rows } from "../support/plain-model.ts";
import type { FloatTensor } from "../support/random-tensors.ts";
import { expectCloseOrDefined, torchTolerance } from "../support/tolerance.ts";

const engine = createEngine({ threads: 0 });

describe("nn.MultiheadAttention", () => {
  const usual = layerCases.filter(({ ctor }) => !ctor.add_zero_attn);

  it.each(usual)("$name", async (golden) => {
    const { stateDict, query, key, value, options } = layerArguments(golden);
    for (const prefix of ["", "encoder.blocks.3.attn."]) {
      const named = Object.entries(stateDict).map(([name, tensor]) => [`${prefix}${name}`, tensor] as const);
      const { tensors } = readSafetensors(writeSafetensors(Object.fromEntries(named)));
      const [found, ...more] = findAttentionLayers(tensors, { num_heads: golden.ctor.num_heads });
      expect(more).toEqual([]);
      expect(found).toMatchObject({ name: prefix.slice(0, -1), family: "torch", kind: "self" });
      using layer = await found!.load({ engine });
      const { output } = layer.forwardSync(query, key, value, options);
      const out = golden.tensor("out");
      const bias = golden.has("out_proj.bias") ? golden.tensor("out_proj.bias").data : [0];
      expectCloseOrDefined(output, out, torchTolerance(out), "output", (i) => bias[i % bias.length]!);
    }
  });
});

/** The parts of a layer beside attention, in float64. */
class PlainParts {
  readonly golden: ModelCase;
  readonly prefix: string;

  constructor(golden: ModelCase, prefix: string) {
    this.golden = golden;
    this.prefix = prefix;
  }

  norm(name: string, x: number[][], epsilon: number): number[][] {
    const weight = this.golden.tensor(`${this.prefix}${name}.weight`).data;
    const bias = this.golden.tensor(`${this.prefix}${name}.bias`).data;
    return x.map((row) => {
      const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
      return row.map((value, d) => ((value - mean) / Math.sqrt(variance + epsilon)) * weight[d]! + bias[d]!);
    });
  }

  feedForward(x: number[][]): number[][] {
    const linear = (name: string) => ({
      weight: this.golden.tensor(`${this.prefix}${name}.weight`),
      bias: this.golden.tensor(`${this.prefix}${name}.bias`),
    });
    const hidden = (row: number[]): number[] => apply(linear("linear1"), row).map((h) => Math.max(h, 0));
    return x.map((row) => apply(linear("linear2"), hidden(row)));
  }
}

const add = (a: number[][], b: number[][]): number[][] => a.map((row, i) => row.map((x, d) => x + b[i]![d]!));

describe("nn.Transformer", () => {
  it("has its layers here", () => expect(modelCases.map(({ kind }) => kind)).toEqual(kinds));
  const kinds = ["encoder_layer", "decoder_layer", "encoder"];

  it.each(modelCases)("$name", async (golden) => {
    const { call } = golden;
    const { nhead, norm_first: normFirst, layer_norm_eps: epsilon } = golden.layer;
    const state = Object.fromEntries(golden.parameters.map((name) => [name, golden.tensor(name)]));
    const found = findAttentionLayers(state, { nhead });
    const input = golden.tensor((call.src ?? call.tgt)!);
    const [B, L, E] = input.shape as [number, number, number];
    const tall = (x: FloatTensor) => rows({ data: x.data, shape: [x.data.length / E, E] });
    let x = tall(input);
    const attend = (
      layer: MultiHeadAttention,
      queries: number[][],
      states?: FloatTensor,
      options?: ForwardOptions,
    ) => {
      const tokens = { data: Float32Array.from(queries.flat()), shape: [B, L, E] };
      const others = states ?? tokens;
      return tall(layer.forwardSync(tokens, others, others, options).output);
    };
    const padding = call.src_key_padding_mask;
    const keyPaddingMask = padding ? flipped(golden.anyTensor(padding)) : undefined;
    // Masks of these cases are causal or absent; what a decoder does by itself its found layer says.
    const causal = (call.src_mask ?? call.mask ?? call.tgt_mask) != null;
    for (let n = 0; n < golden.layers; n++) {
      const prefix = golden.kind === "encoder" ? `layers.${n}.` : "";
      const parts = new PlainParts(golden, prefix);
      const sublayer = (norm: string, f: (x: number[][]) => number[][]): void => {
        x = normFirst ? add(x, f(parts.norm(norm, x, epsilon))) : parts.norm(norm, add(x, f(x)), epsilon);
      };
      const own = found.find(({ name }) => name === `${prefix}self_attn`)!;
      expect(own).toMatchObject({ family: "torch", kind: "self" });
      expect(own.options.causal).toBe(golden.kind === "decoder_layer");
      using self = await own.load({ engine });
      sublayer("norm1", (y) => attend(self, y, undefined, { causal, keyPaddingMask }));
      if (golden.kind === "decoder_layer") {
        const other = found.find(({ name }) => name === "multihead_attn")!;
        expect(other).toMatchObject({ kind: "cross", options: { causal: false } });
        using cross = await other.load({ engine });
        sublayer("norm2", (y) => attend(cross, y, golden.tensor(call.memory!)));
      }
      sublayer(golden.kind === "decoder_layer" ? "norm3" : "norm2", (y) => parts.feedForward(y));
    }
    const out = golden.tensor("out");
    const expected = tall(out);
    const allowed = 4e-6 * out.absmax;
    const padded = (i: number): boolean => {
      const mask = keyPaddingMask?.data;
      return mask !== undefined && mask[i] === 0;
    };
    for (const [i, row] of x.entries()) {
      // PyTorch leaves what a padded position holds open.
      if (padded(i)) continue;
      for (const [d, value] of row.entries())
        expect(Math.abs(value - expected[i]![d]!), `row ${i}, ${d}`).toBeLessThan(allowed);
    }
  });
});
