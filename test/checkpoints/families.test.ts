/**
 * Checkpoints in the layouts of published models, written to disk, found, loaded, and compared with a plain float64
 * computation that takes the weights as each model's own code does.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEngine, type ForwardOptions, KVCache } from "wasm-attention";
import { type FoundAttention, findAttentionLayers, type ModelConfig } from "wasm-attention/checkpoints";
import { openSafetensors, type SafetensorsFile, writeSafetensorsFile } from "wasm-attention/safetensors";
import { type PlainModelLayer, plainModelLayer } from "../support/plain-model.ts";
import { type FloatTensor, normal } from "../support/random-tensors.ts";

const [E, H, L, S] = [24, 3, 11, 7];
const engine = createEngine({ threads: 0 });
const tokens = normal([L, E], 1);
const states = normal([S, E], 2);
const open: SafetensorsFile[] = [];
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "wasm-attention-checkpoints-"));
});
afterAll(async () => {
  for (const file of open) await file.close();
  rmSync(folder, { recursive: true });
  await engine.dispose();
});

type Tensors = Record<string, FloatTensor>;
let seed = 10;
const matrix = (rows: number, columns: number): FloatTensor => normal([rows, columns], seed++, 0.4);
const vector = (size: number): FloatTensor => normal([size], seed++, 0.3);

/** Writes the tensors, and finds the layers in the file. */
async function find(tensors: Tensors, config?: ModelConfig): Promise<FoundAttention[]> {
  const path = join(folder, `${seed++}.safetensors`);
  await writeSafetensorsFile(path, tensors);
  const file = await openSafetensors(path);
  open.push(file);
  return findAttentionLayers(file, config);
}

async function expectLayer(
  found: FoundAttention,
  plain: PlainModelLayer,
  others?: FloatTensor,
  options: ForwardOptions = found.options,
): Promise<void> {
  using layer = await found.load({ engine });
  const { output } = await layer.forward(tokens, others, others, options);
  const allows = found.options.causal ? (i: number, j: number) => j <= i : undefined;
  const expected = plainModelLayer({ allows, ...plain }, tokens, others);
  expect(output.shape).toEqual([L, layer.embedDim]);
  const largest = Math.max(...expected.map(Math.abs));
  for (const [i, value] of expected.entries())
    expect(Math.abs(output.data[i]! - value), `element ${i}`).toBeLessThan(2e-6 * largest);
}

const describing = ({ name, family, kind, options }: FoundAttention) => [name, family, kind, options.causal];

/** Four projections under these names. */
function separate(prefix: string, names: readonly string[], biases = true): [Tensors, PlainModelLayer] {
  const tensors: Tensors = {};
  const [query, key, value, output] = names.map((name) => {
    const linear = { weight: matrix(E, E), ...(biases && { bias: vector(E) }) };
    tensors[`${prefix}.${name}.weight`] = linear.weight;
    if (linear.bias) tensors[`${prefix}.${name}.bias`] = linear.bias;
    return linear;
  });
  return [tensors, { query: query!, key: key!, value: value!, output: output!, heads: H }];
}

const bertNames = ["self.query", "self.key", "self.value", "output.dense"];
const vitNames = ["attention.query", "attention.key", "attention.value", "output.dense"];

describe("BERT", () => {
  it.each(["", "bert.", "roberta.", "model.text."])(
    "with the prefix %j, in the order of layers",
    async (prefix) => {
      const tensors: Tensors = { [`${prefix}embeddings.word_embeddings.weight`]: matrix(5, E) };
      const plain = [0, 2, 10].map((n) => {
        const module = `${prefix}encoder.layer.${n}.attention`;
        const [own, layer] = separate(module, bertNames);
        Object.assign(tensors, own, {
          [`${module}.output.LayerNorm.weight`]: vector(E),
          [`${module}.output.LayerNorm.bias`]: vector(E),
          [`${prefix}encoder.layer.${n}.output.dense.weight`]: matrix(E, 2 * E),
        });
        return layer;
      });
      const found = await find(tensors, { model_type: "bert", num_attention_heads: H });
      expect(found.map(describing)).toEqual(
        [0, 2, 10].map((n) => [`${prefix}encoder.layer.${n}.attention`, "bert", "self", false]),
      );
      for (const [n, layer] of found.entries()) await expectLayer(layer, plain[n]!);
    },
  );

  it("as a decoder, with cross-attention", async () => {
    const [own, self] = separate("bert.encoder.layer.0.attention", bertNames);
    const [other, cross] = separate("bert.encoder.layer.0.crossattention", bertNames);
    const found = await find({ ...own, ...other }, { num_attention_heads: H, is_decoder: true });
    expect(found.map(describing)).toEqual([
      ["bert.encoder.layer.0.attention", "bert", "self", true],
      ["bert.encoder.layer.0.crossattention", "bert", "cross", false],
    ]);
    await expectLayer(found[0]!, self);
    await expectLayer(found[1]!, cross, states);
  });

  it("with relative positions is refused", async () => {
    const [tensors] = separate("encoder.layer.0.attention", bertNames);
    const config = { num_attention_heads: H };
    await expect(find(tensors, { ...config, position_embedding_type: "relative_key" })).rejects.toThrow(
      '"config.position_embedding_type" expected "absolute", got "relative_key"',
    );
    tensors["encoder.layer.0.attention.self.distance_embedding.weight"] = matrix(9, 8);
    await expect(find(tensors, config)).rejects.toMatchObject({
      code: "ERR_UNSUPPORTED",
      message: expect.stringContaining(
        'has a tensor "self.distance_embedding.weight"; expected self.query.weight',
      ),
    });
  });
});

it("biases are not joined where one is too long and the next too short", async () => {
  const [tensors] = separate("encoder.layer.0.attention", bertNames);
  const config = { num_attention_heads: H };
  tensors["encoder.layer.0.attention.self.query.bias"] = vector(E + 1);
  tensors["encoder.layer.0.attention.self.key.bias"] = vector(E - 1);
  const [found] = await find(tensors, config);
  await expect(found!.load({ engine })).rejects.toMatchObject({
    code: "ERR_SHAPE",
    message: `"encoder.layer.0.attention.self.query.bias" expected shape [${E}], got [${E + 1}]`,
  });
});

it.each([
  ["model_type", 10n, "ERR_UNSUPPORTED"],
  ["model_type", Object.create(null), "ERR_UNSUPPORTED"],
  ["partial_rotary_factor", Symbol("half"), "ERR_OPTION"],
  ["max_window_layers", 1n, "ERR_OPTION"],
  ["use_sliding_window", "yes", "ERR_OPTION"],
  ["layer_types", 3, "ERR_OPTION"],
])("a configuration whose %s is %s is refused", async (name, value, code) => {
  const [tensors] = separate("layers.0.self_attn", ["q_proj", "k_proj", "v_proj", "o_proj"], false);
  const load = async () => {
    const [found] = await find(tensors, { num_attention_heads: H, [name]: value });
    return found!.load({ engine });
  };
  await expect(load()).rejects.toMatchObject({ code });
});

it("DistilBERT", async () => {
  const name = "distilbert.transformer.layer.0.attention";
  const [tensors, plain] = separate(name, ["q_lin", "k_lin", "v_lin", "out_lin"]);
  const [found] = await find(tensors, { model_type: "distilbert", n_heads: H });
  expect(describing(found!)).toEqual([name, "distilbert", "self", false]);
  await expectLayer(found!, plain);
});

/** The rows or columns of a stacked matrix from one on. */
const part = (x: FloatTensor, first: number, count: number): FloatTensor => {
  const size = x.data.length / x.shape[0]!;
  return { data: x.data.slice(first * size, (first + count) * size), shape: [count, ...x.shape.slice(1)] };
};
const turned = ({ data, shape: [rows = 0, columns = 0] }: FloatTensor): FloatTensor => ({
  data: Float32Array.from(data, (_, n) => data[(n % rows) * columns + Math.floor(n / rows)]!),
  shape: [columns, rows],
});
const third = (weight: FloatTensor, bias: FloatTensor | undefined, n: number) => ({
  weight: part(weight, n * E, E),
  bias: bias && part(bias, n * E, E),
});

describe("GPT-2", () => {
  const weight = matrix(3 * E, E);
  const bias = vector(3 * E);
  const output = { weight: matrix(E, E), bias: vector(E) };
  const query = third(weight, bias, 0);
  const plain = { query, key: third(weight, bias, 1), value: third(weight, bias, 2), output, heads: H };
  const tensorsOf = (module: string): Tensors => ({
    [`${module}.c_attn.weight`]: turned(weight),
    [`${module}.c_attn.bias`]: bias,
    [`${module}.c_proj.weight`]: turned(output.weight),
    [`${module}.c_proj.bias`]: output.bias,
    [`${module}.bias`]: { data: new Float32Array(16), shape: [1, 1, 4, 4] },
  });

  it.each(["h.0.attn", "transformer.h.0.attn"])("as %s, its weights lying on their side", async (module) => {
    const [found] = await find(tensorsOf(module), { model_type: "gpt2", n_head: H });
    expect(describing(found!)).toEqual([module, "gpt2", "self", true]);
    await expectLayer(found!, plain);
  });

  it("with another scale is refused", async () => {
    const config = { n_head: H, scale_attn_by_inverse_layer_idx: true };
    await expect(find(tensorsOf("h.0.attn"), config)).rejects.toMatchObject({ code: "ERR_UNSUPPORTED" });
  });
});

describe("ViT", () => {
  it("by its Hugging Face names, with and without biases", async () => {
    for (const biases of [true, false]) {
      const name = "vit.encoder.layer.3.attention";
      const [tensors, plain] = separate(name, vitNames, biases);
      const [found, ...more] = await find(tensors, { model_type: "vit", num_attention_heads: H });
      expect([describing(found!), more]).toEqual([[name, "vit", "self", false], []]);
      await expectLayer(found!, plain);
    }
  });

  it("by its timm names", async () => {
    const [weight, bias] = [matrix(3 * E, E), vector(3 * E)];
    const output = { weight: matrix(E, E), bias: vector(E) };
    const tensors = {
      "blocks.0.attn.qkv.weight": weight,
      "blocks.0.attn.qkv.bias": bias,
      "blocks.0.attn.proj.weight": output.weight,
      "blocks.0.attn.proj.bias": output.bias,
    };
    const [found] = await find(tensors, { architecture: "vit_tiny", num_heads: H });
    expect(describing(found!)).toEqual(["blocks.0.attn", "timm", "self", false]);
    const [query, key, value] = [0, 1, 2].map((n) => third(weight, bias, n));
    await expectLayer(found!, { query: query!, key: key!, value: value!, output, heads: H });
    const normed = { ...tensors, "blocks.0.attn.q_norm.weight": vector(8) };
    await expect(find(normed, { num_heads: H })).rejects.toThrow('has a tensor "q_norm.weight"');
  });
});

describe("Llama and those like it", () => {
  const name = "model.layers.1.self_attn";
  const [heads, kvHeads, D] = [4, 2, 10];

  function llama({ biases = false, norms = false } = {}): [Tensors, PlainModelLayer] {
    const linear = (rows: number, columns: number, own: boolean) => ({
      weight: matrix(rows, columns),
      ...(own && { bias: vector(rows) }),
    });
    const query = linear(heads * D, E, biases);
    const [key, value] = [linear(kvHeads * D, E, biases), linear(kvHeads * D, E, biases)];
    const output = linear(E, heads * D, false);
    const tensors: Tensors = { [`${name}.rotary_emb.inv_freq`]: vector(D / 2) };
    for (const [letter, { weight, bias }] of Object.entries({ q: query, k: key, v: value, o: output })) {
      tensors[`${name}.${letter}_proj.weight`] = weight;
      if (bias) tensors[`${name}.${letter}_proj.bias`] = bias;
    }
    const weights = { query: normal([D], 5), key: normal([D], 6) };
    if (norms) {
      tensors[`${name}.q_norm.weight`] = weights.query;
      tensors[`${name}.k_norm.weight`] = weights.key;
    }
    const turn: PlainModelLayer["turn"] = (head, position, which) =>
      rotated(norms ? rmsNorm(head, weights[which].data) : head, position, 10000);
    return [tensors, { query, key, value, output, heads, kvHeads, turn }];
  }

  const rmsNorm = (head: number[], weight: Float32Array): number[] => {
    const mean = head.reduce((sum, x) => sum + x * x, 0) / head.length;
    return head.map((x, d) => (x / Math.sqrt(mean + 1e-6)) * weight[d]!);
  };

  /** Halves are turned as pairs; `frequency` changes the angle per position. */
  function rotated(head: number[], position: number, base: number, frequency = (f: number) => f): number[] {
    const half = head.length / 2;
    return head.map((x, d) => {
      const angle = position * frequency(base ** (-(d % half) / half));
      const other = d < half ? -head[d + half]! : head[d - half]!;
      return x * Math.cos(angle) + other * Math.sin(angle);
    });
  }

  const config = { num_attention_heads: heads, num_key_value_heads: kvHeads };

  it("Llama: grouped heads with a size of their own, rotary positions, no biases", async () => {
    const [tensors, plain] = llama();
    const [found] = await find(tensors, { ...config, model_type: "llama" });
    expect(describing(found!)).toEqual([name, "llama", "self", true]);
    await expectLayer(found!, plain);
  });

  it("Llama 3.1: its base, and its scaling of frequencies", async () => {
    const [tensors, plain] = llama();
    const rope_scaling = {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    };
    const scaled = (frequency: number): number => {
      const wavelength = (2 * Math.PI) / frequency;
      if (wavelength < 64 / 4) return frequency;
      if (wavelength > 64 / 1) return frequency / 8;
      const smooth = (64 / wavelength - 1) / (4 - 1);
      return ((1 - smooth) * frequency) / 8 + smooth * frequency;
    };
    const turn: PlainModelLayer["turn"] = (head, position) => rotated(head, position, 500, scaled);
    const older = { ...config, rope_theta: 500, rope_scaling };
    const newer = { ...config, rope_parameters: { ...rope_scaling, rope_theta: 500 } };
    for (const either of [older, newer]) {
      const [found] = await find(tensors, either);
      await expectLayer(found!, { ...plain, turn });
    }
  });

  it("Mistral: a window", async () => {
    const [tensors, plain] = llama();
    const mistral = { ...config, model_type: "mistral", sliding_window: 4, rope_theta: 10000 };
    const [found] = await find(tensors, mistral);
    await expectLayer(found!, { ...plain, allows: (i, j) => j <= i && j > i - 4 });
    const [without] = await find(tensors, { ...mistral, sliding_window: null });
    await expectLayer(without!, plain);
  });

  it("Qwen2: biases, and a window from some layer on where it says so", async () => {
    const [tensors, plain] = llama({ biases: true });
    const qwen = { ...config, model_type: "qwen2", sliding_window: 4, use_sliding_window: true };
    const windowed = { ...plain, allows: (i: number, j: number) => j <= i && j > i - 4 };
    const cases: [ModelConfig, PlainModelLayer][] = [
      [{ ...qwen, use_sliding_window: false, max_window_layers: 0 }, plain],
      [{ ...qwen, max_window_layers: 2 }, plain],
      [{ ...qwen, max_window_layers: 1 }, windowed],
      [{ ...qwen, layer_types: ["sliding_attention", "full_attention"] }, plain],
      [{ ...qwen, layer_types: ["full_attention", "sliding_attention"] }, windowed],
    ];
    for (const [each, expected] of cases) await expectLayer((await find(tensors, each))[0]!, expected);
  });

  it("Qwen3: norms of queries and keys; with a cache, token after token", async () => {
    const [tensors, plain] = llama({ norms: true });
    const qwen = { ...config, model_type: "qwen3", rms_norm_eps: 1e-6 };
    const [found] = await find(tensors, qwen);
    await expectLayer(found!, plain);
    using layer = await found!.load({ engine });
    using cache = new KVCache({ batch: 1, kvHeads, headDim: D, maxLength: L, engine });
    const expected = plainModelLayer({ ...plain, allows: (i, j) => j <= i }, tokens);
    for (let i = 0; i < L; i++) {
      const token = { data: tokens.data.subarray(i * E, (i + 1) * E), shape: [1, 1, E] };
      const { output } = await layer.forward(token, { cache, ...found!.options });
      output.data.forEach((x, e) => {
        expect(x).toBeCloseTo(expected[i * E + e]!, 4);
      });
    }
    await expect((await find(tensors, { ...qwen, rms_norm_eps: 1e-5 }))[0]!.load()).rejects.toThrow(
      '"config.rms_norm_eps" expected 1e-6',
    );
  });

  it("others are refused, and so is what is quantized", async () => {
    const [tensors] = llama();
    await expect(find(tensors, { ...config, model_type: "gemma2" })).rejects.toMatchObject({
      code: "ERR_UNSUPPORTED",
      message: expect.stringMatching(/^"config.model_type" expected llama, mistral.* got "gemma2"$/),
    });
    tensors[`${name}.q_proj.weight_scale_inv`] = vector(1);
    await expect(find(tensors, config)).rejects.toThrow('has a tensor "q_proj.weight_scale_inv"');
    const [odd] = await find(llama()[0], { ...config, rope_scaling: { rope_type: "dynamic", factor: 2 } });
    await expect(odd!.load()).rejects.toThrow('"scaling.rope_type" expected one of');
  });
});

describe("T5", () => {
  const names = ["q", "k", "v", "o"];
  const tables = { encoder: normal([8, H], 8, 2), decoder: normal([8, H], 9, 2) };

  /** Bucket by bucket as T5's paper has it, for 8 buckets and distances below 20. */
  function bucket(distance: number, both: boolean): number {
    const buckets = both ? 4 : 8;
    const exact = buckets / 2;
    const size = both ? Math.abs(distance) : Math.max(-distance, 0);
    const offset = both && distance > 0 ? 4 : 0;
    if (size < exact) return offset + size;
    const log = Math.floor((Math.log(size / exact) / Math.log(20 / exact)) * (buckets - exact));
    return offset + Math.min(exact + log, buckets - 1);
  }

  it("without a scale, with the first block's table in every block", async () => {
    const tensors: Tensors = {
      "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": tables.encoder,
      "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": tables.decoder,
      "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight": matrix(8, H),
    };
    const plain = new Map<string, PlainModelLayer>();
    for (const module of [
      "encoder.block.0.layer.0.SelfAttention",
      "encoder.block.1.layer.0.SelfAttention",
      "decoder.block.0.layer.0.SelfAttention",
      "decoder.block.0.layer.1.EncDecAttention",
      "decoder.block.1.layer.0.SelfAttention",
    ]) {
      const [own, layer] = separate(module, names, false);
      Object.assign(tensors, own);
      const stack = module.startsWith("encoder") ? "encoder" : "decoder";
      const bias = (h: number, i: number, j: number) =>
        tables[stack].data[bucket(j - i, stack === "encoder") * H + h]!;
      plain.set(module, { ...layer, scale: 1, ...(module.endsWith("SelfAttention") && { bias }) });
    }
    const found = await find(tensors, {
      model_type: "t5",
      num_heads: H,
      relative_attention_max_distance: 20,
    });
    expect(found.map(describing)).toEqual([
      ["decoder.block.0.layer.0.SelfAttention", "t5", "self", true],
      ["decoder.block.0.layer.1.EncDecAttention", "t5", "cross", false],
      ["decoder.block.1.layer.0.SelfAttention", "t5", "self", true],
      ["encoder.block.0.layer.0.SelfAttention", "t5", "self", false],
      ["encoder.block.1.layer.0.SelfAttention", "t5", "self", false],
    ]);
    for (const each of found)
      await expectLayer(each, plain.get(each.name)!, each.kind === "cross" ? states : undefined);
  });

  it("without its table says so", async () => {
    const [tensors] = separate("encoder.block.3.layer.0.SelfAttention", names, false);
    const [found] = await find(tensors, { num_heads: H });
    await expect(found!.load()).rejects.toThrow(
      'the checkpoint has no "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"',
    );
  });
});

describe("findAttentionLayers", () => {
  const [tensors, plain] = separate("encoder.layer.0.attention", bertNames);

  it("takes tensors in memory, too, and float64", async () => {
    const [found] = findAttentionLayers(tensors, { num_attention_heads: H });
    await expectLayer(found!, plain);
    const doubles = Object.fromEntries(
      Object.entries(tensors).map(([name, { data, shape }]) => [
        name,
        { data: Float64Array.from(data), shape },
      ]),
    );
    await expectLayer(findAttentionLayers(doubles, { num_attention_heads: H })[0]!, plain);
  });

  it("finds nothing where no name is known", () => {
    expect(findAttentionLayers({ "wte.weight": matrix(3, 3) })).toEqual([]);
  });

  it.each<[string, () => unknown, object]>([
    [
      "the number of heads",
      () => findAttentionLayers(tensors),
      {
        code: "ERR_OPTION",
        message:
          '"config" expected "num_attention_heads" for "encoder.layer.0.attention": weights do not tell the number of heads',
      },
    ],
    [
      "heads that are a number",
      () => findAttentionLayers(tensors, { num_attention_heads: "3" }),
      { message: '"config.num_attention_heads" expected a whole number of at least 1, got "3"' },
    ],
    [
      "heads that divide",
      () => findAttentionLayers(tensors, { num_attention_heads: 5 })[0]!.load(),
      {
        message:
          '"config.num_attention_heads" expected a divisor of the 24 numbers that "encoder.layer.0.attention.self.query.weight" makes of a token, got 5',
      },
    ],
    [
      "all projections",
      () => {
        const { "encoder.layer.0.attention.self.key.weight": _, ...rest } = tensors;
        return findAttentionLayers(rest, { num_attention_heads: H })[0]!.load();
      },
      { message: 'the checkpoint has no "encoder.layer.0.attention.self.key.weight"' },
    ],
    [
      "the biases that its family has",
      () => {
        const { "encoder.layer.0.attention.self.query.bias": _, ...rest } = tensors;
        return findAttentionLayers(rest, { num_attention_heads: H });
      },
      {
        code: "ERR_UNSUPPORTED",
        message:
          '"encoder.layer.0.attention" has no tensor "self.query.bias"; expected self.query.bias, self.key.bias, self.value.bias, output.dense.bias',
      },
    ],
    [
      "biases of query, key and value, or none",
      () => {
        const [own] = separate("vit.encoder.layer.0.attention", vitNames);
        const { "vit.encoder.layer.0.attention.attention.key.bias": _, ...rest } = own;
        return findAttentionLayers(rest, { num_attention_heads: H });
      },
      {
        code: "ERR_UNSUPPORTED",
        message:
          '"vit.encoder.layer.0.attention" has no tensor "attention.key.bias"; expected attention.query.bias, attention.key.bias, attention.value.bias',
      },
    ],
    [
      "floats",
      () => {
        const bytes = { data: new Uint8Array(E * E), shape: [E, E] };
        const quantized = { ...tensors, "encoder.layer.0.attention.self.key.weight": bytes };
        return findAttentionLayers(quantized, { num_attention_heads: H })[0]!.load();
      },
      { code: "ERR_DTYPE" },
    ],
    ["a checkpoint", () => findAttentionLayers(null as never), { code: "ERR_OPTION" }],
    ["a config", () => findAttentionLayers({}, null as never), { code: "ERR_OPTION" }],
  ])("needs %s", async (_, call, error) => {
    await expect((async () => call())()).rejects.toMatchObject(error);
  });
});
