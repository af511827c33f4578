// Attention over what a cache holds: sizes, lengths and positions are the cache's.

import type { ScoreOptions } from "../attention-options.ts";
import type { CacheState } from "../cache/cache-state.ts";
import { PAGE_TOKENS } from "../cache/page-format.ts";
import { pageTable } from "../cache/page-table.ts";
import { AttentionError } from "../errors.ts";
import type { TensorLike } from "../tensor-like.ts";
import { type AttentionHeads, type AttentionProblem, checkRank, readScores } from "./attention.ts";
import { float32, readFloats } from "./floats.ts";
import { type HeadView, headLayout, viewHeads } from "./heads.ts";
import { checkOptions, readLengths, readOffsets } from "./score-options.ts";

/** Checks a query and options against a cache. */
export function readCachedAttention(
  query: TensorLike,
  cache: CacheState,
  options: ScoreOptions,
): AttentionProblem {
  if (options.cuSeqlens !== undefined)
    throw new AttentionError("ERR_OPTION", '"cuSeqlens" cannot be combined with a cache');
  checkOptions(options);
  const heads = readQuery(query, cache, options);
  const { B, L, S } = heads;
  const held = cache.lengths;
  const lengths = options.kvLengths === undefined ? held : readLengths(options.kvLengths, B, S);
  lengths.forEach((length, b) => {
    if (length > held[b]!)
      throw new AttentionError(
        "ERR_OPTION",
        `"kvLengths" expected at most the ${held[b]} tokens that entry ${b} of the cache holds, got ${length}`,
      );
  });
  const offsets =
    options.queryOffset === undefined ? lastTokens(cache, options, L) : readOffsets(options, lengths, L);
  const window = readWindow(cache, options);
  checkPositions(cache, offsets, window[0], L);
  if (options.returnScores !== undefined) checkNothingDropped(cache);
  const pages = pageTable(cache.format, cache.entries);
  return readScores(heads, { ...options, window }, lengths, offsets, pages);
}

/** Without an offset queries are the last tokens: where positions matter, there must be as many. */
function lastTokens(cache: CacheState, options: ScoreOptions, L: number): number[] {
  const { causal = false, window, alibiSlopes, relativeBias } = options;
  const offsets = cache.offsetsOf(L);
  if (causal === false && (window ?? alibiSlopes ?? relativeBias) === undefined) return offsets;
  offsets.forEach((offset, b) => {
    if (offset < 0 && offset + L > 0)
      throw new AttentionError(
        "ERR_SHAPE",
        `"query" has L=${L} rows, but entry ${b} of the cache holds ${offset + L} tokens; "queryOffset" says where they are`,
      );
  });
  return offsets;
}

function readQuery(query: TensorLike, cache: CacheState, { layout = "BHLE" }: ScoreOptions): AttentionHeads {
  const { kvHeads: K, headDim: E, valueDim: V } = cache.format;
  const batch = cache.entries.length;
  const rows = readFloats("query", query, float32);
  const rank = checkRank("query", rows.shape);
  if (rank < 4 && batch !== 1)
    throw new AttentionError(
      "ERR_SHAPE",
      `"query" expected rank 4 beside a cache of ${batch} entries, got rank ${rank}`,
    );
  const q = viewHeads("query", rows, ["B", "H", "L", "E"], layout, rank, { B: batch, E });
  const H = q.heads;
  if (H % K !== 0)
    throw new AttentionError(
      "ERR_SHAPE",
      `"query" expected a multiple of the cache's K=${K} heads, got ${H}`,
    );
  const S = cache.length;
  const paged = (size: number): HeadView => ({
    ...headLayout("BHLE", [batch, K, S, size]),
    data: nothing,
  });
  return { rank, B: batch, H, K, L: q.length, S, E, V, query: q, key: paged(E), value: paged(V) };
}

/** What lies in pages is not here. */
const nothing = new Float32Array(0);

/** A cache with a window holds no more than that: a query cannot look further back. */
function readWindow(cache: CacheState, { window }: ScoreOptions): readonly [number, number] {
  if (cache.window === undefined) return window ?? [-1, -1];
  const most = cache.window - 1;
  if (window === undefined) return [most, -1];
  if (window[0] < 0 || window[0] > most)
    throw new AttentionError(
      "ERR_OPTION",
      `"window" expected at most ${most} keys to the left, as the cache keeps a window of ${cache.window}, got ${window[0]}`,
    );
  return window;
}

function checkPositions(cache: CacheState, offsets: readonly number[], left: number, L: number): void {
  if (cache.window === undefined || L === 0) return;
  cache.entries.forEach(({ firstPage }, b) => {
    const dropped = firstPage * PAGE_TOKENS;
    if (dropped > 0 && offsets[b]! - left < dropped)
      throw new AttentionError(
        "ERR_OPTION",
        `"queryOffset" ${offsets[b]} of entry ${b} looks back to tokens that its window has dropped, those before ${dropped}`,
      );
  });
}

function checkNothingDropped(cache: CacheState): void {
  if (cache.entries.every(({ firstPage }) => firstPage === 0)) return;
  throw new AttentionError(
    "ERR_OPTION",
    '"returnScores" needs keys that the window of the cache has dropped',
  );
}
