import type { Layout, MaskLike, ScoreOptions, Similarity } from "../attention-options.ts";
import { type BlockMask, readBlockMask } from "../block-mask.ts";
import type { PagedKeys } from "../cache/page-table.ts";
import { AttentionError } from "../errors.ts";
import { type FloatTensor, float32, float32or64, readFloats } from "./floats.ts";
import { type HeadView, viewHeads } from "./heads.ts";
import { type SpreadMask, spreadMask } from "./mask.ts";
import { checkFloat } from "./options.ts";
import { type PackedSequences, readPacked } from "./packed.ts";
import { type BucketTable, readRelativeBias } from "./relative-bias.ts";
import { checkOptions, given, readLengths, readOffsets } from "./score-options.ts";
import { readFloatVector } from "./vector.ts";

/** A checked attention: sizes, tensors as heads of rows, options with their defaults. */
export interface AttentionProblem {
  readonly rank: number;
  readonly B: number;
  readonly H: number;
  readonly K: number;
  readonly L: number;
  readonly S: number;
  readonly E: number;
  readonly V: number;
  readonly query: HeadView;
  readonly key: HeadView;
  readonly value: HeadView;
  readonly similarity: Similarity;
  readonly scale: number;
  readonly softcap: number;
  readonly mask: SpreadMask | undefined;
  readonly bias: SpreadMask | undefined;
  readonly relativeBias: BucketTable | undefined;
  readonly alibiSlopes: readonly number[] | undefined;
  readonly sinks: readonly number[] | undefined;
  readonly causal: boolean;
  readonly window: readonly [left: number, right: number];
  /** Valid keys, and position of query 0 among them, of each batch entry. */
  readonly lengths: readonly number[];
  readonly offsets: readonly number[];
  readonly blockMask: BlockMask | undefined;
  readonly packed: PackedSequences | undefined;
  /** Keys and values in the pages of a cache; `key` and `value` then have sizes, and no data. */
  readonly pages: PagedKeys | undefined;
}

const unbounded: readonly [number, number] = [-1, -1];

/** Checks the arguments of an attention against each other. */
export function readAttention(
  query: FloatTensor,
  key: FloatTensor,
  value: FloatTensor,
  options: ScoreOptions,
  types: readonly string[] = float32or64,
): AttentionProblem {
  if (options.cuSeqlens !== undefined) return readPacked(query, key, value, options, types);
  checkOptions(options);
  const heads = readHeads(query, key, value, options.layout ?? "BHLE", types);
  const lengths = readLengths(options.kvLengths, heads.B, heads.S);
  return readScores(heads, options, lengths, readOffsets(options, lengths, heads.L), undefined);
}

/** The rest of the problem, once sizes, lengths and positions are known: what happens to the scores. */
export function readScores(
  { rank, B, H, K, L, S, E, V, query, key, value }: AttentionHeads,
  options: ScoreOptions,
  lengths: readonly number[],
  offsets: readonly number[],
  pages: PagedKeys | undefined,
): AttentionProblem {
  const { similarity = "dot", causal = false, window = unbounded, softcap = 0 } = options;
  // Heads of size 0 have scores of 0, whatever the scale.
  const scale = options.scale ?? (similarity === "dot" ? 1 / Math.sqrt(E || 1) : 1);
  checkFloat("scale", scale);
  const scores = [B, H, L, S];
  // One literal without spreads: V8 makes a record of it, where a spread of this size becomes a hash table.
  return {
    rank,
    B,
    H,
    K,
    L,
    S,
    E,
    V,
    query,
    key,
    value,
    similarity,
    scale,
    softcap,
    mask: given(options.mask, (mask) => spreadMask("mask", mask, scores)),
    bias: given(options.bias, (bias) => spreadMask("bias", bias as MaskLike, scores, float32)),
    relativeBias: given(options.relativeBias, (bias) => readRelativeBias(bias, H)),
    alibiSlopes: given(options.alibiSlopes, (slopes) => readFloatVector("alibiSlopes", slopes, H)),
    sinks: given(options.sinks, (sinks) => readFloatVector("sinks", sinks, H)),
    causal: causal !== false,
    window,
    lengths,
    offsets,
    blockMask: given(options.blockMask, (mask) => checkBlockMask(mask, scores)),
    packed: undefined,
    pages,
  };
}

function checkBlockMask(given: BlockMask, [B, H, L, S]: readonly number[]): BlockMask {
  const mask = readBlockMask(given);
  const fits =
    (mask.B === 1 || mask.B === B) && (mask.H === 1 || mask.H === H) && mask.L === L && mask.S === S;
  if (!fits)
    throw new AttentionError(
      "ERR_SHAPE",
      `"blockMask" expected [${orOne("B", B)}, ${orOne("H", H)}, L=${L}, S=${S}], got [${mask.B}, ${mask.H}, ${mask.L}, ${mask.S}]`,
    );
  return mask;
}

function orOne(letter: string, size: number | undefined): string {
  return size === 1 ? `${letter}=1` : `${letter}=${size} or 1`;
}

/** Sizes and tensors of an attention, without its options. */
export type AttentionHeads = Pick<
  AttentionProblem,
  "rank" | "B" | "H" | "K" | "L" | "S" | "E" | "V" | "query" | "key" | "value"
>;

/** The rank of heads of rows. */
export function checkRank(name: string, { length: rank }: readonly number[]): number {
  if (rank < 2 || rank > 4)
    throw new AttentionError("ERR_SHAPE", `"${name}" expected a tensor of rank 2, 3 or 4, got rank ${rank}`);
  return rank;
}

/** There are lists with a number for each batch entry, also where entries have no elements. */
const MOST_ENTRIES: number = 2 ** 24;

/** Refuses more batch entries than there may be. */
export function checkEntries(name: string, B: number): void {
  if (B > MOST_ENTRIES)
    throw new AttentionError("ERR_SHAPE", `"${name}" expected B of at most ${MOST_ENTRIES}, got ${B}`);
}

/** Checks query, key and value against each other. */
export function readHeads(
  query: FloatTensor,
  key: FloatTensor,
  value: FloatTensor,
  layout: Layout,
  types: readonly string[],
): AttentionHeads {
  const rows = readFloats("query", query, types);
  const rank = checkRank("query", rows.shape);
  const q = viewHeads("query", rows, ["B", "H", "L", "E"], layout, rank, {});
  const { batch: B, heads: H, length: L, size: E } = q;
  checkEntries("query", B);
  const keys = readFloats("key", key, types);
  const k = viewHeads("key", keys, ["B", "K", "S", "E"], layout, rank, { B, E });
  const { heads: K, length: S } = k;
  const values = readFloats("value", value, types);
  const v = viewHeads("value", values, ["B", "K", "S", "V"], layout, rank, { B, K, S });
  if (H > 0 && H % K !== 0)
    throw new AttentionError("ERR_SHAPE", `"key" expected K heads that divide H=${H}, got ${K}`);
  return { rank, B, H, K, L, S, E, V: v.size, query: q, key: k, value: v };
}
