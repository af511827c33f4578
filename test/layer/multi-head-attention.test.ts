/** The layer against PyTorch's goldens and the reference: weights, masks, state dicts, errors, memory. */
import { describe, expect, it } from "vitest";
import {
  AttentionError,
  createEngine,
  type Engine,
  type ForwardOptions,
  type ForwardResult,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
  type StateDict,
  type TensorLike,
} from "wasm-attention";
import { multiHeadAttention } from "wasm-attention/reference";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { type Backend, forEachBackend, forEachEngine } from "../support/backends.ts";
import { type LayerCase, layerArguments, layerCases } from "../support/golden.ts";
import { type PlainLayer, plainLayer } from "../support/plain-layer.ts";
import { bytes, type FloatTensor, normal, sizeOf } from "../support/random-tensors.ts";
import { expectCloseOrDefined, torchTolerance } from "../support/tolerance.ts";

/** One pass, as the backend calls. */
async function pass(
  { call }: Backend,
  layer: MultiHeadAttention,
  [query, key, value]: readonly [TensorLike, TensorLike?, TensorLike?],
  options?: ForwardOptions,
): Promise<ForwardResult> {
  return call === "sync"
    ? layer.forwardSync(query, key, value, options)
    : layer.forward(query, key, value, options);
}

function layerOf(engine: Engine, golden: LayerCase): MultiHeadAttention {
  const { stateDict, config } = layerArguments(golden);
  return MultiHeadAttention.fromStateDict(stateDict, { ...config, engine });
}

describe("PyTorch's goldens", () => {
  it("are all here", () => expect(layerCases).toHaveLength(38));

  forEachBackend((backend) => {
    for (const golden of layerCases)
      it(golden.name, async () => {
        const { query, key, value, options } = layerArguments(golden);
        using layer = layerOf(backend.engine, golden);
        const { output, weights } = await pass(backend, layer, [query, key, value], options);
        const out = golden.tensor("out");
        const E = golden.ctor.embed_dim;
        // A query without any key has heads of 0: what is left is the output projection's bias.
        const bias = golden.has("out_proj.bias") ? golden.tensor("out_proj.bias").data : new Float32Array(E);
        const masked = expectCloseOrDefined(output, out, torchTolerance(out), "output", (i) => bias[i % E]!);
        expect(masked > 0).toBe(golden.nanExpected);
        expect(weights !== undefined).toBe(golden.call.need_weights);
        if (weights === undefined) return;
        const expected = golden.tensor("attn_weights");
        const maskedWeights = expectCloseOrDefined(weights, expected, torchTolerance(expected), "weights");
        expect(maskedWeights > 0).toBe(golden.nanExpected);
      });
  });
});

describe("state dicts", () => {
  it.each(layerCases)("$name: what went in comes out", (golden) => {
    const { stateDict } = layerArguments(golden);
    const engine = createEngine({ threads: 0 });
    const state = layerOf(engine, golden).toStateDict();
    expect(Object.keys(state).sort()).toEqual(Object.keys(stateDict).sort());
    for (const [name, { data, shape }] of Object.entries(stateDict)) {
      expect([name, state[name]!.shape]).toEqual([name, shape]);
      expectSameBits(state[name]!.data, data, name);
    }
  });

  it("are copies both ways", () => {
    const { stateDict } = layerArguments(layerCases[0]!);
    const first = stateDict.in_proj_weight!.data[0]!;
    const layer = MultiHeadAttention.fromStateDict(stateDict, { numHeads: 2 });
    stateDict.in_proj_weight!.data[0] = 99;
    layer.toStateDict().in_proj_weight!.data[0] = 98;
    expect(layer.toStateDict().in_proj_weight!.data[0]).toBe(first);
  });

  it("say the sizes", () => {
    const golden = layerCases.find(({ name }) => name.startsWith("mha-36"))!;
    const layer = layerOf(createEngine({ threads: 0 }), golden);
    const { embedDim, numHeads, numKvHeads, headDim } = layer;
    expect({ embedDim, numHeads, numKvHeads, headDim }).toEqual({
      embedDim: 24,
      numHeads: 3,
      numKvHeads: 3,
      headDim: 8,
    });
  });

  it.each<MultiHeadAttentionOptions>([
    { embedDim: 16, numHeads: 4 },
    { embedDim: 16, numHeads: 4, bias: false, seed: 3 },
    { embedDim: 16, numHeads: 4, kdim: 5, vdim: 6, addBiasKv: true },
    { embedDim: 16, numHeads: 4, numKvHeads: 2 },
    { embedDim: 16, numHeads: 4, headDim: 7, numKvHeads: 1 },
  ])("of a seeded layer make the same layer: %j", (options) => {
    const layer = new MultiHeadAttention({ ...options });
    const { numHeads, numKvHeads } = options;
    const again = MultiHeadAttention.fromStateDict(layer.toStateDict(), { numHeads, numKvHeads });
    expect(again.headDim).toBe(layer.headDim);
    const tokens = [normal([2, 5, 16], 1), normal([2, 6, options.kdim ?? 16], 2)] as const;
    const value = normal([2, 6, options.vdim ?? 16], 3);
    const expected = layer.forwardSync(...tokens, value).output;
    expectSameBits(again.forwardSync(...tokens, value).output.data, expected.data, "output");
    const other = new MultiHeadAttention({ ...options, seed: 77 });
    expect(other.forwardSync(...tokens, value).output.data).not.toEqual(expected.data);
  });

  it("a seed gives the same weights everywhere", () => {
    const { in_proj_weight } = new MultiHeadAttention({ embedDim: 8, numHeads: 2, seed: 1 }).toStateDict();
    const bound = Math.sqrt(6 / (8 + 24));
    expect(in_proj_weight!.data.every((x) => Math.abs(x) <= bound)).toBe(true);
    expect(new Set(in_proj_weight!.data).size).toBeGreaterThan(150);
    const again = new MultiHeadAttention({ embedDim: 8, numHeads: 2, seed: 1 }).toStateDict();
    expect(again.in_proj_weight!.data).toEqual(in_proj_weight!.data);
  });
});

const E = 24;
const seeded = (engine: Engine, options: Partial<MultiHeadAttentionOptions> = {}) =>
  new MultiHeadAttention({ embedDim: E, numHeads: 3, seed: 5, engine, ...options });

interface Solution {
  readonly exact: ReturnType<typeof multiHeadAttention>;
  readonly plain: PlainLayer;
}

/** Solutions by the options object that asked for them: one object goes with one layer and its tokens. */
const solved = new WeakMap<ForwardOptions, Solution>();

function solve(
  layer: MultiHeadAttention,
  [query, key = query, value = key]: readonly [FloatTensor, FloatTensor?, FloatTensor?],
  options: ForwardOptions,
  addZeroAttn: boolean,
): Solution {
  let solution = solved.get(options);
  if (solution === undefined) {
    const { signal: _, ...what } = options;
    const state = layer.toStateDict();
    const config = { numHeads: layer.numHeads, addZeroAttn };
    solution = {
      exact: multiHeadAttention(state, config, query, key, value, what),
      plain: plainLayer(state, config, [query, key, value], what),
    };
    solved.set(options, solution);
  }
  return solution;
}

/** Passes tokens through the layer and compares with the reference, as exact as plain float32 allows. */
async function expectPass(
  backend: Backend,
  layer: MultiHeadAttention,
  tokens: readonly [FloatTensor, FloatTensor?, FloatTensor?],
  options: ForwardOptions = {},
  addZeroAttn = false,
): Promise<ForwardResult> {
  const actual = await pass(backend, layer, tokens, options);
  const { exact, plain } = solve(layer, tokens, options, addZeroAttn);
  expectAccurate(actual.output, exact.output, plainTolerance(exact.output.data, plain.output), "output");
  expect(actual.weights !== undefined).toBe(options.needWeights ?? false);
  if (actual.weights) {
    const plainWeights = options.averageWeights === false ? plain.weights : plain.averageWeights;
    const tolerance = plainTolerance(exact.weights!.data, plainWeights);
    expectAccurate(actual.weights, exact.weights!, tolerance, "weights");
  }
  return actual;
}

const [B, L, S] = [2, 9, 70];
const [query, key, value] = [normal([B, L, E], 1), normal([B, S, E], 2), normal([B, S, E], 3)];
const padding = {
  data: Uint8Array.from({ length: B * S }, (_, n) => (n % S < (n < S ? 70 : 33) ? 1 : 0)),
  shape: [B, S],
};
const additivePadding = {
  data: Float32Array.from(padding.data, (keep) => (keep ? 0.5 : -Infinity)),
  shape: [B, S],
};

const masks: [string, ForwardOptions][] = [
  ["none", {}],
  ["causal", { causal: true }],
  ["padding", { keyPaddingMask: padding }],
  ["additive padding", { keyPaddingMask: additivePadding }],
  ["[L, S]", { attnMask: bytes([L, S], 1) }],
  ["[H, L, S]", { attnMask: normal([3, L, S], 2) }],
  ["[B, H, L, S]", { attnMask: bytes([B, 3, L, S], 3) }],
  ["[B, 1, L, S], additive", { attnMask: normal([B, 1, L, S], 4) }],
  ["padding and causal", { keyPaddingMask: padding, causal: true }],
  ["boolean and padding", { keyPaddingMask: padding, attnMask: bytes([L, S], 5) }],
  ["boolean and additive padding", { keyPaddingMask: additivePadding, attnMask: bytes([3, L, S], 6) }],
  ["additive and padding", { keyPaddingMask: padding, attnMask: normal([3, L, S], 7) }],
  ["additive and additive padding", { keyPaddingMask: additivePadding, attnMask: normal([L, S], 8) }],
  ["all of them", { keyPaddingMask: padding, attnMask: bytes([B, 3, L, S], 9), causal: true }],
  [
    "all of them, additive",
    { keyPaddingMask: additivePadding, attnMask: normal([3, L, S], 10), causal: true },
  ],
];

const extras = [{}, { addBiasKv: true }, { addZeroAttn: true }, { addBiasKv: true, addZeroAttn: true }];
const maskCases = masks.flatMap(([name, options]) =>
  extras.map((extra) => ({
    name: `${name} ${JSON.stringify(extra)}`,
    extra,
    options: { ...options },
    averaged: { ...options, needWeights: true },
    perHead: { ...options, needWeights: true, averageWeights: false },
  })),
);

describe("masks", () => {
  forEachBackend((backend) => {
    for (const { name, extra, options, averaged, perHead } of maskCases)
      it(name, async () => {
        using layer = seeded(backend.engine, extra);
        const tokens = [query, key, value] as const;
        const zero = "addZeroAttn" in extra;
        const { weights } = await expectPass(backend, layer, tokens, perHead, zero);
        expect(weights!.shape).toEqual([B, 3, L, S + Object.keys(extra).length]);
        await expectPass(backend, layer, tokens, averaged, zero);
        await expectPass(backend, layer, tokens, options, zero);
      });
  });
});

describe("arguments", () => {
  forEachBackend((backend) => {
    it("one is self-attention, two have value = key", async () => {
      using layer = seeded(backend.engine);
      const self = await expectPass(backend, layer, [query], { needWeights: true });
      expect(self.weights!.shape).toEqual([B, L, L]);
      const named = await pass(backend, layer, [query, query, query], { needWeights: true });
      expectSameBits(named.output.data, self.output.data, "self");
      const cross = await expectPass(backend, layer, [query, key], { needWeights: true });
      const both = await pass(backend, layer, [query, key, key]);
      expectSameBits(both.output.data, cross.output.data, "cross");
    });

    it("unbatched ones give unbatched results", async () => {
      using layer = seeded(backend.engine, { addBiasKv: true });
      const one = (x: FloatTensor) => ({
        data: x.data.subarray(0, x.data.length / B),
        shape: x.shape.slice(1),
      });
      const keyPaddingMask = { data: padding.data.subarray(0, S), shape: [S] };
      for (const averageWeights of [true, false]) {
        const options = { keyPaddingMask, needWeights: true, averageWeights };
        const { output, weights } = await expectPass(
          backend,
          layer,
          [one(query), one(key), one(value)],
          options,
        );
        expect(output.shape).toEqual([L, E]);
        expect(weights!.shape).toEqual(averageWeights ? [L, S + 1] : [3, L, S + 1]);
      }
    });

    it("widths of their own", async () => {
      using layer = seeded(backend.engine, { kdim: 10, vdim: 33, addZeroAttn: true });
      await expectPass(
        backend,
        layer,
        [query, normal([B, S, 10], 4), normal([B, S, 33], 5)],
        { causal: true },
        true,
      );
    });

    it("nothing: no entries, no queries, no keys", async () => {
      using layer = seeded(backend.engine);
      for (const [b, l, s] of [
        [0, L, S],
        [B, 0, S],
        [B, L, 0],
      ] as const) {
        const tokens = [normal([b, l, E], 1), normal([b, s, E], 2)] as const;
        const { output, weights } = await expectPass(backend, layer, tokens, { needWeights: true });
        expect([output.shape, weights!.shape]).toEqual([
          [b, l, E],
          [b, l, s],
        ]);
      }
    });

    it("no keys but bias_k and the zero key", async () => {
      using open = seeded(backend.engine, { addBiasKv: true, addZeroAttn: true });
      await expectPass(backend, open, [query, normal([B, 0, E], 2)], { needWeights: true }, true);
    });
    it("no keys but bias_k and the zero key, with a mask", async () => {
      using open = seeded(backend.engine, { addBiasKv: true, addZeroAttn: true });
      await expectPass(backend, open, [query, normal([B, 0, E], 2)], { causal: true }, true);
    });

    it("tokens that all other calls share", async () => {
      using layer = seeded(backend.engine);
      const alone = await pass(backend, layer, [query, key], { causal: true });
      const calls = Array.from({ length: 20 }, () => pass(backend, layer, [query, key], { causal: true }));
      for (const { output } of await Promise.all(calls))
        expectSameBits(output.data, alone.output.data, "output");
    });

    it("more tokens than a tile: several of each", async () => {
      using layer = new MultiHeadAttention({ embedDim: 96, numHeads: 2, seed: 1, engine: backend.engine });
      await expectPass(backend, layer, [normal([2, 300, 96], 1)], { causal: true });
    });
  });
});

describe("a layer's memory", () => {
  forEachEngine((_, engine) => {
    it("holds the packed weights from the first pass until it is disposed of", async () => {
      const layer = seeded(engine());
      const used = () => engine().info().memory.used;
      expect(used()).toBe(0);
      layer.forwardSync(query);
      const held = used();
      expect(held).toBeGreaterThanOrEqual(4 * E * E * 4);
      await layer.forward(query, key, value, { needWeights: true });
      expect(used()).toBe(held);
      layer.dispose();
      layer.dispose();
      expect(used()).toBe(0);
      expect(() => layer.forwardSync(query)).toThrow("this layer is disposed");
      await expect(layer.forward(query)).rejects.toMatchObject({ code: "ERR_DISPOSED" });
    });

    it("is not touched by a call that is refused, or aborted before", async () => {
      using layer = seeded(engine());
      expect(() => layer.forwardSync(query, normal([1, S, E], 1))).toThrow(AttentionError);
      const reason = new Error("no");
      await expect(layer.forward(query, key, value, { signal: AbortSignal.abort(reason) })).rejects.toBe(
        reason,
      );
      expect(engine().info()).toMatchObject({ running: 0, memory: { used: 0 } });
    });

    it("takes tokens that lie in the engine", async () => {
      using layer = seeded(engine());
      const expected = layer.forwardSync(query, key).output;
      using q = engine().tensor(query.shape);
      using k = engine().tensor(key.shape);
      q.data.set(query.data);
      k.data.set(key.data);
      expectSameBits(layer.forwardSync(q, k).output.data, expected.data, "sync");
      expectSameBits((await layer.forward(q, k)).output.data, expected.data, "async");
    });
  });
});

describe("errors", () => {
  const engine = createEngine({ threads: 0 });
  const f32 = (...shape: number[]): FloatTensor => ({ data: new Float32Array(sizeOf(shape)), shape });
  type Wrong = [name: string, call: () => unknown, code: AttentionError["code"], message: string];

  const optionNames = "embedDim, numHeads, numKvHeads, headDim, kdim, vdim, bias, addBiasKv, addZeroAttn, ";
  const whole = "expected a whole number of at least 1, got";
  const made = (options: object) => () => new MultiHeadAttention(options as MultiHeadAttentionOptions);
  const constructed: Wrong[] = [
    ["no sizes", made({}), "ERR_OPTION", `"embedDim" ${whole} undefined`],
    ["no heads", made({ embedDim: 8 }), "ERR_OPTION", `"numHeads" ${whole} undefined`],
    ["embedDim of 0", made({ embedDim: 0, numHeads: 1 }), "ERR_OPTION", `"embedDim" ${whole} 0`],
    [
      "numHeads",
      made({ embedDim: 8, numHeads: 3 }),
      "ERR_OPTION",
      '"numHeads" expected a divisor of embedDim=8, got 3',
    ],
    [
      "numKvHeads",
      made({ embedDim: 8, numHeads: 4, numKvHeads: 3 }),
      "ERR_OPTION",
      '"numKvHeads" expected a divisor of numHeads=4, got 3',
    ],
    ["headDim", made({ embedDim: 8, numHeads: 4, headDim: 0 }), "ERR_OPTION", `"headDim" ${whole} 0`],
    ["kdim", made({ embedDim: 8, numHeads: 4, kdim: -1 }), "ERR_OPTION", `"kdim" ${whole} -1`],
    [
      "bias",
      made({ embedDim: 8, numHeads: 4, bias: 1 }),
      "ERR_OPTION",
      '"bias" expected true or false, got 1',
    ],
    [
      "addBiasKv",
      made({ embedDim: 8, numHeads: 4, addBiasKv: 0 }),
      "ERR_OPTION",
      '"addBiasKv" expected true or false, got 0',
    ],
    [
      "addZeroAttn",
      made({ embedDim: 8, numHeads: 4, addZeroAttn: "a" }),
      "ERR_OPTION",
      '"addZeroAttn" expected true or false, got "a"',
    ],
    [
      "seed",
      made({ embedDim: 8, numHeads: 4, seed: -1 }),
      "ERR_OPTION",
      '"seed" expected a whole number from 0 to 2^53 - 1, got -1',
    ],
    [
      "an option that does not exist",
      made({ embedDim: 8, numHeads: 4, dropout: 0 }),
      "ERR_OPTION",
      `"dropout" is no option here; expected ${optionNames}`,
    ],
  ];

  const stacked = () => new MultiHeadAttention({ embedDim: 8, numHeads: 2, addBiasKv: true }).toStateDict();
  const separate = () => new MultiHeadAttention({ embedDim: 8, numHeads: 2, kdim: 5, vdim: 6 }).toStateDict();
  const read =
    (state: StateDict, options: object = { numHeads: 2 }) =>
    () =>
      MultiHeadAttention.fromStateDict(state, options as { numHeads: number });
  const states: Wrong[] = [
    ["numHeads of 0", read(stacked(), { numHeads: 0 }), "ERR_OPTION", `"numHeads" ${whole} 0`],
    [
      "numHeads of 3",
      read(stacked(), { numHeads: 3 }),
      "ERR_OPTION",
      '"numHeads" expected a divisor of E=8, got 3',
    ],
    [
      "addZeroAttn",
      read(stacked(), { numHeads: 2, addZeroAttn: 1 }),
      "ERR_OPTION",
      '"addZeroAttn" expected true or false, got 1',
    ],
    [
      "numKvHeads of a stacked weight",
      read(stacked(), { numHeads: 2, numKvHeads: 1 }),
      "ERR_OPTION",
      '"numKvHeads" 1 needs separate weights, not a stacked "in_proj_weight"',
    ],
    [
      "an option that does not exist",
      read(stacked(), { numHeads: 2, heads: 2 }),
      "ERR_OPTION",
      '"heads" is no option here; expected numHeads, numKvHeads, addZeroAttn, ',
    ],
    [
      "a stacked weight and a separate one",
      read({ ...stacked(), q_proj_weight: f32(8, 8) }),
      "ERR_OPTION",
      'the state dict has both "in_proj_weight" and "q_proj_weight"',
    ],
    ["options: null", read(stacked(), null as never), "ERR_OPTION", '"options" expected an object, got null'],
    [
      "an unknown name",
      read({ ...stacked(), in_proj: f32(1) }),
      "ERR_OPTION",
      'the state dict has "in_proj" (did you mean "in_proj_weight"?); expected in_proj_weight, q_proj_weight, ',
    ],
    [
      "no out_proj.weight",
      read({ ...stacked(), "out_proj.weight": undefined }),
      "ERR_OPTION",
      'the state dict has no "out_proj.weight"',
    ],
    [
      "no weight at all",
      read({ ...stacked(), in_proj_weight: null }),
      "ERR_OPTION",
      'the state dict has no "in_proj_weight", and no "q_proj_weight"',
    ],
    [
      "names with a model's before them",
      read({ "encoder.attn.in_proj_weight": f32(24, 8) }),
      "ERR_OPTION",
      'the state dict has "encoder.attn.in_proj_weight", not "in_proj_weight": take "encoder.attn." off its names',
    ],
    [
      "no k_proj_weight",
      read({ ...separate(), k_proj_weight: undefined }),
      "ERR_OPTION",
      'the state dict has no "k_proj_weight"',
    ],
    [
      "bias_k alone",
      read({ ...stacked(), bias_v: undefined }),
      "ERR_OPTION",
      'the state dict has no "bias_v"',
    ],
    [
      "bias_v alone",
      read({ ...stacked(), bias_k: undefined }),
      "ERR_OPTION",
      'the state dict has no "bias_k"',
    ],
    [
      "in_proj_weight",
      read({ ...stacked(), in_proj_weight: f32(23, 8) }),
      "ERR_SHAPE",
      '"in_proj_weight" expected shape [24, 8], got [23, 8]',
    ],
    [
      "in_proj_bias",
      read({ ...stacked(), in_proj_bias: f32(8) }),
      "ERR_SHAPE",
      '"in_proj_bias" expected shape [24], got [8]',
    ],
    [
      "out_proj.weight",
      read({ ...stacked(), "out_proj.weight": f32(8, 7) }),
      "ERR_SHAPE",
      '"out_proj.weight" expected shape [8, 8], got [8, 7]',
    ],
    [
      "out_proj.bias",
      read({ ...stacked(), "out_proj.bias": f32(7) }),
      "ERR_SHAPE",
      '"out_proj.bias" expected shape [8], got [7]',
    ],
    [
      "bias_k",
      read({ ...stacked(), bias_k: f32(8) }),
      "ERR_SHAPE",
      '"bias_k" expected shape [1, 1, 8], got [8]',
    ],
    [
      "k_proj_weight",
      read({ ...separate(), k_proj_weight: f32(7, 5) }),
      "ERR_SHAPE",
      '"k_proj_weight" expected shape [8, 5], got [7, 5]',
    ],
    [
      "float64",
      read({ ...stacked(), in_proj_weight: { data: new Float64Array(192), shape: [24, 8] } as never }),
      "ERR_DTYPE",
      '"in_proj_weight" expected data of type Float32Array, got Float64Array',
    ],
  ];

  const layer = new MultiHeadAttention({ embedDim: 8, numHeads: 2, kdim: 5, vdim: 6, engine });
  const [q, k, v] = [f32(2, 3, 8), f32(2, 4, 5), f32(2, 4, 6)];
  const forward =
    (options: object, args: FloatTensor[] = [q, k, v]) =>
    () =>
      layer.forwardSync(...(args as [FloatTensor, FloatTensor, FloatTensor]), options);
  const forwardNames =
    "keyPaddingMask, attnMask, causal, headMask, needWeights, averageWeights, cache, lengths, signal";
  const maskTypes = "expected data of type Uint8Array or Float32Array, got";
  const passes: Wrong[] = [
    [
      "query: width",
      forward({}, [f32(2, 3, 7), k, v]),
      "ERR_SHAPE",
      '"query" expected shape [B, L, E=8], got [2, 3, 7]',
    ],
    [
      "query: rank",
      forward({}, [f32(1, 2, 3, 8), k, v]),
      "ERR_SHAPE",
      '"query" expected shape [B, L, E=8], got [1, 2, 3, 8]',
    ],
    [
      "key: width",
      forward({}, [q, f32(2, 4, 6), v]),
      "ERR_SHAPE",
      '"key" expected shape [B=2, S, kdim=5], got [2, 4, 6]',
    ],
    [
      "key: batch",
      forward({}, [q, f32(1, 4, 5), v]),
      "ERR_SHAPE",
      '"key" expected shape [B=2, S, kdim=5], got [1, 4, 5]',
    ],
    [
      "key: batched, query not",
      forward({}, [f32(3, 8), k, v]),
      "ERR_SHAPE",
      '"key" expected shape [S, kdim=5], got [2, 4, 5]',
    ],
    [
      "value: length",
      forward({}, [q, k, f32(2, 5, 6)]),
      "ERR_SHAPE",
      '"value" expected shape [B=2, S=4, vdim=6], got [2, 5, 6]',
    ],
    [
      "no key",
      () => layer.forwardSync(q),
      "ERR_SHAPE",
      '"key" expected shape [B=2, S, kdim=5], got [2, 3, 8]',
    ],
    [
      "no query",
      () => layer.forwardSync(undefined as never),
      "ERR_DTYPE",
      '"query" expected a tensor { data, shape }, got undefined',
    ],
    [
      "keyPaddingMask: shape",
      forward({ keyPaddingMask: bytes([4], 1) }),
      "ERR_SHAPE",
      '"keyPaddingMask" expected shape [B=2, S=4], got [4]',
    ],
    [
      "keyPaddingMask: type",
      forward({ keyPaddingMask: { data: new Float64Array(8), shape: [2, 4] } }),
      "ERR_DTYPE",
      `"keyPaddingMask" ${maskTypes} Float64Array`,
    ],
    [
      "attnMask: shape",
      forward({ attnMask: f32(3, 5) }),
      "ERR_SHAPE",
      '"attnMask" expected a shape that broadcasts to [2, 2, 3, 4], got [3, 5]',
    ],
    [
      "attnMask: heads",
      forward({ attnMask: f32(3, 3, 4) }),
      "ERR_SHAPE",
      '"attnMask" expected a shape that broadcasts to [2, 2, 3, 4], got [3, 3, 4]',
    ],
    [
      "attnMask: type",
      forward({ attnMask: { data: new Int8Array(12), shape: [3, 4] } }),
      "ERR_DTYPE",
      `"attnMask" ${maskTypes} Int8Array`,
    ],
    [
      "causal",
      forward({ causal: "top-left" }),
      "ERR_OPTION",
      '"causal" expected true or false, got "top-left"',
    ],
    ["needWeights", forward({ needWeights: 1 }), "ERR_OPTION", '"needWeights" expected true or false, got 1'],
    [
      "averageWeights",
      forward({ averageWeights: 0 }),
      "ERR_OPTION",
      '"averageWeights" expected true or false, got 0',
    ],
    [
      "an option that does not exist",
      forward({ isCausal: true }),
      "ERR_OPTION",
      `"isCausal" is no option here (did you mean "causal"?); expected ${forwardNames}`,
    ],
  ];

  describe.each([
    ["new MultiHeadAttention", constructed],
    ["fromStateDict", states],
    ["forward", passes],
  ])("%s", (_, wrongs) => {
    it.each(wrongs)("%s", (_, call, code, message) => {
      const { memory } = engine.info();
      expect(call).toThrow(AttentionError);
      expect(call).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
      expect(engine.info().memory).toEqual(memory);
    });
  });
});
