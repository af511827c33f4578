/** ONNX's LinearAttention, by each of its rules. */
import type { TensorLike } from "wasm-attention";
import * as onnx from "wasm-attention/onnx";
import { expectAccurate, plainTolerance } from "../../support/accuracy.ts";
import {
  asMatrices,
  type Heads,
  type LinearCase,
  plainFloat32,
} from "../../support/plain-linear-attention.ts";
import { changed, type FloatTensor } from "../../support/random-tensors.ts";
import type { Case } from "../attempt.ts";
import type { Draws } from "../draws.ts";
import { largestOf } from "../largest.ts";
import { defined, drawSizes } from "./attention.ts";
import { node } from "./node.ts";

const inputs = ["query", "key", "value", "past_state", "decay", "beta", "erase_gate"];

export function drawLinearAttention(d: Draws): Case {
  const { B, H, K, L, E, V } = drawSizes(d);
  const rule = d.pick(["linear", "gated", "delta", "gated_delta"] as const);
  const [gated, delta] = [rule.startsWith("gated"), rule.endsWith("delta")];
  const floats = (shape: readonly number[], deviation = 1): FloatTensor => ({
    data: d.floats(shape, deviation),
    shape,
  });
  const share = (shape: readonly number[]) => changed(floats(shape), (x) => Math.min(1, Math.abs(x)));
  const optional = {
    past_state: d.maybe(2, () => floats([B, K, E, V])),
    decay: gated ? changed(floats([B, L, d.pick([K * E, K])]), (x) => -Math.abs(x)) : undefined,
    beta: delta ? share([B, L, d.pick([K, 1])]) : undefined,
    erase_gate: delta ? d.maybe(3, () => share([B, L, K * E])) : undefined,
  };
  return {
    name: "onnx linearAttention",
    tensors: {
      query: floats([B, L, H * E]),
      // Keys this short forget: what they write does not grow from token to token.
      key: floats([B, L, K * E], 0.2),
      value: floats([B, L, K * V]),
      ...(defined(optional) as Record<string, TensorLike>),
    },
    optional: [],
    nullable: ["past_state", "erase_gate"],
    options: defined({
      q_num_heads: H,
      kv_num_heads: K,
      update_rule: rule === "gated_delta" ? d.maybe(2, () => rule) : rule,
      scale: d.maybe(4, () => d.pick([0, 0.5, -1])),
      chunk_size: d.maybe(8, () => 4),
    }),
    names: ["q_num_heads", "kv_num_heads", "update_rule", "scale", "chunk_size"],
    call: node(
      Object.fromEntries(inputs.map((name) => [name, name])),
      onnx.linearAttention,
      onnx.linearAttentionAsync,
    ),
    judge(result, told, options) {
      const given = told as unknown as LinearCase;
      const heads = options as unknown as Heads;
      const [exact, plain] = [asMatrices(given, heads), plainFloat32(given, heads)];
      const terms = asMatrices(magnitudes(given), { ...heads, scale: Math.abs(heads.scale || 0) });
      for (const name of ["output", "present_state"] as const) {
        const actual = (result as Record<typeof name, FloatTensor>)[name];
        const { absolute } = plainTolerance(exact[name], plain[name]);
        const floor = 2 ** -22 * largestOf(terms[name]) + 2 ** -126;
        const expected = { data: exact[name], shape: actual.shape };
        expectAccurate(actual, expected, { absolute: absolute + floor, relative: 0 }, name);
      }
    },
  };
}

/** With these in place of the inputs, nothing cancels: a result says how large the terms of the other's are. */
function magnitudes({ query, key, value, past_state, erase_gate, ...gates }: LinearCase): LinearCase {
  const size = (x: FloatTensor) => changed(x, Math.abs);
  const erasing = erase_gate ?? { data: new Float32Array(key.data.length).fill(1), shape: key.shape };
  return {
    ...gates,
    query: size(query),
    key: size(key),
    value: size(value),
    ...(past_state && { past_state: size(past_state) }),
    // What is looked up is subtracted.
    erase_gate: changed(erasing, (x) => -Math.abs(x)),
  };
}
