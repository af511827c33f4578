// Appending to a cache, from arguments to program.

import type { Layout } from "../attention-options.ts";
import type { CacheState } from "../cache/cache-state.ts";
import type { Growth } from "../cache/growth.ts";
import { type Call, Program } from "../engine/program.ts";
import { AttentionError } from "../errors.ts";
import { addAppend } from "../plan/append.ts";
import type { TensorLike, VectorLike } from "../tensor-like.ts";
import { float32, readFloats } from "../validate/floats.ts";
import { type HeadView, viewHeads } from "../validate/heads.ts";
import { checkChoice, readOptions } from "../validate/options.ts";
import { readWholeVector } from "../validate/vector.ts";
import type { CallOptions } from "./call-options.ts";

/** Options of `KVCache.append`. */
export interface AppendOptions extends Pick<CallOptions, "signal"> {
  /** How many of the n tokens each entry gets, the first ones; one number per entry. Default n for all. */
  readonly lengths?: VectorLike | undefined;
  /** `"BHLE"` (default): `[B, K, n, E]`; `"BLHE"`: `[B, n, K, E]`, as a projection writes them. */
  readonly layout?: Layout | undefined;
}

const names: ReadonlySet<string> = new Set(["lengths", "layout", "signal"]);

/** @internal Tokens on their way into a cache: the call that brings them there, and the growth it is to end. */
export interface Append {
  readonly call: Call<void>;
  readonly growth: Growth;
}

/** @internal Checks the arguments and makes room; the cache stays as it is until the growth is committed. */
export function appendCall(
  cache: CacheState,
  key: TensorLike,
  value: TensorLike,
  given: AppendOptions = {},
): Append {
  const options = readOptions(given, names);
  cache.checkSettled();
  const { layout = "BHLE" } = options;
  checkChoice("layout", layout, ["BHLE", "BLHE"]);
  const { keys, values } = readRows(cache, key, value, layout);
  const counts = readCounts(options.lengths, cache.entries.length, keys.length);
  const [keyData, valueData] = [keys, values].map(({ data }) => cache.memory.follow(data as Float32Array));
  const growth = cache.grow(counts, keys.length);
  try {
    const program = new Program("KVCache.append");
    addAppend(program, growth, growth.pageTable(), {
      key: program.input(keyData!()),
      value: program.input(valueData!()),
      keyLayout: keys,
      valueLayout: values,
    });
    return { call: { program, result: undefined, signal: options.signal }, growth };
  } catch (error) {
    growth.rollback();
    throw error;
  }
}

function readRows(
  cache: CacheState,
  key: TensorLike,
  value: TensorLike,
  layout: Layout,
): { keys: HeadView; values: HeadView } {
  const { kvHeads: K, headDim: E, valueDim: V } = cache.format;
  const B = cache.entries.length;
  const [keyRows, valueRows] = [readFloats("key", key, float32), readFloats("value", value, float32)];
  const rank = keyRows.shape.length;
  const least = B !== 1 ? 4 : K !== 1 ? 3 : 2;
  if (rank < least || rank > 4)
    throw new AttentionError(
      "ERR_SHAPE",
      `"key" expected a tensor of rank ${least === 4 ? "4" : `${least} to 4`} for a cache of ${B} entries with K=${K}, got rank ${rank}`,
    );
  const keys = viewHeads("key", keyRows, ["B", "K", "n", "E"], layout, rank, { B, K, E });
  const known = { B, K, n: keys.length, V };
  return { keys, values: viewHeads("value", valueRows, ["B", "K", "n", "V"], layout, rank, known) };
}

/** @internal How many of the n tokens of each entry are there. */
export function readCounts(lengths: VectorLike | undefined, B: number, n: number, letter = "n"): number[] {
  if (lengths === undefined) return new Array<number>(B).fill(n);
  const counts = readWholeVector("lengths", lengths, B);
  for (const count of counts)
    if (count < 0 || count > n)
      throw new AttentionError("ERR_OPTION", `"lengths" expected 0 to ${letter}=${n}, got ${count}`);
  return counts;
}
