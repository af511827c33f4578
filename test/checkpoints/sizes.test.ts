/** Sizes that do not fit: errors name the checkpoint's tensors and the config's names, and no layer's own. */
import { describe, expect, it } from "vitest";
import { findAttentionLayers, type ModelConfig } from "wasm-attention/checkpoints";
import { type FloatTensor, normal } from "../support/random-tensors.ts";

type Tensors = Record<string, FloatTensor>;
const E = 24;

/** Weights `[rows, columns]` by name, each with a bias where it is asked for. */
function tensorsOf(
  module: string,
  shapes: Readonly<Record<string, readonly [number, number]>>,
  biased = true,
): Tensors {
  const tensors: Tensors = {};
  for (const [name, [rows, columns]] of Object.entries(shapes)) {
    tensors[`${module}.${name}.weight`] = normal([rows, columns], rows + columns);
    if (biased) tensors[`${module}.${name}.bias`] = normal([rows], rows);
  }
  return tensors;
}

const bert = (n = 0, changed = {}): Tensors => {
  const square = [E, E] as const;
  const usual = { "self.query": square, "self.key": square, "self.value": square, "output.dense": square };
  return tensorsOf(`encoder.layer.${n}.attention`, { ...usual, ...changed });
};
const llama = (changed = {}): Tensors =>
  tensorsOf(
    "model.layers.0.self_attn",
    { q_proj: [32, E], k_proj: [16, E], v_proj: [16, E], o_proj: [E, 32], ...changed },
    false,
  );

const load = async (tensors: Tensors, config: ModelConfig) => findAttentionLayers(tensors, config)[0]!.load();
const attention = "encoder.layer.0.attention";
const heads = { num_attention_heads: 4 };

describe("tensors that do not fit each other", () => {
  it.each<[string, Tensors, ModelConfig, string, string]>([
    [
      "BERT's query",
      bert(0, { "self.query": [20, E] }),
      heads,
      "ERR_SHAPE",
      `"${attention}.self.key.weight" expected 5 rows for each of K heads, K a divisor of 4, got [24, 24]`,
    ],
    [
      "BERT's value",
      bert(0, { "self.value": [12, E] }),
      heads,
      "ERR_SHAPE",
      `"${attention}.self.value.weight" expected shape [24, 24], got [12, 24]`,
    ],
    [
      "its output",
      bert(0, { "output.dense": [E, 20] }),
      heads,
      "ERR_SHAPE",
      `"${attention}.output.dense.weight" expected shape [24, 24], got [24, 20]`,
    ],
    [
      "a bias",
      { ...bert(), [`${attention}.self.key.bias`]: normal([23], 1) },
      heads,
      "ERR_SHAPE",
      `"${attention}.self.key.bias" expected shape [24], got [23]`,
    ],
    [
      "heads",
      bert(),
      { num_attention_heads: 5 },
      "ERR_OPTION",
      `"config.num_attention_heads" expected a divisor of the 24 numbers that "${attention}.self.query.weight" makes of a token, got 5`,
    ],
    [
      "Llama's keys",
      llama({ k_proj: [12, E] }),
      heads,
      "ERR_SHAPE",
      '"model.layers.0.self_attn.k_proj.weight" expected 8 rows for each of K heads, K a divisor of 4, got [12, 24]',
    ],
    [
      "three heads of keys for four of queries",
      llama({ k_proj: [24, E] }),
      heads,
      "ERR_SHAPE",
      '"model.layers.0.self_attn.k_proj.weight" expected 8 rows for each of K heads, K a divisor of 4, got [24, 24]',
    ],
    [
      "depths",
      llama({ v_proj: [16, 20] }),
      heads,
      "ERR_SHAPE",
      '"model.layers.0.self_attn.v_proj.weight" expected shape [16, 24], got [16, 20]',
    ],
    // As they lie in the file.
    [
      "GPT-2's",
      {
        ...tensorsOf("h.0.attn", { c_attn: [E, 71], c_proj: [E, E] }),
        "h.0.attn.c_attn.bias": normal([71], 1),
      },
      { n_head: 4 },
      "ERR_SHAPE",
      '"h.0.attn.c_attn.weight" expected shape [24, 72], got [24, 71]',
    ],
    [
      "PyTorch's, within a model",
      { "a.self_attn.in_proj_weight": normal([71, E], 1), "a.self_attn.out_proj.weight": normal([E, E], 2) },
      { nhead: 4 },
      "ERR_SHAPE",
      '"a.self_attn.in_proj_weight" expected shape [72, 24], got [71, 24]',
    ],
  ])("%s", async (_, tensors, config, code, message) => {
    await expect(load(tensors, config)).rejects.toMatchObject({ name: "AttentionError", code, message });
  });
});

describe("a configuration of another model", () => {
  it.each(["hidden_size", "d_model", "n_embd", "dim"])("with another %s", async (name) => {
    await expect(load(bert(), { ...heads, [name]: 32 })).rejects.toMatchObject({
      code: "ERR_SHAPE",
      message: `"config.${name}" is 32, but "${attention}.self.query.weight" takes 24 numbers a token`,
    });
    using layer = await load(bert(), { ...heads, [name]: E });
    expect(layer.embedDim).toBe(E);
  });

  it("of PyTorch's modules, too", async () => {
    const layer = {
      "b.self_attn.in_proj_weight": normal([72, E], 1),
      "b.self_attn.out_proj.weight": normal([E, E], 2),
    };
    await expect(load(layer, { nhead: 4, d_model: 23 })).rejects.toThrow(
      '"config.d_model" is 23, but "b.self_attn.in_proj_weight" takes 24 numbers a token',
    );
  });

  it("with another number of layers", () => {
    const two = { ...bert(0), ...bert(1) };
    expect(findAttentionLayers(two, { ...heads, num_hidden_layers: 2 })).toHaveLength(2);
    expect(() => findAttentionLayers(two, { ...heads, num_hidden_layers: 12 })).toThrow(
      '"config.num_hidden_layers" is 12, but the checkpoint has 2 of "encoder.layer.#.attention"; leave it out for a part of a model',
    );
  });

  it("is that of one of several stacks", () => {
    const second = Object.entries(bert(0)).map(([name, tensor]) => [`second.${name}`, tensor]);
    const stacks = { ...bert(0), ...bert(1), ...Object.fromEntries(second) };
    for (const num_hidden_layers of [1, 2])
      expect(findAttentionLayers(stacks, { ...heads, num_hidden_layers })).toHaveLength(3);
    expect(() => findAttentionLayers(stacks, { ...heads, num_hidden_layers: 3 })).toThrow(
      'has 2 of "encoder.layer.#.attention", 1 of "second.encoder.layer.#.attention"',
    );
  });
});
