// ONNX's Attention as a call of the operator: shapes to heads, past and new keys joined, the mask as long as the keys.

import type { AttentionOptions, AttentionResult } from "../calls/attention.ts";
import { AttentionError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import type { TensorLike } from "../tensor-like.ts";
import { readOptions } from "../validate/options.ts";
import { readWholeVector } from "../validate/vector.ts";
import type { AttentionInputs, AttentionOutputs } from "./attention.ts";
import { type AttentionAttributes, readAttributes, readScoring } from "./attention-attributes.ts";
import { type HeadSizes, readHeads } from "./attention-heads.ts";
import { readMask } from "./attention-mask.ts";
import { joinSequences, swapMiddle } from "./sequences.ts";

/** The call, and what becomes of its result. */
export interface PlannedAttention {
  readonly query: TensorLike;
  readonly key: TensorLike;
  readonly value: TensorLike;
  readonly scoring: AttentionOptions;
  readonly outputs: (result: AttentionResult) => AttentionOutputs;
}

const names: ReadonlySet<string> = new Set([
  "Q",
  "K",
  "V",
  "attn_mask",
  "past_key",
  "past_value",
  "nonpad_kv_seqlen",
]);

/** Checks inputs and attributes, by ONNX's names, and translates them. */
export function planAttention(given: AttentionInputs, chosen: AttentionAttributes): PlannedAttention {
  const inputs = readOptions(given, names, "inputs");
  const attributes = readAttributes(chosen);
  const scoring = readScoring(attributes);
  const sizes = readHeads(inputs, attributes);
  const total = sizes.P + sizes.S;
  const mask = readMask(inputs.attn_mask, [sizes.B, sizes.H, sizes.L, total]);
  const nonpad = readNonpad(inputs, sizes);
  const lengths = nonpad ?? new Array<number>(sizes.B).fill(total);
  const options: AttentionOptions = {
    ...scoring,
    mask: mask?.tensor,
    // What a short mask leaves out is not read at all.
    kvLengths: mask && mask.length < total ? lengths.map((n) => Math.min(n, mask.length)) : nonpad,
    queryOffset: nonpad ? nonpad.map((n) => n - sizes.L) : sizes.P,
  };
  return sizes.past ? withPast(inputs, sizes, options) : withoutPast(inputs, sizes, options);
}

function readNonpad({ nonpad_kv_seqlen: nonpad }: AttentionInputs, { B, S, past }: HeadSizes) {
  if (nonpad === undefined || nonpad === null) return undefined;
  if (past) throw new AttentionError("ERR_OPTION", '"nonpad_kv_seqlen" cannot be combined with "past_key"');
  const lengths = readWholeVector("nonpad_kv_seqlen", nonpad, B);
  for (const n of lengths)
    if (n < 0 || n > S)
      throw new AttentionError("ERR_OPTION", `"nonpad_kv_seqlen" expected 0 to S=${S}, got ${n}`);
  return lengths;
}

/** Rank 3 is read where it lies, as [B, length, heads, size]. */
function withoutPast({ Q, K, V }: AttentionInputs, sizes: HeadSizes, options: AttentionOptions) {
  const { B, H, K: kvHeads, L, S, E, V: valueSize, flat } = sizes;
  if (!flat) return planned({ query: Q, key: K, value: V, scoring: options, outputs: outputsOf });
  return planned({
    query: { data: Q.data, shape: [B, L, H, E] },
    key: { data: K.data, shape: [B, S, kvHeads, E] },
    value: { data: V.data, shape: [B, S, kvHeads, valueSize] },
    scoring: { ...options, layout: "BLHE" },
    outputs: (result) => ({
      ...outputsOf(result),
      Y: new Tensor(result.output.data, [B, L, H * valueSize]),
    }),
  });
}

/** The past is [B, K, P, E]: with it everything is, a query of rank 3 too. */
function withPast({ Q, K, V }: AttentionInputs, sizes: HeadSizes, options: AttentionOptions) {
  const { B, H, K: kvHeads, L, P, S, E, V: valueSize, flat, past } = sizes;
  const join = (before: Float32Array, next: Float32Array, size: number): Tensor =>
    new Tensor(joinSequences(before, next, { B, K: kvHeads, P, S, size, flat }), [B, kvHeads, P + S, size]);
  const present_key = join(past!.key, K.data, E);
  const present_value = join(past!.value, V.data, valueSize);
  const query = flat ? swapMiddle(Q.data, [B, L, H, E]) : Q.data;
  return planned({
    query: { data: query, shape: [B, H, L, E] },
    key: present_key,
    value: present_value,
    scoring: options,
    outputs(result) {
      const { output } = result;
      const Y = flat
        ? new Tensor(swapMiddle(output.data, [B, H, L, valueSize]), [B, L, H * valueSize])
        : output;
      return { ...outputsOf(result), Y, present_key, present_value };
    },
  });
}

function planned(plan: PlannedAttention): PlannedAttention {
  return plan;
}

/** Scores and weights are asked for by `qk_matmul_output_mode` alone, never both. */
function outputsOf({ output, scores = undefined, weights = scores }: AttentionResult): AttentionOutputs {
  return weights ? { Y: output, qk_matmul_output: weights } : { Y: output };
}
