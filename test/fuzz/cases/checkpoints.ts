/** Layers out of state dicts: by PyTorch's names, and as families of models name their tensors. */
import { AttentionError, MultiHeadAttention } from "wasm-attention";
import { findAttentionLayers } from "wasm-attention/checkpoints";
import * as reference from "wasm-attention/reference";
import { expectAccurate, plainTolerance } from "../../support/accuracy.ts";
import { plainLayer } from "../../support/plain-layer.ts";
import { type PlainModelLayer, plainModelLayer } from "../../support/plain-model.ts";
import { type FloatTensor, normal } from "../../support/random-tensors.ts";
import type { Case } from "../attempt.ts";
import type { Draws } from "../draws.ts";
import { largestOf } from "../largest.ts";
import { defined } from "./attention.ts";
import { corrupted } from "./corruptions.ts";
import { families, linearsOf, modelOf } from "./families.ts";

const [E, L] = [8, 5];
const tokens = normal([L, E], 9);

/** What a layer makes of the tokens; it takes no memory with it. */
function outputOf(layer: MultiHeadAttention, causal: boolean): FloatTensor {
  using made = layer;
  return made.forwardSync(tokens, undefined, undefined, { causal }).output;
}

export function drawCheckpoint(d: Draws): Case {
  const family = d.pick(families);
  const prefix = d.pick(["", "model.", "encoder.layers.10."]) + family.module;
  const biased = family.biased ?? d.once(2);
  const tensors: Record<string, FloatTensor> = {};
  for (const [name, shape] of Object.entries(family.shapes(E, biased)))
    tensors[`${prefix}.${name}`] = { data: d.floats(shape, 0.5), shape };
  const wrong = d.once(4) ? corrupted(tensors, d) : undefined;
  return {
    name: `checkpoint of ${family.name}`,
    tensors: wrong ?? tensors,
    optional: [],
    // Without all of its biases a layer of some families is another layer, and without a stranger it is right.
    nullable: Object.keys(wrong ?? tensors).filter((name) => /(bias|extra)$/.test(name)),
    takes: ["data of doubles"],
    fate: wrong && "refused",
    options: defined({ [family.heads]: 2, ...family.config }),
    names: [family.heads, "model_type", ...Object.keys(family.config)],
    async call({ tensors: state, options }, { engine }) {
      const [found] = findAttentionLayers(state as never, options as never);
      // A tensor that is gone may be the one by which a layer is known.
      if (found === undefined) throw new AttentionError("ERR_OPTION", "no layer");
      return outputOf(await found.load({ engine }), found.options.causal);
    },
    judge(result, told, config) {
      const layer = modelOf(family, linearsOf(family, prefix, told as never, E), config);
      judgeModel(result as FloatTensor, layer);
    },
  };
}

/** The judge does not know plain float32's errors: the largest of the terms stands for all of them. */
function judgeModel(actual: FloatTensor, layer: PlainModelLayer): void {
  const expected = plainModelLayer(layer, tokens);
  const { value, output } = layer;
  const values =
    E * largestOf(value.weight.data) * largestOf(tokens.data) + largestOf(value.bias?.data ?? []);
  const largest = E * largestOf(output.weight.data) * values + largestOf(output.bias?.data ?? []);
  expectAccurate(
    actual,
    { data: expected, shape: [L, E] },
    { absolute: 2 ** -20 * largest, relative: 0 },
    "output",
  );
}

export function drawStateDict(d: Draws): Case {
  const [stacked, biased, learned] = [d.once(2), d.once(2), d.once(3)];
  const inputs: Record<string, readonly number[]> = stacked
    ? { in_proj_weight: [3 * E, E] }
    : { q_proj_weight: [E, E], k_proj_weight: [E, E], v_proj_weight: [E, E] };
  const shapes: Record<string, readonly number[]> = {
    ...inputs,
    ...(biased && { in_proj_bias: [3 * E], "out_proj.bias": [E] }),
    ...(learned && { bias_k: [1, 1, E], bias_v: [1, 1, E] }),
    "out_proj.weight": [E, E],
  };
  const tensors = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { data: d.floats(shape, 0.5), shape }]),
  );
  const wrong = d.once(4) ? corrupted(tensors, d) : undefined;
  return {
    name: "MultiHeadAttention.fromStateDict",
    tensors: wrong ?? tensors,
    optional: [],
    nullable: Object.keys(wrong ?? tensors).filter((name) => /(_bias|\.bias|extra)$/.test(name)),
    fate: wrong && "refused",
    options: defined({
      numHeads: d.pick([1, 2, 4, 8]),
      addZeroAttn: d.maybe(3, () => true),
      scale: d.maybe(3, () => d.pick([0.3, 1])),
    }),
    names: ["numHeads", "numKvHeads", "addZeroAttn", "scale", "rotary", "window", "relativeBias"],
    call: ({ tensors: state, options }) =>
      outputOf(MultiHeadAttention.fromStateDict(state as never, options as never), false),
    judge(result, told, options) {
      const { rotary, numKvHeads: _, ...config } = options;
      // The reference has no rotary positions, and the judge of checkpoints has.
      if (rotary !== undefined && rotary !== false) return;
      const state = told as Record<string, FloatTensor>;
      const x = [tokens, tokens, tokens] as const;
      const exact = reference.multiHeadAttention(state, config as never, ...x, {});
      const plain = plainLayer(state, { addZeroAttn: false, ...config } as never, x, { causal: false });
      const { absolute } = plainTolerance(exact.output.data, plain.output);
      const floor = 2 ** -20 * largestOf(exact.output.data);
      expectAccurate(
        result as FloatTensor,
        exact.output,
        { absolute: absolute + floor, relative: 0 },
        "output",
      );
    },
  };
}
