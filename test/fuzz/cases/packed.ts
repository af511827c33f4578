/** Attention over packed sequences, judged sequence by sequence. */
import {
  type AttentionResult,
  scaledDotProductAttention,
  scaledDotProductAttentionSync,
  type TensorLike,
} from "wasm-attention";
import type { FloatTensor } from "../../support/random-tensors.ts";
import type { Case } from "../attempt.ts";
import type { Draws } from "../draws.ts";
import { defined, drawSizes, judgeAttention } from "./attention.ts";
import { callOn } from "./call-on.ts";

/** Where each sequence starts, and where the last one ends. */
function startsOf(lengths: readonly number[]): number[] {
  let end = 0;
  return [0, ...lengths.map((length) => (end += length))];
}

export function drawPacked(d: Draws): Case {
  const { H, K, E, V } = drawSizes(d);
  const B = d.int(0, 4);
  const [queryStarts, keyStarts] = [startsOf(d.ints(B, 0, 7)), startsOf(d.ints(B, 0, 7))];
  const tokens = (starts: readonly number[], heads: number, size: number): FloatTensor => {
    const shape = [starts.at(-1)!, heads, size];
    return { data: d.floats(shape), shape };
  };
  const listed = (starts: readonly number[]) =>
    d.pick<unknown>([
      starts,
      Int32Array.from(starts),
      BigInt64Array.from(starts, BigInt),
      { data: Int32Array.from(starts), shape: [starts.length] },
    ]);
  const longest = Math.max(0, ...keyStarts.map((start, b) => (b === 0 ? 0 : start - keyStarts[b - 1]!)));
  return {
    name: "packed attention",
    tensors: {
      query: tokens(queryStarts, H, E),
      key: tokens(keyStarts, K, E),
      value: tokens(keyStarts, K, V),
    },
    optional: [],
    options: defined({
      cuSeqlens: { query: listed(queryStarts), key: listed(keyStarts) },
      causal: d.maybe(2, () => d.pick([true, false, "bottom-right"])),
      queryOffset: d.maybe(6, () => d.pick<unknown>([3, "bottom-right", d.ints(B, -4, 9)])),
      window: d.maybe(5, () => [d.int(-1, 6), d.int(-1, 6)]),
      kvLengths: d.maybe(5, () => d.ints(B, 0, longest)),
      alibiSlopes: d.maybe(6, () => Array.from({ length: H }, () => d.pick([0, 0.25, 1]))),
      sinks: d.maybe(8, () => d.floats([H])),
      softcap: d.maybe(8, () => 5),
      scale: d.maybe(6, () => d.pick([0.3, -1, 0])),
      similarity: d.maybe(6, () => d.pick(["cosine", "root-norm"])),
      returnLogSumExp: d.maybe(3, () => true),
    }),
    names: ["cuSeqlens", "causal", "window", "softcap", "scale", "similarity", "returnLogSumExp", "layout"],
    outShape: [queryStarts.at(-1)!, H, V],
    call: callOn("scaledDotProductAttention", ["query", "key", "value"], {
      sync: scaledDotProductAttentionSync,
      async: scaledDotProductAttention,
    }),
    judge(result, told, options) {
      for (let b = 0; b < B; b++)
        judgeSequence(result as AttentionResult, told, options, b, [queryStarts, keyStarts]);
    },
  };
}

/** One sequence as an attention by itself: tokens first, as they lie in the pack. */
function judgeSequence(
  { output, logSumExp }: AttentionResult,
  told: Record<string, TensorLike>,
  { cuSeqlens: _, ...options }: Record<string, unknown>,
  b: number,
  [queryStarts, keyStarts]: readonly [readonly number[], readonly number[]],
): void {
  const { query, key, value } = told as Record<string, FloatTensor>;
  const [first, end] = [queryStarts[b]!, queryStarts[b + 1]!];
  const [firstKey, endKey] = [keyStarts[b]!, keyStarts[b + 1]!];
  const rows = ({ data, shape }: FloatTensor, from: number, to: number): FloatTensor => {
    const width = shape[1]! * shape[2]!;
    return { data: data.subarray(from * width, to * width), shape: [to - from, shape[1]!, shape[2]!] };
  };
  // Of [H, total] the columns of this sequence.
  const columns = ({ data, shape: [H, total] }: AttentionResult["output"]) => {
    const own = Array.from({ length: H! }, (_, h) => [
      ...data.subarray(h * total! + first, h * total! + end),
    ]);
    return { data: Float32Array.from(own.flat()), shape: [H!, end - first] };
  };
  const { kvLengths, queryOffset } = options as { kvLengths?: number[]; queryOffset?: unknown };
  const part = { output: rows(output, first, end), ...(logSumExp && { logSumExp: columns(logSumExp) }) };
  const inputs = {
    query: rows(query!, first, end),
    key: rows(key!, firstKey, endKey),
    value: rows(value!, firstKey, endKey),
  };
  const own = {
    ...options,
    layout: "BLHE",
    kvLengths: kvLengths && [Math.min(kvLengths[b]!, endKey - firstKey)],
    queryOffset: Array.isArray(queryOffset) ? [queryOffset[b]] : queryOffset,
  };
  judgeAttention(part as never, inputs, defined(own));
}
