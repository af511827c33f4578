/** What the backends of TensorFlow.js have in common. It has no operator for attention: all is products and softmax. */

import { causalMask, transpose } from "../layouts.ts";
import type {
  AttentionInputs,
  AttentionSize,
  LayerInputs,
  LayerSize,
  MatmulInputs,
  MatmulSize,
  Problem,
  SoftmaxSize,
} from "../problem.ts";
import type { PreparedWay, Way } from "./peer.ts";

/** Of a tensor, what is used here. */
export interface TfTensor {
  dataSync(): Float32Array;
  dispose(): void;
}

/** Of `@tensorflow/tfjs-core`, what is used here. */
export interface Tensorflow {
  setBackend(name: string): Promise<boolean>;
  getBackend(): string;
  tensor(data: Float32Array, shape: readonly number[]): TfTensor;
  tidy<T>(compute: () => T): T;
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  mul(a: TfTensor, b: number): TfTensor;
  add(a: TfTensor, b: TfTensor): TfTensor;
  softmax(x: TfTensor): TfTensor;
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor): TfTensor;
  slice(x: TfTensor, begin: readonly number[], size: readonly number[]): TfTensor;
  concat(tensors: readonly TfTensor[], axis: number): TfTensor;
  readonly fused: { matMul(of: { a: TfTensor; b: TfTensor; bias: TfTensor }): TfTensor };
}

/** What is computed over tensors that are made once; the results, in the order of the problem's output. */
interface Computation {
  readonly tensors: readonly TfTensor[];
  compute(): TfTensor[];
}

export function waysFor(tf: Tensorflow, backend: string, problem: Problem): Way[] {
  return Object.entries(computationsFor(tf, problem)).map(([name, create]) => ({
    name,
    prepare: async () => {
      await tf.setBackend(backend);
      return prepareComputation(tf, backend, create());
    },
  }));
}

function prepareComputation(tf: Tensorflow, backend: string, { tensors, compute }: Computation): PreparedWay {
  let results: TfTensor[] = [];
  const free = (list: readonly TfTensor[]) => list.forEach((tensor) => void tensor.dispose());
  return {
    // Operators of both backends are done when they return.
    run: () => {
      // A backend that is there already is switched to before this returns.
      if (tf.getBackend() !== backend) void tf.setBackend(backend);
      free(results);
      results = tf.tidy(compute);
    },
    read: () => {
      const parts = results.map((result) => result.dataSync());
      const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.length;
      }
      return whole;
    },
    dispose: () => free([...results, ...tensors]),
  };
}

/** By their operators. */
function computationsFor(tf: Tensorflow, problem: Problem): Record<string, () => Computation> {
  switch (problem.kind) {
    case "attention":
    case "decode": {
      const { size, inputs } = problem;
      const isStep = problem.kind === "decode";
      return {
        "matMul, softmax, matMul": () => attentionOfAll(tf, size, inputs, isStep),
        "matMul, softmax, matMul of each head": () => attentionByHeads(tf, size, inputs, isStep),
      };
    }
    case "layer":
      return {
        "fused.matMul, matMul, softmax, matMul of each head, fused.matMul": () =>
          layer(tf, problem.size, problem.inputs),
      };
    case "matmul":
      return { matMul: () => product(tf, problem.size, problem.inputs) };
    case "softmax":
      return { softmax: () => softmax(tf, problem.size, problem.inputs.x) };
  }
}

function product(tf: Tensorflow, { M, K, N }: MatmulSize, inputs: MatmulInputs): Computation {
  const a = tf.tensor(inputs.a.subarray(0, M * K), [M, K]);
  const b = tf.tensor(inputs.b, [K, N]);
  return { tensors: [a, b], compute: () => [tf.matMul(a, b)] };
}

function softmax(tf: Tensorflow, { rows, columns }: SoftmaxSize, data: Float32Array): Computation {
  const x = tf.tensor(data, [rows, columns]);
  return { tensors: [x], compute: () => [tf.softmax(x)] };
}

/**
 * Keys or values as a call finds them, laid out so that tokens lie along `axis`. What a step appends is joined to the rest
 * with every run, for tensors do not change. So the backend cannot keep its packed copy of them from one run to the next
 * either, which it does for a tensor that is used twice, and no model would have.
 */
function tokensOf(
  tf: Tensorflow,
  data: Float32Array,
  shape: readonly [number, number, number],
  axis: number,
  isStep: boolean,
): { tensors: TfTensor[]; read(): TfTensor } {
  const whole = tf.tensor(data, shape);
  if (!isStep) return { tensors: [whole], read: () => whole };
  const S = shape[axis];
  const along = (n: number) => shape.map((size, i) => (i === axis ? n : size));
  const past = tf.slice(whole, [0, 0, 0], along(S - 1));
  const begin = [0, 0, 0].map((_, i) => (i === axis ? S - 1 : 0));
  const token = tf.slice(whole, begin, along(1));
  whole.dispose();
  return { tensors: [past, token], read: () => tf.concat([past, token], axis) };
}

/** Products over all heads at once; query heads that share a key head are rows of one product. */
function attentionOfAll(
  tf: Tensorflow,
  size: AttentionSize,
  inputs: AttentionInputs,
  isStep: boolean,
): Computation {
  const { B, H, K, L, S, E, causal } = size;
  const rows = (H / K) * L;
  const length = B * K * S * E;
  const query = tf.tensor(inputs.query.subarray(0, B * H * L * E), [B * K, rows, E]);
  const key = tokensOf(tf, inputs.key.subarray(0, length), [B * K, S, E], 1, isStep);
  const value = tokensOf(tf, inputs.value.subarray(0, length), [B * K, S, E], 1, isStep);
  const mask = causal ? tf.tensor(causalMask(H / K, L, S), [1, rows, S]) : undefined;
  const scale = 1 / Math.sqrt(E);
  return {
    tensors: [query, ...key.tensors, ...value.tensors, ...(mask ? [mask] : [])],
    compute: () => {
      const scores = tf.matMul(tf.mul(query, scale), key.read(), false, true);
      return [tf.matMul(tf.softmax(mask ? tf.add(scores, mask) : scores), value.read())];
    },
  };
}

/** Products of plain matrices for each head, keys transposed beforehand: what the WebAssembly backend is fast at. */
function attentionByHeads(
  tf: Tensorflow,
  size: AttentionSize,
  inputs: AttentionInputs,
  isStep: boolean,
): Computation {
  const { B, H, K, L, S, E, causal } = size;
  const rows = (H / K) * L;
  const length = B * K * S * E;
  const query = tf.tensor(inputs.query.subarray(0, B * H * L * E), [B * K, rows, E]);
  const columns = transpose(inputs.key.subarray(0, length), B * K, S, E);
  const key = tokensOf(tf, columns, [B * K, E, S], 2, isStep);
  const value = tokensOf(tf, inputs.value.subarray(0, length), [B * K, S, E], 1, isStep);
  const mask = causal ? tf.tensor(causalMask(H / K, L, S), [rows, S]) : undefined;
  const scale = 1 / Math.sqrt(E);
  const head = (of: TfTensor, index: number, shape: readonly number[]) =>
    tf.reshape(B * K === 1 ? of : tf.slice(of, [index, 0, 0], [1, ...shape]), shape);
  return {
    tensors: [query, ...key.tensors, ...value.tensors, ...(mask ? [mask] : [])],
    compute: () => {
      const [keys, values] = [key.read(), value.read()];
      return Array.from({ length: B * K }, (_, index) => {
        const scaled = tf.mul(head(query, index, [rows, E]), scale);
        const scores = tf.matMul(scaled, head(keys, index, [E, S]));
        return tf.matMul(tf.softmax(mask ? tf.add(scores, mask) : scores), head(values, index, [S, E]));
      });
    },
  };
}

/** One product for query, key and value, and the attention of each head over slices of it. */
function layer(tf: Tensorflow, { L, embedDim: E, H }: LayerSize, inputs: LayerInputs): Computation {
  const D = E / H;
  const x = tf.tensor(inputs.x, [L, E]);
  const inWeight = tf.tensor(transpose(inputs.inWeight, 1, 3 * E, E), [E, 3 * E]);
  const inBias = tf.tensor(inputs.inBias, [3 * E]);
  const outWeight = tf.tensor(transpose(inputs.outWeight, 1, E, E), [E, E]);
  const outBias = tf.tensor(inputs.outBias, [E]);
  return {
    tensors: [x, inWeight, inBias, outWeight, outBias],
    compute: () => {
      const projected = tf.fused.matMul({ a: x, b: inWeight, bias: inBias });
      const part = (i: number, head: number) => tf.slice(projected, [0, i * E + head * D], [L, D]);
      const heads = Array.from({ length: H }, (_, head) => {
        const scores = tf.matMul(tf.mul(part(0, head), 1 / Math.sqrt(D)), tf.transpose(part(1, head)));
        return tf.matMul(tf.softmax(scores), part(2, head));
      });
      return [tf.fused.matMul({ a: tf.concat(heads, 1), b: outWeight, bias: outBias })];
    },
  };
}
