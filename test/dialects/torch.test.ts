/** PyTorch's spelling: its own results by its own masks and defaults, and what those do not reach. */
import { describe, expect, it } from "vitest";
import {
  AttentionError,
  createEngine,
  type Engine,
  MultiHeadAttention,
  scaledDotProductAttentionSync,
  type Tensor,
} from "wasm-attention";
import {
  MultiheadAttention,
  type ScaledDotProductAttentionOptions,
  scaled_dot_product_attention,
  scaled_dot_product_attention_async,
  type TorchMask,
} from "wasm-attention/torch";
import { forEachEngine } from "../support/backends.ts";
import { type AttentionCase, attentionCases, type LayerCase, layerCases } from "../support/golden.ts";
import { bytes, type FloatTensor, normal, sizeOf } from "../support/random-tensors.ts";
import { exactly, expectCloseOrDefined, expectTensorClose, torchTolerance } from "../support/tolerance.ts";

/** Whether PyTorch's function has arguments for a case: one mask or causality, and nothing else. */
function isExpressible({ call }: AttentionCase): boolean {
  const { causal, window, softcap, mask, bias, alibi, t5, rope, qk_norm } = call;
  if (window ?? softcap ?? alibi ?? t5 ?? rope ?? qk_norm) return false;
  if (causal === "bottom_right") return false;
  return [causal, mask, bias].filter((given) => given !== null).length <= 1;
}

const expressible = attentionCases.filter(isExpressible);

/** The arguments after query, key and value. */
function sdpaArguments({ call, ctor, ...golden }: AttentionCase, engine: Engine) {
  const mask = call.mask ?? call.bias;
  const options: ScaledDotProductAttentionOptions = {
    scale: call.scale,
    enable_gqa: ctor.H !== ctor.Hkv,
    engine,
  };
  return [
    mask === null ? undefined : (golden.anyTensor(mask) as TorchMask),
    0,
    call.causal !== null,
    options,
  ] as const;
}

describe("PyTorch's goldens of scaled_dot_product_attention", () => {
  it("are those that it has arguments for", () => expect(expressible.length).toBe(40));
  forEachEngine((_, engine) => {
    for (const golden of expressible)
      it(golden.name, async () => {
        const [q, k, v, out] = ["q", "k", "v", "out"].map((name) => golden.tensor(name));
        const rest = sdpaArguments(golden, engine());
        for (const output of [
          scaled_dot_product_attention(q!, k!, v!, ...rest),
          await scaled_dot_product_attention_async(q!, k!, v!, ...rest),
        ]) {
          const masked = expectCloseOrDefined(output, out!, torchTolerance(out!), "output");
          expect(masked).toBe(golden.fullyMaskedRows * golden.ctor.Dv);
        }
      });
  });
});

/** `[B, length, size]` as `[length, B, size]` and back. */
function swapped({ data, shape }: FloatTensor): FloatTensor {
  const [first, second, size] = shape as [number, number, number];
  const out = new Float32Array(data.length);
  for (let i = 0; i < first; i++)
    for (let j = 0; j < second; j++)
      out.set(data.subarray((i * second + j) * size, (i * second + j + 1) * size), (j * first + i) * size);
  return { data: out, shape: [second, first, size] };
}

function layerOf(golden: LayerCase, batch_first: boolean, engine: Engine): MultiheadAttention {
  const { embed_dim, num_heads, ...options } = golden.ctor;
  const { bias, add_bias_kv, add_zero_attn, kdim, vdim } = options;
  const sizes = { bias, add_bias_kv, add_zero_attn, kdim, vdim };
  const layer = new MultiheadAttention(embed_dim, num_heads, { ...sizes, batch_first, engine });
  layer.load_state_dict(Object.fromEntries(golden.parameters.map((name) => [name, golden.tensor(name)])));
  return layer;
}

describe("PyTorch's goldens of MultiheadAttention", () => {
  it("are all here", () => expect(layerCases.length).toBe(38));
  forEachEngine((_, engine) => {
    for (const golden of layerCases)
      for (const batch_first of [true, false])
        it(`${golden.name}${batch_first ? ", batch_first" : ""}`, async () => {
          const { call, ctor } = golden;
          using layer = layerOf(golden, batch_first, engine());
          const given = [call.query, call.key, call.value].map((name) => golden.tensor(name));
          const [q, k, v] = batch_first ? given : given.map(swapped);
          const mask = (name: string | null) => name && (golden.anyTensor(name) as TorchMask);
          const options = {
            key_padding_mask: mask(call.key_padding_mask) || undefined,
            attn_mask: mask(call.attn_mask) || undefined,
            need_weights: call.need_weights,
            average_attn_weights: call.average_attn_weights,
          };
          const out = golden.tensor("out");
          const E = ctor.embed_dim;
          // A query without any key has heads of 0: what is left is the output projection's bias.
          const bias = golden.has("out_proj.bias")
            ? golden.tensor("out_proj.bias").data
            : new Float32Array(E);
          for (const [output, weights] of [
            layer.forward(q!, k!, v!, options),
            await layer.forward_async(q!, k!, v!, options),
          ]) {
            const actual = batch_first ? output : swapped(output);
            const tolerance = torchTolerance(out);
            const masked = expectCloseOrDefined(actual, out, tolerance, "output", (i) => bias[i % E]!);
            expect(masked > 0).toBe(golden.nanExpected);
            expect(weights !== undefined).toBe(call.need_weights);
            if (weights === undefined) continue;
            const expected = golden.tensor("attn_weights");
            expectCloseOrDefined(weights, expected, torchTolerance(expected), "weights");
          }
        });
  });
});

const close = { absolute: 1e-6, relative: 1e-5 };

describe("scaled_dot_product_attention", () => {
  const [L, S, E, V] = [3, 5, 4, 2];

  /** The matrix of a broadcast tensor at an index of the leading dimensions. */
  function matrixAt(
    x: { data: Float32Array | Uint8Array; shape: readonly number[] },
    index: readonly number[],
  ) {
    const outer = x.shape.slice(0, -2);
    const rank = outer.length;
    let n = 0;
    for (let d = 0; d < rank; d++) {
      const own = outer[d]! === 1 ? 0 : index[index.length - rank + d]!;
      n = n * outer[d]! + own;
    }
    const size = sizeOf(x.shape.slice(-2));
    return { data: x.data.slice(n * size, (n + 1) * size) as Float32Array, shape: x.shape.slice(-2) };
  }

  function indexAt(n: number, shape: readonly number[]): number[] {
    const index: number[] = [];
    for (const size of [...shape].reverse()) {
      index.unshift(n % size);
      n = Math.floor(n / size);
    }
    return index;
  }

  const broadcasts: [q: number[], k: number[], v: number[], leading: number[], mask?: number[]][] = [
    [[], [], [], [], [L, S]],
    [[3], [3], [3], [3], [3, 1, S]],
    [[3], [], [], [3], [L, S]],
    [[], [3], [3], [3], [1, S]],
    [[3], [3], [1], [3]],
    [
      [2, 3],
      [2, 3],
      [2, 3],
      [2, 3],
      [2, 1, L, S],
    ],
    [[2, 3], [3], [1], [2, 3], [3, 1, 1]],
    [
      [2, 4],
      [2, 1],
      [2, 1],
      [2, 4],
      [1, 4, L, S],
    ],
    [
      [1, 4],
      [2, 1],
      [2, 4],
      [2, 4],
    ],
    [
      [2, 3, 4],
      [2, 3, 4],
      [2, 3, 4],
      [2, 3, 4],
      [3, 1, L, S],
    ],
    [
      [2, 1, 4],
      [3, 1],
      [2, 1, 1],
      [2, 3, 4],
      [2, 1, 4, 1, S],
    ],
  ];

  it("broadcasts any leading dimensions", () => {
    for (const [q, k, v, leading, mask] of broadcasts) {
      const query = normal([...q, L, E], 1);
      const key = normal([...k, S, E], 2);
      const value = normal([...v, S, V], 3);
      const masks = mask ? [normal(mask, 4), { ...bytes(mask, 5) }] : [undefined];
      for (const attn_mask of masks) {
        const output = scaled_dot_product_attention(query, key, value, attn_mask as TorchMask);
        expect(output.shape).toEqual([...leading, L, V]);
        for (let n = 0; n < sizeOf(leading); n++) {
          const index = indexAt(n, leading);
          const one = scaledDotProductAttentionSync(
            matrixAt(query, index),
            matrixAt(key, index),
            matrixAt(value, index),
            attn_mask && { mask: matrixAt(attn_mask, index) },
          ).output;
          const part = { data: output.data.subarray(n * L * V, (n + 1) * L * V), shape: [L, V] };
          expectTensorClose(part, one, close, `${JSON.stringify([q, k, v])}[${index}]`);
        }
      }
    }
  });

  it("shares key heads among query heads with enable_gqa, in any rank from 3 on", () => {
    const query = normal([2, 1, 4, L, E], 1);
    const key = normal([3, 2, S, E], 2);
    const value = normal([2, 3, 2, S, V], 3);
    const output = scaled_dot_product_attention(query, key, value, null, 0, true, { enable_gqa: true });
    expect(output.shape).toEqual([2, 3, 4, L, V]);
    for (let n = 0; n < 24; n++) {
      const [a, b, h] = indexAt(n, [2, 3, 4]) as [number, number, number];
      const at = [a, b, Math.floor(h / 2)];
      const { output: one } = scaledDotProductAttentionSync(
        matrixAt(query, [a, b, h]),
        matrixAt(key, at),
        matrixAt(value, at),
        { causal: true },
      );
      const part = { data: output.data.subarray(n * L * V, (n + 1) * L * V), shape: [L, V] };
      expectTensorClose(part, one, close, `[${[a, b, h]}]`);
    }
  });

  it("keeps a boolean mask's 1 as attend, and gives zeros where nothing is left", () => {
    const x = { data: Float32Array.of(1, 2), shape: [2, 1] };
    const attn_mask = { data: Uint8Array.of(0, 1, 0, 0), shape: [2, 2] };
    expect([...scaled_dot_product_attention(x, x, x, attn_mask).data]).toEqual([2, 0]);
  });
});

describe("MultiheadAttention", () => {
  const [B, H, L, S, E] = [2, 2, 3, 5, 8];
  const query = normal([B, L, E], 1);
  const key = normal([B, S, E], 2);
  const layer = new MultiheadAttention(E, H, { batch_first: true, seed: 4 });

  it("has PyTorch's defaults", () => {
    const plain = new MultiheadAttention(E, H, { seed: 4 });
    expect(plain).toMatchObject({
      embed_dim: E,
      num_heads: H,
      head_dim: 4,
      kdim: E,
      vdim: E,
      batch_first: false,
    });
    const [output, weights] = plain.forward(swapped(query), swapped(key), swapped(key));
    const [expected, same] = layer.forward(query, key, key);
    expectTensorClose(swapped(output), expected, exactly, "output");
    expectTensorClose(weights!, same!, exactly, "weights");
    expect(weights!.shape).toEqual([B, L, S]);
    expect(
      plain.forward(swapped(query), swapped(key), swapped(key), { need_weights: false })[1],
    ).toBeUndefined();
  });

  it("has PyTorch's parameters, and gives and takes them", () => {
    const shapes = (state: Record<string, Tensor>) =>
      Object.fromEntries(Object.entries(state).map(([name, { shape }]) => [name, shape]));
    expect(shapes(layer.state_dict())).toEqual({
      in_proj_weight: [3 * E, E],
      in_proj_bias: [3 * E],
      "out_proj.weight": [E, E],
      "out_proj.bias": [E],
    });
    const options = {
      bias: false,
      add_bias_kv: true,
      add_zero_attn: true,
      kdim: 3,
      vdim: 5,
      batch_first: true,
    };
    const first = new MultiheadAttention(E, H, { ...options, seed: 1 });
    const second = new MultiheadAttention(E, H, { ...options, seed: 2 });
    expect(shapes(first.state_dict())).toEqual({
      q_proj_weight: [E, E],
      k_proj_weight: [E, 3],
      v_proj_weight: [E, 5],
      bias_k: [1, 1, E],
      bias_v: [1, 1, E],
      "out_proj.weight": [E, E],
    });
    const pass = (mha: MultiheadAttention) => mha.forward(query, normal([B, S, 3], 3), normal([B, S, 5], 4));
    expect(pass(second)[0].data).not.toEqual(pass(first)[0].data);
    second.load_state_dict({ ...first.state_dict(), in_proj_bias: undefined });
    expect(pass(second)).toEqual(pass(first));
    expect(pass(second)[1]!.shape).toEqual([B, L, S + 2]);
  });

  it("keeps a boolean mask's 1 as ignore: the opposite of MultiHeadAttention", () => {
    const other = MultiHeadAttention.fromStateDict(layer.state_dict(), { numHeads: H });
    const ignore = bytes([B * H, L, S], 6, 0.4);
    const padding = bytes([B, S], 7, 0.2);
    const attend = ({ data }: { data: Uint8Array }, shape: number[]) => ({
      data: data.map((n) => 1 - n),
      shape,
    });
    const [output, weights] = layer.forward(query, key, key, {
      attn_mask: ignore,
      key_padding_mask: padding,
    });
    const expected = other.forwardSync(query, key, key, {
      attnMask: attend(ignore, [B, H, L, S]),
      keyPaddingMask: attend(padding, [B, S]),
      needWeights: true,
    });
    expectTensorClose(output, expected.output, exactly, "output");
    expectTensorClose(weights!, expected.weights!, exactly, "weights");
  });

  it("takes unbatched tensors, whatever batch_first says", () => {
    const one = (x: FloatTensor) => ({ data: x.data.slice(0, x.data.length / B), shape: x.shape.slice(1) });
    const attn_mask = bytes([H, L, S], 8, 0.3);
    const key_padding_mask = normal([S], 9);
    const batch = layer.forward(
      { ...one(query), shape: [1, L, E] },
      { ...one(key), shape: [1, S, E] },
      { ...one(key), shape: [1, S, E] },
      { attn_mask, key_padding_mask: { ...key_padding_mask, shape: [1, S] }, average_attn_weights: false },
    );
    for (const batch_first of [true, false]) {
      const mha = new MultiheadAttention(E, H, { batch_first, seed: 4 });
      const [output, weights] = mha.forward(one(query), one(key), one(key), {
        attn_mask,
        key_padding_mask,
        average_attn_weights: false,
      });
      expectTensorClose(output, { ...batch[0], data: batch[0].data, shape: [L, E] }, exactly, "output");
      expectTensorClose(weights!, { data: batch[1]!.data, shape: [H, L, S] }, exactly, "weights");
    }
  });

  it("takes is_causal as a hint on the causal mask", () => {
    const data = Uint8Array.from({ length: L * S }, (_, n) => Number(n % S > Math.floor(n / S)));
    const attn_mask = { data, shape: [L, S] };
    for (const add_zero_attn of [true, false]) {
      const mha = new MultiheadAttention(E, H, { batch_first: true, add_zero_attn });
      const [expected] = mha.forward(query, key, key, { attn_mask });
      for (const need_weights of [true, false]) {
        const [output] = mha.forward(query, key, key, { attn_mask, is_causal: true, need_weights });
        expectTensorClose(output, expected, close, "output");
      }
    }
  });

  it("forgets no memory", async () => {
    const engine = createEngine({ threads: 0 });
    {
      using mha = new MultiheadAttention(E, H, { engine });
      mha.forward(query, query, query);
      expect(engine.info().memory.used).toBeGreaterThan(0);
    }
    expect(engine.info().memory.used).toBe(0);
    await engine.dispose();
  });
});

describe("what does not fit is refused by PyTorch's names", () => {
  const f32 = (...shape: number[]) => normal(shape, 1);
  const u8 = (...shape: number[]) => bytes(shape, 1);
  const x = f32(2, 3, 4);
  const sdpa = (...given: unknown[]) => [
    () => (scaled_dot_product_attention as (...all: unknown[]) => unknown)(...given),
    () => (scaled_dot_product_attention_async as (...all: unknown[]) => unknown)(...given),
  ];
  const make = (embed_dim: number, num_heads: number, options = {}) => [
    () => new MultiheadAttention(embed_dim, num_heads, options),
  ];
  const layer = new MultiheadAttention(4, 2);
  const pass = (query: unknown, key: unknown, value: unknown, options = {}) => [
    () => layer.forward(query as never, key as never, value as never, options),
    () => layer.forward_async(query as never, key as never, value as never, options),
  ];
  const load = (changes: object, options = {}) => {
    const mha = new MultiheadAttention(4, 2, options);
    return [() => mha.load_state_dict({ ...mha.state_dict(), ...changes })];
  };
  const aborted = AbortSignal.abort(new AttentionError("ERR_WORKER", "enough"));

  const refusals: [code: string, message: string, calls: (() => unknown)[]][] = [
    ["ERR_DTYPE", '"query" expected a tensor', sdpa(undefined, x, x)],
    ["ERR_SHAPE", '"key" expected at least 2 dimensions, got [4]', sdpa(x, f32(4), x)],
    ["ERR_SHAPE", '"key" expected E=4 as in "query", got 5', sdpa(x, f32(2, 3, 5), x)],
    ["ERR_SHAPE", '"value" expected S=3 as in "key", got 5', sdpa(x, x, f32(2, 5, 4))],
    [
      "ERR_SHAPE",
      '"key" expected batch dimensions that broadcast with [2], got [3]',
      sdpa(x, f32(3, 3, 4), f32(3, 3, 4)),
    ],
    [
      "ERR_SHAPE",
      '"value" expected batch dimensions that broadcast with [2], got [3]',
      sdpa(x, x, f32(3, 3, 4)),
    ],
    [
      "ERR_SHAPE",
      '"query" expected at least 3 dimensions, got [3, 4]',
      sdpa(f32(3, 4), x, x, null, 0, false, { enable_gqa: true }),
    ],
    [
      "ERR_SHAPE",
      '"key" expected heads that divide Hq=2, got 3',
      sdpa(x, f32(3, 3, 4), f32(3, 3, 4), null, 0, false, { enable_gqa: true }),
    ],
    [
      "ERR_SHAPE",
      '"value" expected H=1 as in "key", got 2',
      sdpa(x, f32(1, 3, 4), x, null, 0, false, { enable_gqa: true }),
    ],
    [
      "ERR_SHAPE",
      '"attn_mask" expected a shape that broadcasts to [2, 3, 3], got [2, 3]',
      sdpa(x, x, x, f32(2, 3)),
    ],
    [
      "ERR_DTYPE",
      '"attn_mask" expected data of type Uint8Array or Float32Array, got Array',
      sdpa(x, x, x, { data: [1], shape: [1] }),
    ],
    ["ERR_OPTION", '"attn_mask" cannot be combined with "is_causal"', sdpa(x, x, x, f32(3, 3), 0, true)],
    ["ERR_OPTION", '"dropout_p" expected 0, as this is inference, got 0.1', sdpa(x, x, x, null, 0.1)],
    ["ERR_OPTION", '"is_causal" expected true or false, got 1', sdpa(x, x, x, null, 0, 1)],
    [
      "ERR_OPTION",
      '"scale" expected a finite number, got NaN',
      sdpa(x, x, x, null, 0, false, { scale: Number.NaN }),
    ],
    [
      "ERR_OPTION",
      '"enable_gqa" expected true or false, got "yes"',
      sdpa(x, x, x, null, 0, false, { enable_gqa: "yes" }),
    ],
    ["ERR_OPTION", '"dropout" is no option here', sdpa(x, x, x, null, 0, false, { dropout: 0 })],
    [
      "ERR_WORKER",
      "enough",
      [() => scaled_dot_product_attention_async(x, x, x, null, 0, false, { signal: aborted })],
    ],
    ["ERR_OPTION", '"embed_dim" expected a whole number of at least 1, got 0', make(0, 1)],
    ["ERR_OPTION", '"num_heads" expected a divisor of embed_dim=4, got 3', make(4, 3)],
    ["ERR_OPTION", '"kdim" expected a whole number of at least 1, got -1', make(4, 2, { kdim: -1 })],
    ["ERR_OPTION", '"dropout" expected a finite number of at least 0, got -1', make(4, 2, { dropout: -1 })],
    ["ERR_OPTION", '"add_bias_kv" expected true or false, got 1', make(4, 2, { add_bias_kv: 1 })],
    ["ERR_OPTION", '"device" is no option here', make(4, 2, { device: "cpu" })],
    ["ERR_SHAPE", '"query" expected 2 or 3 dimensions, got [4]', pass(f32(4), x, x)],
    ["ERR_SHAPE", '"query" expected shape [L, B, E=4], got [2, 3, 5]', pass(f32(2, 3, 5), x, x)],
    ["ERR_SHAPE", '"key" expected shape [S, B=3, kdim=4], got [2, 2, 4]', pass(x, f32(2, 2, 4), x)],
    ["ERR_SHAPE", '"value" expected shape [S=2, B=3, vdim=4], got [5, 3, 4]', pass(x, x, f32(5, 3, 4))],
    ["ERR_DTYPE", '"value" expected a tensor', pass(x, x, undefined)],
    [
      "ERR_SHAPE",
      '"key_padding_mask" expected shape [B=3, S=2], got [2, 3]',
      pass(x, x, x, { key_padding_mask: u8(2, 3) }),
    ],
    [
      "ERR_SHAPE",
      '"attn_mask" expected shape [L=2, S=2], got [3, 3]',
      pass(x, x, x, { attn_mask: u8(3, 3) }),
    ],
    [
      "ERR_SHAPE",
      '"attn_mask" expected shape [B*H=6, L=2, S=2], got [3, 2, 2]',
      pass(x, x, x, { attn_mask: u8(3, 2, 2) }),
    ],
    [
      "ERR_SHAPE",
      '"attn_mask" expected [L, S] or [B*H, L, S], got [3, 2, 2, 2]',
      pass(x, x, x, { attn_mask: u8(3, 2, 2, 2) }),
    ],
    [
      "ERR_OPTION",
      '"is_causal" is a hint on an "attn_mask", which is missing',
      pass(x, x, x, { is_causal: true }),
    ],
    ["ERR_OPTION", '"need_weights" expected true or false, got 0', pass(x, x, x, { need_weights: 0 })],
    ["ERR_OPTION", '"causal" is no option here', pass(x, x, x, { causal: true })],
    ["ERR_OPTION", '"state_dict" has no "in_proj_bias"', load({ in_proj_bias: null })],
    ["ERR_OPTION", '"state_dict" has an unexpected "bias_k"', load({ bias_k: f32(1, 1, 4) })],
    [
      "ERR_OPTION",
      '"state_dict" has an unexpected "in_proj_bias"',
      load({ in_proj_bias: f32(12) }, { bias: false }),
    ],
    [
      "ERR_SHAPE",
      '"in_proj_weight" expected shape [12, 4], got [4, 12]',
      load({ in_proj_weight: f32(4, 12) }),
    ],
    [
      "ERR_SHAPE",
      '"k_proj_weight" expected shape [4, 3], got [4, 4]',
      load({ k_proj_weight: f32(4, 4) }, { kdim: 3 }),
    ],
    ["ERR_DTYPE", '"out_proj.bias" expected data of type Float32Array', load({ "out_proj.bias": u8(4) })],
  ];

  it.each(refusals)("%s: %s", async (code, message, calls) => {
    for (const call of calls) {
      const error = await (async () => call())().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(AttentionError);
      expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    }
  });
});
