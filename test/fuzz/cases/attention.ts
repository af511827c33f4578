/** Attention over tensors, with all its options. */
import {
  type AttentionOptions,
  type AttentionResult,
  createBlockMask,
  scaledDotProductAttention,
  scaledDotProductAttentionSync,
  type TensorLike,
} from "wasm-attention";
import * as reference from "wasm-attention/reference";
import { expectAccurate } from "../../support/accuracy.ts";
import { turned, worst } from "../../support/lucky-errors.ts";
import { plainAttention } from "../../support/plain-float32.ts";
import type { FloatTensor } from "../../support/random-tensors.ts";
import type { Case } from "../attempt.ts";
import type { Draws } from "../draws.ts";
import { largestOf } from "../largest.ts";
import { callOn } from "./call-on.ts";

export const attentionNames = [
  "mask",
  "bias",
  "causal",
  "queryOffset",
  "window",
  "kvLengths",
  "softcap",
  "alibiSlopes",
  "relativeBias",
  "sinks",
  "blockMask",
  "scale",
  "similarity",
  "layout",
  "returnWeights",
  "returnLogSumExp",
  "returnScores",
] as const;

export interface HeadSizes {
  readonly B: number;
  readonly H: number;
  readonly K: number;
  readonly L: number;
  readonly S: number;
  readonly E: number;
  readonly V: number;
}

export function drawSizes(d: Draws): HeadSizes {
  const K = d.int(1, 2);
  const [L, S] = [d.once(12) ? 0 : d.int(1, 9), d.once(12) ? 0 : d.int(1, 9)];
  return { B: d.int(1, 2), K, H: K * d.int(1, 2), L, S, E: d.int(1, 9), V: d.once(15) ? 0 : d.int(1, 9) };
}

export function drawHeads(d: Draws, s: HeadSizes, rank: number, layout: "BHLE" | "BLHE") {
  const tensor = (heads: number, length: number, size: number): FloatTensor => {
    const inner = layout === "BHLE" ? [heads, length, size] : [length, heads, size];
    const shape = rank === 4 ? [s.B, ...inner] : rank === 3 ? inner : [length, size];
    return { data: d.floats(shape), shape };
  };
  return { query: tensor(s.H, s.L, s.E), key: tensor(s.K, s.S, s.E), value: tensor(s.K, s.S, s.V) };
}

/** Sizes that a rank has: rank 3 has no batch, rank 2 no heads. */
export function ofRank(s: HeadSizes, rank: number): HeadSizes {
  if (rank === 4) return s;
  return rank === 3 ? { ...s, B: 1 } : { ...s, B: 1, H: 1, K: 1 };
}

export function drawAttention(d: Draws): Case {
  const rank = d.int(2, 4);
  const s = ofRank(drawSizes(d), rank);
  const { B, H, L, S } = s;
  const layout = d.pick(["BHLE", "BLHE"] as const);
  const maskShape = () => d.pick([[S], [L, S], [B, 1, 1, S], [1, H, L, 1], [B, H, L, S]]);
  const additive = () => {
    const shape = maskShape();
    return { data: d.floats(shape), shape };
  };
  const boolean = () => {
    const shape = maskShape();
    return { data: d.bytes(shape.reduce((product, n) => product * n, 1)), shape };
  };
  const tensors: Record<string, TensorLike<Float32Array> | TensorLike<Uint8Array>> = drawHeads(
    d,
    s,
    rank,
    layout,
  );
  const given = {
    mask: d.maybe(4, () => (d.once(2) ? additive() : boolean())),
    bias: d.maybe(6, additive),
  };
  const optional = Object.entries(given).flatMap(([name, value]) => (value ? [name] : []));
  for (const name of optional) tensors[name] = given[name as keyof typeof given]!;
  const options = {
    layout: layout === "BLHE" ? layout : d.maybe(3, () => layout),
    causal: d.maybe(4, () => d.pick([true, false, "top-left", "bottom-right"])),
    queryOffset: d.maybe(6, () =>
      d.pick<unknown>([
        0,
        -3,
        5,
        "bottom-right",
        d.ints(B, -4, 9),
        BigInt64Array.from(d.ints(B, -4, 9), BigInt),
      ]),
    ),
    window: d.maybe(6, () => [d.int(-1, 6), d.int(-1, 6)]),
    kvLengths: d.maybe(5, () => d.pick<unknown>([d.ints(B, 0, S), Int32Array.from(d.ints(B, 0, S))])),
    softcap: d.maybe(8, () => d.pick([0, 1, 30])),
    scale: d.maybe(6, () => d.pick([0.3, 1, -1, 0])),
    similarity: d.maybe(6, () => d.pick(["dot", "cosine", "root-norm"])),
    sinks: d.maybe(8, () => d.pick<unknown>([d.floats([H]), { data: d.floats([H]), shape: [H] }])),
    alibiSlopes: d.maybe(8, () => Array.from({ length: H }, () => d.pick([0, 0.25, 1]))),
    relativeBias: d.maybe(10, () => ({
      table: { data: d.floats([8, H]), shape: [8, H] },
      bidirectional: d.once(2),
      maxDistance: d.int(6, 20),
    })),
    blockMask: d.maybe(10, () => {
      const reach = d.int(0, 9);
      return createBlockMask((_b, _h, i, j) => Math.abs(i - j) <= reach, { L, S, blockSize: d.int(1, 5) });
    }),
    returnWeights: d.maybe(3, () => true),
    returnLogSumExp: d.maybe(3, () => true),
    returnScores: d.maybe(6, () => d.pick(["scaled", "capped", "biased"])),
  };
  return {
    name: "scaledDotProductAttention",
    tensors,
    options: defined(options),
    optional,
    names: attentionNames,
    outShape: outShape(s, rank, layout),
    call: callOn("scaledDotProductAttention", ["query", "key", "value"], {
      sync: scaledDotProductAttentionSync,
      async: scaledDotProductAttention,
    }),
    judge: (result, told, toldOptions) => judgeAttention(result as AttentionResult, told, toldOptions),
  };
}

export function outShape({ B, H, L, V }: HeadSizes, rank: number, layout: "BHLE" | "BLHE"): number[] {
  const inner = layout === "BHLE" ? [H, L, V] : [L, H, V];
  return rank === 4 ? [B, ...inner] : rank === 3 ? inner : [L, V];
}

/** Options that are there. */
export function defined(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** What the reference computes, which takes the options that say what, not those that say where. */
export function judgeAttention(
  result: AttentionResult,
  tensors: Record<string, TensorLike>,
  { returnWeights: _, returnLogSumExp: __, ...what }: Record<string, unknown>,
): void {
  const { query, key, value, ...masks } = tensors as Record<string, FloatTensor>;
  const options = { ...what, ...masks } as Omit<AttentionOptions, "engine" | "signal" | "out">;
  const exact = reference.scaledDotProductAttention(query!, key!, value!, options);
  const E = query!.shape.at(-1)!;
  const plain = [0, 1, 2, 3].map((n) =>
    plainAttention(turned(query!, E, n), turned(key!, E, n), value!, options as never),
  );
  for (const name of ["output", "weights", "logSumExp"] as const) {
    const own = result[name];
    if (own === undefined) continue;
    const tolerance = worst(
      exact[name].data,
      plain.map((p) => p[name]),
    );
    // An output of few elements may be small because large values cancel, and plain float32 exact by luck.
    // A logSumExp of one row too: the largest score and the logarithm of the sum.
    const terms = { output: largestOf(value!.data), weights: 0, logSumExp: 1 };
    const floor = 2 ** -22 * terms[name];
    expectAccurate(own, exact[name], { ...tolerance, absolute: tolerance.absolute + floor }, name);
  }
}
