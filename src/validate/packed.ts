// Packed sequences: [total, H, E] with the starts of each, as FlashAttention's varlen interface takes them.

import type { ScoreOptions } from "../attention-options.ts";
import { largest } from "../cache/largest.ts";
import { listed } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import { shapeError } from "../tensor.ts";
import type { AttentionProblem } from "./attention.ts";
import { type FloatTensor, readFloats } from "./floats.ts";
import { type HeadView, headLayout } from "./heads.ts";
import { checkFloat, readOptions } from "./options.ts";
import { readRelativeBias } from "./relative-bias.ts";
import { checkOptions, given, readLengths, readOffsets } from "./score-options.ts";
import { readFloatVector, readWholeVector } from "./vector.ts";

/** Where each entry's queries and keys start; one number more than there are entries. */
export interface PackedSequences {
  readonly queryStarts: readonly number[];
  readonly keyStarts: readonly number[];
}

const startNames: ReadonlySet<string> = new Set(["query", "key"]);
const refused = ["layout", "mask", "bias", "blockMask", "returnWeights", "returnScores"] as const;

/** Checks an attention over packed sequences. L and S of the problem are the longest; every entry has its own. */
export function readPacked(
  query: FloatTensor,
  key: FloatTensor,
  value: FloatTensor,
  options: ScoreOptions,
  types: readonly string[],
): AttentionProblem {
  checkOptions(options);
  for (const name of refused) {
    if ((options as Record<string, unknown>)[name])
      throw new AttentionError("ERR_OPTION", `"${name}" cannot be combined with "cuSeqlens"`);
  }
  const q = viewTokens("query", query, ["total", "H", "E"], {}, types);
  const k = viewTokens("key", key, ["total", "K", "E"], { E: q.size }, types);
  const v = viewTokens("value", value, ["total", "K", "V"], { total: k.length, K: k.heads }, types);
  const [H, K, E] = [q.heads, k.heads, q.size];
  if (H > 0 && H % K !== 0)
    throw new AttentionError("ERR_SHAPE", `"key" expected K heads that divide H=${H}, got ${K}`);
  const { similarity = "dot", causal = false, window = [-1, -1], softcap = 0 } = options;
  const starts = readOptions(options.cuSeqlens!, startNames, "cuSeqlens");
  const queryStarts = readStarts("cuSeqlens.query", starts.query, q.length);
  const keyStarts = readStarts("cuSeqlens.key", starts.key, k.length);
  if (queryStarts.length !== keyStarts.length)
    throw new AttentionError(
      "ERR_SHAPE",
      `"cuSeqlens.key" expected ${queryStarts.length} numbers as in "cuSeqlens.query", got ${keyStarts.length}`,
    );
  const queryLengths = differences(queryStarts);
  const keyLengths = differences(keyStarts);
  const B = queryLengths.length;
  const scale = options.scale ?? (similarity === "dot" ? 1 / Math.sqrt(E || 1) : 1);
  checkFloat("scale", scale);
  const longest = largest(keyLengths);
  const valid = options.kvLengths === undefined ? keyLengths : readLengths(options.kvLengths, B, longest);
  const lengths = valid.map((length, entry) => Math.min(length, keyLengths[entry]!));
  return {
    rank: 3,
    B,
    H,
    K,
    L: largest(queryLengths),
    S: longest,
    E,
    V: v.size,
    query: q,
    key: k,
    value: v,
    similarity,
    scale,
    softcap,
    mask: undefined,
    bias: undefined,
    relativeBias: given(options.relativeBias, (bias) => readRelativeBias(bias, H)),
    alibiSlopes: given(options.alibiSlopes, (slopes) => readFloatVector("alibiSlopes", slopes, H)),
    sinks: given(options.sinks, (sinks) => readFloatVector("sinks", sinks, H)),
    causal: causal !== false,
    window,
    lengths,
    offsets: readOffsets(options, lengths, queryLengths),
    blockMask: undefined,
    packed: { queryStarts, keyStarts },
    pages: undefined,
  };
}

function viewTokens(
  name: string,
  tensor: FloatTensor,
  letters: readonly [string, string, string],
  known: Readonly<Record<string, number>>,
  types: readonly string[],
): HeadView {
  const { data, shape } = readFloats(name, tensor, types);
  const fits = shape.length === 3 && letters.every((letter, d) => (known[letter] ?? shape[d]) === shape[d]);
  if (!fits) {
    const sizes = letters.map((letter) => (letter in known ? `${letter}=${known[letter]}` : letter));
    throw shapeError(name, `shape [${sizes.join(", ")}]`, shape);
  }
  const [total, heads, size] = shape as [number, number, number];
  // No entry is a fixed distance from the next: where it starts, its start says.
  return { ...headLayout("BLHE", [1, heads, total, size]), data, batchStride: 0 };
}

function readStarts(
  name: string,
  vector: NonNullable<ScoreOptions["cuSeqlens"]>["query"],
  total: number,
): number[] {
  const starts = readWholeVector(name, vector);
  const rises = starts.every((start, i) => i === 0 || start >= starts[i - 1]!);
  if (starts.length === 0 || starts[0] !== 0 || starts.at(-1) !== total || !rises)
    throw new AttentionError(
      "ERR_OPTION",
      `"${name}" expected numbers that rise from 0 to total=${total}, got ${listed(starts)}`,
    );
  return starts;
}

function differences(starts: readonly number[]): number[] {
  return starts.slice(1).map((start, i) => start - starts[i]!);
}
