/** ONNX's operators: the ONNX project's own cases on every engine, and what those cases do not reach. */
import { describe, expect, it } from "vitest";
import { AttentionError, type Engine, scaledDotProductAttentionSync, type TensorLike } from "wasm-attention";
import {
  type AttentionAttributes,
  type AttentionInputs,
  attention,
  attentionAsync,
  linearAttention,
  linearAttentionAsync,
  matMul,
  matMulAsync,
  type RunOptions,
  rotaryEmbedding,
  softmax,
  softmaxAsync,
} from "wasm-attention/onnx";
import { forEachEngine } from "../support/backends.ts";
import { describeOnnx, type OnnxCase, onnxCases } from "../support/onnx.ts";
import { bytes, normal } from "../support/random-tensors.ts";
import { exactly, expectTensorClose, onnxTolerance } from "../support/tolerance.ts";

/** Names of an operator's inputs and outputs, in its order, and how it is called. */
interface Operator {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly calls: readonly ((inputs: never, attributes: never, options: RunOptions) => unknown)[];
}

const operators: Readonly<Record<string, Operator>> = {
  Attention: {
    inputs: ["Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen"],
    outputs: ["Y", "present_key", "present_value", "qk_matmul_output"],
    calls: [attention, attentionAsync],
  },
  RotaryEmbedding: {
    inputs: ["X", "cos_cache", "sin_cache", "position_ids"],
    outputs: ["Y"],
    calls: [rotaryEmbedding],
  },
  Softmax: { inputs: ["input"], outputs: ["output"], calls: [softmax, softmaxAsync] },
  LinearAttention: {
    inputs: ["query", "key", "value", "past_state", "decay", "beta", "erase_gate"],
    outputs: ["output", "present_state"],
    calls: [linearAttention, linearAttentionAsync],
  },
  MatMul: { inputs: ["A", "B"], outputs: ["Y"], calls: [matMul, matMulAsync] },
};

type Outputs = Readonly<Record<string, { data: Float32Array; shape: readonly number[] }>>;

const named = <T>(names: readonly string[], values: readonly (T | null)[]): [string, T][] =>
  names.flatMap((name, i) => (values[i] ? [[name, values[i]] as [string, T]] : []));

/** A node has the output of scores or has it not; here the mode, which defaults to 0 in ONNX, says so. */
function attributesOf({ op, attributes, outputs }: OnnxCase): Record<string, unknown> {
  return op === "Attention" && outputs[3] ? { qk_matmul_output_mode: 0, ...attributes } : attributes;
}

async function check(onnx: OnnxCase, engine: Engine): Promise<void> {
  const { inputs, outputs, calls } = operators[onnx.op]!;
  const expected = named(outputs, onnx.outputs);
  for (const call of calls) {
    const given = Object.fromEntries(named(inputs, onnx.inputs));
    const actual = (await call(given as never, attributesOf(onnx) as never, { engine })) as Outputs;
    expect(Object.keys(actual).sort()).toEqual(expected.map(([name]) => name).sort());
    for (const [name, tensor] of expected) {
      const { data, shape } = tensor;
      expectTensorClose(
        actual[name]!,
        { data: data as Float32Array, shape },
        onnxTolerance(tensor.dtype),
        name,
      );
    }
  }
}

describeOnnx("the ONNX project's cases", () => {
  const cases = onnxCases();
  const ready = cases.filter(({ op }) => op in operators);
  it("are all here", () => expect(ready.length).toBe(35 + 4 + 4 + 4 + 7));
  forEachEngine((_, engine) => {
    for (const onnx of ready) it(onnx.name, () => check(onnx, engine()));
  });
  for (const { op, name } of cases.filter((onnx) => !(onnx.op in operators))) it.todo(`${op}: ${name}`);
});

const [B, H, K, L, P, S, E, V] = [2, 4, 2, 3, 5, 6, 8, 7];
const Q = normal([B, H, L, E], 1);
const key = normal([B, K, S, E], 2);
const value = normal([B, K, S, V], 3);
const past_key = normal([B, K, P, E], 4);
const past_value = normal([B, K, P, V], 5);
const inputs = { Q, K: key, V: value };
const withPast = { ...inputs, past_key, past_value };

interface Numbers {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** `[B, M, N, size]` as `[B, N, M, size]`, element by element. */
function swapped({ data, shape }: Numbers): Numbers {
  const [b, m, n, size] = shape as [number, number, number, number];
  const at = (i: number) => {
    const [e, k, j] = [i % size, Math.floor(i / size) % m, Math.floor(i / (size * m)) % n];
    return data[((Math.floor(i / (size * m * n)) * m + k) * n + j) * size + e]!;
  };
  return { data: Float32Array.from(data, (_, i) => at(i)), shape: [b, n, m, size] };
}

const flat = (x: Numbers): Numbers => {
  const { data, shape } = swapped(x);
  return { data, shape: [shape[0]!, shape[1]!, shape[2]! * shape[3]!] };
};

/** Keys or values one after the other, and a mask that says which pairs there are: all that past and lengths mean. */
function joined(a: Numbers, b: Numbers): Numbers {
  const heads = a.shape[0]! * a.shape[1]!;
  const part = ({ data }: Numbers, h: number) => [
    ...data.subarray((h * data.length) / heads, ((h + 1) * data.length) / heads),
  ];
  const data = Array.from({ length: heads }, (_, h) => [...part(a, h), ...part(b, h)]).flat();
  return {
    data: Float32Array.from(data),
    shape: [a.shape[0]!, a.shape[1]!, a.shape[2]! + b.shape[2]!, a.shape[3]!],
  };
}

function maskOf(length: number, allowed: (b: number, i: number, j: number) => boolean) {
  const data = new Uint8Array(B * L * length).map((_, n) =>
    Number(allowed(Math.floor(n / (L * length)), Math.floor(n / length) % L, n % length)),
  );
  return { data, shape: [B, 1, L, length] };
}

function expectOperator(
  onnx: { Y: Numbers },
  keys: Numbers,
  values: Numbers,
  mask: TensorLike<Uint8Array> | TensorLike<Float32Array>,
): void {
  const { output } = scaledDotProductAttentionSync(Q, keys, values, { mask });
  expectTensorClose(onnx.Y, output, { absolute: 1e-6, relative: 0 }, "Y");
}

describe("attention", () => {
  const windows: [left: number, right: number, is_causal: 0 | 1][] = [
    [-1, -1, 1],
    [2, -1, 1],
    [1, 1, 0],
    [0, 3, 0],
    [-1, 0, 0],
  ];

  it("counts causality and window from the past's end", () => {
    for (const [left_window_size, right_window_size, is_causal] of windows) {
      const attributes = { is_causal, left_window_size, right_window_size };
      const mask = maskOf(P + S, (_, i, j) => isInside(P + i, j, attributes));
      const keys = joined(past_key, key);
      const result = attention(withPast, attributes);
      expectOperator(result, keys, joined(past_value, value), mask);
      expectTensorClose(result.present_key!, keys, exactly, "present_key");
    }
  });

  it("counts them from the end of each entry's keys", () => {
    for (const lengths of [
      [6, 4],
      [3, 5],
      [2, 1],
      [0, 6],
    ]) {
      for (const [left_window_size, right_window_size, is_causal] of windows) {
        const attributes = { is_causal, left_window_size, right_window_size };
        const nonpad_kv_seqlen = BigInt64Array.from(lengths, BigInt);
        const mask = maskOf(S, (b, i, j) => j < lengths[b]! && isInside(lengths[b]! - L + i, j, attributes));
        expectOperator(attention({ ...inputs, nonpad_kv_seqlen }, attributes), key, value, mask);
      }
    }
  });

  function isInside(position: number, j: number, window: AttentionAttributes): boolean {
    const { is_causal, left_window_size: left = -1, right_window_size: right = -1 } = window;
    if (is_causal && j > position) return false;
    return (left < 0 || j >= position - left) && (right < 0 || j <= position + right);
  }

  it("fills a short mask up with exclusion, also one of a single key", () => {
    for (const length of [1, 2, S]) {
      for (const shape of [[length], [L, length], [H, L, length], [B, 1, 1, length]]) {
        for (const mask of [bytes(shape, length), normal(shape, length)]) {
          const result = attention({ ...inputs, attn_mask: mask as TensorLike });
          const whole = lengthened(mask, length, S);
          expectOperator(result, key, value, whole as TensorLike);
          const { qk_matmul_output } = attention(
            { ...inputs, attn_mask: mask as TensorLike },
            { qk_matmul_output_mode: 2 },
          );
          for (let j = length; j < S; j++) expect(qk_matmul_output!.data[j]).toBe(-Infinity);
        }
      }
    }
  });

  function lengthened(
    mask: { data: Uint8Array | Float32Array; shape: readonly number[] },
    from: number,
    to: number,
  ) {
    const out = mask.data instanceof Uint8Array ? 0 : -Infinity;
    const rows = mask.data.length / from;
    const data = Array.from({ length: rows * to }, (_, n) =>
      n % to < from ? mask.data[Math.floor(n / to) * from + (n % to)]! : out,
    );
    const whole = mask.data instanceof Uint8Array ? Uint8Array.from(data) : Float32Array.from(data);
    return { data: whole, shape: [...mask.shape.slice(0, -1), to] };
  }

  it("reads no key that a short mask or nonpad_kv_seqlen leaves out", () => {
    const poison = (x: Numbers, from: number): Numbers => ({
      data: x.data.map((n, i) => (Math.floor(i / x.shape[3]!) % S >= from ? Number.NaN : n)),
      shape: x.shape,
    });
    const attn_mask = normal([L, 4], 1);
    const clean = attention({ ...inputs, attn_mask });
    const poisoned = attention({ Q, K: poison(key, 4), V: poison(value, 4), attn_mask });
    expectTensorClose(poisoned.Y, clean.Y, exactly, "Y");
    const nonpad_kv_seqlen = [2, 2];
    expectTensorClose(
      attention({ Q, K: poison(key, 2), V: poison(value, 2), nonpad_kv_seqlen, attn_mask }).Y,
      attention({ ...inputs, nonpad_kv_seqlen, attn_mask }).Y,
      exactly,
      "Y",
    );
  });

  it("is the same in rank 3", () => {
    const flatInputs = { Q: flat(Q), K: flat(key), V: flat(value) };
    const attn_mask = bytes([H, L, P + S], 1);
    const attributes = { is_causal: true, softcap: 2, qk_matmul_output_mode: 3 };
    const flatAttributes = { ...attributes, q_num_heads: H, kv_num_heads: K };
    const four = attention({ ...withPast, attn_mask }, attributes);
    const three = attention({ ...flatInputs, past_key, past_value, attn_mask }, flatAttributes);
    expectTensorClose(three.Y, flat(four.Y), exactly, "Y");
    for (const name of ["present_key", "present_value", "qk_matmul_output"] as const)
      expectTensorClose(three[name]!, four[name]!, exactly, name);
    expectTensorClose(
      attention(flatInputs, flatAttributes).Y,
      flat(attention(inputs, attributes).Y),
      exactly,
      "Y",
    );
  });

  it("starts with a past of no length", () => {
    const nothing = { data: new Float32Array(0), shape: [B, K, 0, E] };
    const result = attention({
      ...inputs,
      past_key: nothing,
      past_value: { ...nothing, shape: [B, K, 0, V] },
    });
    expectTensorClose(result.Y, attention(inputs).Y, exactly, "Y");
    expectTensorClose(result.present_key!, key, exactly, "present_key");
  });

  it("returns scores exactly when a mode is given, of every key in modes 0 and 1", () => {
    const attn_mask = bytes([L, S], 2, 0.3);
    const modes = [undefined, 0, 1, 2, 3].map(
      (qk_matmul_output_mode) =>
        attention({ ...inputs, attn_mask }, { softcap: 3, scale: 2, qk_matmul_output_mode }).qk_matmul_output,
    );
    expect(modes[0]).toBeUndefined();
    const dot = (n: number) => {
      const [j, row, kvHead] = [n % S, Math.floor(n / S), Math.floor(n / (S * L * 2))];
      let sum = 0;
      for (let e = 0; e < E; e++) sum += Q.data[row * E + e]! * key.data[(kvHead * S + j) * E + e]!;
      return sum;
    };
    const scaled = Float32Array.from({ length: B * H * L * S }, (_, n) => 2 * dot(n));
    const capped = scaled.map((s) => 3 * Math.tanh(s / 3));
    const biased = capped.map((s, n) => (attn_mask.data[n % (L * S)] ? s : -Infinity));
    const shape = [B, H, L, S];
    expectTensorClose(modes[1]!, { data: scaled, shape }, { absolute: 1e-5, relative: 0 }, "mode 0");
    expectTensorClose(modes[2]!, { data: capped, shape }, { absolute: 1e-5, relative: 0 }, "mode 1");
    expectTensorClose(modes[3]!, { data: biased, shape }, { absolute: 1e-5, relative: 0 }, "mode 2");
    expect(modes[4]!.data.reduce((sum, weight) => sum + weight)).toBeCloseTo(B * H * L, 4);
  });

  it("takes null for what is absent, and dims for shape", async () => {
    const dims = ({ data, shape }: Numbers) => ({ data, dims: shape });
    const absent = { attn_mask: null, past_key: null, past_value: null, nonpad_kv_seqlen: null };
    const result = await attentionAsync({ Q: dims(Q), K: dims(key), V: dims(value), ...absent });
    expectTensorClose(result.Y, attention(inputs).Y, exactly, "Y");
  });

  it("rejects with the signal's reason", async () => {
    const signal = AbortSignal.abort("enough");
    await expect(attentionAsync(inputs, {}, { signal })).rejects.toBe("enough");
    await expect(softmaxAsync({ input: Q }, {}, { signal })).rejects.toBe("enough");
    await expect(matMulAsync({ A: Q, B: normal([E, 2], 9) }, {}, { signal })).rejects.toBe("enough");
  });
});

describe("rotaryEmbedding", () => {
  const X = normal([B, H, L, E], 6);
  const cos_cache = normal([9, 3], 7);
  const sin_cache = normal([9, 3], 8);
  const position_ids = { data: Int32Array.of(0, 8, 3, 3, 1, 7), shape: [B, L] };
  const attributes = { rotary_embedding_dim: 6 };

  it("turns the pairs of each head, by hand", () => {
    for (const interleaved of [0, 1]) {
      const { Y } = rotaryEmbedding(
        { X, cos_cache, sin_cache, position_ids },
        { ...attributes, interleaved },
      );
      const expected = X.data.slice();
      for (let row = 0; row < B * H * L; row++) {
        const token = Math.floor(row / (H * L)) * L + (row % L);
        for (let f = 0; f < 3; f++) {
          const [first, second] = interleaved ? [2 * f, 2 * f + 1] : [f, f + 3];
          const [a, b] = [X.data[row * E + first]!, X.data[row * E + second]!];
          const at = position_ids.data[token]! * 3 + f;
          const [c, s] = [cos_cache.data[at]!, sin_cache.data[at]!];
          expected[row * E + first] = a * c - b * s;
          expected[row * E + second] = b * c + a * s;
        }
      }
      expectTensorClose(Y, { data: expected, shape: X.shape }, { absolute: 1e-6, relative: 1e-6 }, "Y");
    }
  });

  it("is the same in rank 3, and with a row of angles for each token", () => {
    const { Y } = rotaryEmbedding({ X, cos_cache, sin_cache, position_ids }, attributes);
    const three = rotaryEmbedding(
      { X: flat(X), cos_cache, sin_cache, position_ids },
      { ...attributes, num_heads: H },
    );
    expectTensorClose(three.Y, flat(Y), exactly, "rank 3");
    const rows = ({ data }: Numbers): Numbers => ({
      data: Float32Array.from([...position_ids.data].flatMap((p) => [...data.subarray(3 * p, 3 * p + 3)])),
      shape: [B, L, 3],
    });
    const tables = { cos_cache: rows(cos_cache), sin_cache: rows(sin_cache) };
    expectTensorClose(rotaryEmbedding({ X, ...tables }, attributes).Y, Y, exactly, "rows");
    const both = rotaryEmbedding({ X: flat(X), ...tables }, { ...attributes, num_heads: H });
    expectTensorClose(both.Y, flat(Y), exactly, "rank 3, rows");
  });
});

describe("what does not fit is refused by ONNX's names", () => {
  const f32 = (...shape: number[]): Numbers => normal(shape, 1);
  const attend = (changes: object, attributes: object = {}) => [
    () => attention({ ...inputs, ...changes } as AttentionInputs, attributes),
    () => attentionAsync({ ...inputs, ...changes } as AttentionInputs, attributes),
  ];
  const three = { Q: flat(Q), K: flat(key), V: flat(value) };
  const heads = { q_num_heads: H, kv_num_heads: K };
  const rotate = (changes: object, attributes: object = {}) => {
    const given = {
      X: Q,
      cos_cache: f32(9, 4),
      sin_cache: f32(9, 4),
      position_ids: ids(0, B, L),
      ...changes,
    };
    return [() => rotaryEmbedding(given, attributes)];
  };
  const ids = (id: number, ...shape: number[]) => ({
    data: new Int32Array(shape.reduce((a, b) => a * b)).fill(id),
    shape,
  });

  const refusals: [code: string, message: string, calls: (() => unknown)[]][] = [
    ["ERR_OPTION", '"query" is no option here; expected Q, K, V', attend({ query: Q })],
    ["ERR_OPTION", '"causal" is no option here; expected is_causal', attend({}, { causal: true })],
    ["ERR_DTYPE", '"Q" expected a tensor', attend({ Q: undefined })],
    [
      "ERR_DTYPE",
      '"V" expected data of type Float32Array, got Float64Array',
      attend({ V: { data: new Float64Array(1), shape: [1] } }),
    ],
    ["ERR_SHAPE", '"Q" expected a tensor of rank 3 or 4, got rank 2', attend({ Q: f32(2, 2) })],
    ["ERR_SHAPE", '"K" expected shape [B=2, K, S, E=8], got [2, 2, 6, 9]', attend({ K: f32(2, 2, 6, 9) })],
    ["ERR_SHAPE", '"V" expected shape [B=2, K=2, S=6, V], got [2, 2, 5, 7]', attend({ V: f32(2, 2, 5, 7) })],
    [
      "ERR_SHAPE",
      '"K" expected K heads that divide H=4, got 3',
      attend({ K: f32(2, 3, 6, 8), V: f32(2, 3, 6, 8) }),
    ],
    ["ERR_OPTION", '"q_num_heads" expected a whole number of at least 1, got undefined', attend(three)],
    [
      "ERR_OPTION",
      '"kv_num_heads" expected a whole number of at least 1, got 0',
      attend(three, { ...heads, kv_num_heads: 0 }),
    ],
    [
      "ERR_OPTION",
      '"q_num_heads" expected a divisor of the 32 columns of "Q", got 5',
      attend(three, { ...heads, q_num_heads: 5 }),
    ],
    [
      "ERR_SHAPE",
      '"K" expected shape [B=2, S, K*E=32], got [2, 6, 16]',
      attend(three, { ...heads, kv_num_heads: 4 }),
    ],
    [
      "ERR_SHAPE",
      '"V" expected shape [B=2, S=6, K*V], got [2, 2, 6, 7]',
      attend({ ...three, V: value }, heads),
    ],
    ["ERR_OPTION", '"q_num_heads" expected the 4 heads of "Q", got 2', attend({}, { q_num_heads: 2 })],
    ["ERR_OPTION", '"past_value" is missing', attend({ past_key })],
    ["ERR_OPTION", '"past_key" is missing', attend({ past_value })],
    [
      "ERR_SHAPE",
      '"past_value" expected shape [B=2, K=2, P=5, V=7], got [2, 2, 4, 7]',
      attend({ past_key, past_value: f32(2, 2, 4, 7) }),
    ],
    [
      "ERR_OPTION",
      '"nonpad_kv_seqlen" cannot be combined with "past_key"',
      attend({ ...withPast, nonpad_kv_seqlen: [1, 1] }),
    ],
    ["ERR_OPTION", '"nonpad_kv_seqlen" expected 0 to S=6, got 7', attend({ nonpad_kv_seqlen: [7, 1] })],
    ["ERR_SHAPE", '"nonpad_kv_seqlen" expected 2 elements, got 3', attend({ nonpad_kv_seqlen: [1, 1, 1] })],
    [
      "ERR_SHAPE",
      '"attn_mask" expected a shape that broadcasts to [2, 4, 3, 6], got [3, 7]',
      attend({ attn_mask: f32(3, 7) }),
    ],
    [
      "ERR_SHAPE",
      '"attn_mask" expected a shape that broadcasts to [2, 4, 3, 4], got [2, 4]',
      attend({ attn_mask: f32(2, 4) }),
    ],
    [
      "ERR_DTYPE",
      '"attn_mask" expected data of type Uint8Array or Float32Array, got Int32Array',
      attend({ attn_mask: ids(1, 3, 6) }),
    ],
    ["ERR_OPTION", '"is_causal" expected one of 0, 1, false, true, got 2', attend({}, { is_causal: 2 })],
    ["ERR_OPTION", '"softcap" expected a finite number of at least 0, got -1', attend({}, { softcap: -1 })],
    ["ERR_OPTION", '"scale" expected a finite number, got NaN', attend({}, { scale: Number.NaN })],
    [
      "ERR_OPTION",
      '"qk_matmul_output_mode" expected one of 0, 1, 2, 3, got 4',
      attend({}, { qk_matmul_output_mode: 4 }),
    ],
    [
      "ERR_OPTION",
      '"softmax_precision" expected one of 1, 10, 11, 16, got 7',
      attend({}, { softmax_precision: 7 }),
    ],
    [
      "ERR_OPTION",
      '"left_window_size" expected a whole number of at least -1, got -2',
      attend({}, { left_window_size: -2 }),
    ],
    [
      "ERR_OPTION",
      '"right_window_size" expected a whole number of at least -1, got 0.5',
      attend({}, { right_window_size: 0.5 }),
    ],
    [
      "ERR_OPTION",
      '"threads" is no option here',
      [() => attention(inputs, {}, { threads: 2 } as RunOptions)],
    ],
    ["ERR_SHAPE", '"X" expected a tensor of rank 3 or 4, got rank 2', rotate({ X: f32(2, 2) })],
    ["ERR_OPTION", '"num_heads" expected a whole number of at least 1, got 0', rotate({ X: flat(Q) })],
    [
      "ERR_OPTION",
      '"num_heads" expected a divisor of the 32 columns of "X", got 5',
      rotate({ X: flat(Q) }, { num_heads: 5 }),
    ],
    ["ERR_OPTION", '"num_heads" expected the 4 heads of "X", got 2', rotate({}, { num_heads: 2 })],
    [
      "ERR_OPTION",
      '"rotary_embedding_dim" expected an even number up to E=8, got 3',
      rotate({}, { rotary_embedding_dim: 3 }),
    ],
    [
      "ERR_SHAPE",
      '"cos_cache" expected shape [positions, R/2=3], got [9, 4]',
      rotate({}, { rotary_embedding_dim: 6 }),
    ],
    [
      "ERR_SHAPE",
      '"sin_cache" expected shape [positions=9, R/2=4], got [8, 4]',
      rotate({ sin_cache: f32(8, 4) }),
    ],
    ["ERR_SHAPE", '"cos_cache" expected shape [B=2, L=3, R/2=4], got [9, 4]', rotate({ position_ids: null })],
    ["ERR_SHAPE", '"position_ids" expected shape [B=2, L=3], got [3]', rotate({ position_ids: ids(0, 3) })],
    [
      "ERR_OPTION",
      '"position_ids" expected rows of the caches, 0 to 8, got 9',
      rotate({ position_ids: ids(9, B, L) }),
    ],
    ["ERR_OPTION", '"interleaved" expected one of 0, 1, false, true, got 3', rotate({}, { interleaved: 3 })],
    ["ERR_DTYPE", '"input" expected a tensor', [() => softmax({} as never)]],
    ["ERR_SHAPE", '"input" expected at least one dimension', [() => softmax({ input: f32() })]],
    [
      "ERR_OPTION",
      '"axis" expected a whole number from -4 to 3, got 4',
      [() => softmax({ input: Q }, { axis: 4 })],
    ],
    ["ERR_SHAPE", '"A" expected at least one dimension', [() => matMul({ A: f32(), B: Q })]],
    ["ERR_SHAPE", '"B" expected K=8 as in "A" [2, 4, 3, 8], got 3', [() => matMul({ A: Q, B: Q })]],
    [
      "ERR_SHAPE",
      '"B" expected batch dimensions that broadcast with [2, 4], got [3]',
      [() => matMul({ A: Q, B: f32(3, 8, 2) })],
    ],
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
