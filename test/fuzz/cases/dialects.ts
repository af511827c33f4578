/** The spellings of ONNX and of PyTorch, judged by the reference after a translation of the test's own. */
import type { TensorLike } from "wasm-attention";
import * as onnx from "wasm-attention/onnx";
import { scaled_dot_product_attention, scaled_dot_product_attention_async } from "wasm-attention/torch";
import type { Case, How } from "../attempt.ts";
import type { Draws } from "../draws.ts";
import { defined, drawHeads, drawSizes, judgeAttention } from "./attention.ts";
import { node } from "./node.ts";
import { drawMatmul, drawSoftmax } from "./operators.ts";

type Loose = (...args: readonly unknown[]) => unknown;

export function drawOnnxAttention(d: Draws): Case {
  const s = drawSizes(d);
  const { query, key, value } = drawHeads(d, s, 4, "BHLE");
  const shape = d.pick([[s.S], [s.L, s.S], [s.B, 1, s.L, s.S]]);
  const mask = d.maybe(3, () => ({ data: d.floats(shape), shape }));
  return {
    name: "onnx attention",
    tensors: { query, key, value, ...(mask && { mask }) },
    optional: [],
    nullable: ["mask"],
    options: defined({
      is_causal: d.maybe(3, () => d.pick([0, 1])),
      scale: d.maybe(4, () => 0.5),
      softcap: d.maybe(5, () => 5),
      q_num_heads: d.maybe(5, () => s.H),
    }),
    names: [
      "is_causal",
      "scale",
      "softcap",
      "q_num_heads",
      "kv_num_heads",
      "left_window_size",
      "softmax_precision",
    ],
    call: node({ Q: "query", K: "key", V: "value", attn_mask: "mask" }, onnx.attention, onnx.attentionAsync),
    judge(result, told, options) {
      const { is_causal, scale, softcap, left_window_size: left } = options;
      const what = {
        causal: Boolean(is_causal),
        scale,
        softcap,
        window: left === undefined ? left : [left, -1],
      };
      const { Y } = result as { Y: never };
      judgeAttention({ output: Y }, told, defined(what));
    },
  };
}

export function drawTorchAttention(d: Draws): Case {
  const s = drawSizes(d);
  const { query, key, value } = drawHeads(d, { ...s, H: s.K }, 4, "BHLE");
  const causal = d.once(3);
  const shape = d.pick([
    [s.L, s.S],
    [s.B, 1, s.L, s.S],
  ]);
  const mask = causal ? undefined : d.maybe(3, () => ({ data: d.floats(shape), shape }));
  return {
    name: "torch scaled_dot_product_attention",
    tensors: { query, key, value, ...(mask && { mask }) },
    optional: [],
    nullable: ["mask"],
    options: defined({ scale: d.maybe(4, () => 0.5) }),
    names: ["scale", "enable_gqa"],
    call({ tensors, options }, { sync }: How) {
      const { query: q, key: k, value: v, mask: m = null } = tensors;
      const run = (sync ? scaled_dot_product_attention : scaled_dot_product_attention_async) as Loose;
      return run(q, k, v, m, 0, causal, options);
    },
    judge(result, told, { scale }) {
      judgeAttention({ output: result as never }, told, defined({ causal, scale: scale ?? undefined }));
    },
  };
}

/** The same case by ONNX's names. */
export function drawOnnxMatMul(d: Draws): Case {
  const own = drawMatmul(d);
  const { a, b } = own.tensors;
  // Without transposes, which ONNX's operator does not have.
  const turned = own.options.transposeA || own.options.transposeB;
  const [x, y] = turned ? [vector(d, 4), vector(d, 4)] : [a!, b!];
  return {
    ...own,
    name: "onnx matMul",
    tensors: { a: x, b: y },
    optional: [],
    options: {},
    names: [],
    outShape: undefined as never,
    call: node({ A: "a", B: "b" }, onnx.matMul, onnx.matMulAsync),
    judge: (result, told) => own.judge((result as { Y: unknown }).Y, told, {}),
  };
}

function vector(d: Draws, size: number): TensorLike {
  return { data: d.floats([size]), shape: [size] };
}

export function drawOnnxSoftmax(d: Draws): Case {
  const own = drawSoftmax(d);
  return {
    ...own,
    name: "onnx softmax",
    tensors: { x: own.tensors.x! },
    optional: [],
    options: defined({ axis: own.options.axis }),
    names: ["axis"],
    outShape: undefined as never,
    call: node({ input: "x" }, onnx.softmax, onnx.softmaxAsync),
    judge: (result, told, options) => own.judge((result as { output: unknown }).output, told, options),
  };
}
