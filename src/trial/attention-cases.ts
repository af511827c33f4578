// Attention: tiles of every height for keys and columns, whole panels and few queries, caches, and what shapes the scores.

import { alibiSlopes } from "../alibi.ts";
import type { CacheType } from "../cache/page-format.ts";
import { type AttentionOptions, attentionCall } from "../calls/attention.ts";
import { CACHE_HEADS, CACHE_KEY_SIZE, filledCache } from "./filled-cache.ts";
import { mask, numbers, planted } from "./inputs.ts";
import { one, type TrialCase } from "./trial-case.ts";

const FEW: readonly number[] = [1, 2, 3, 4];

export function attentionCases(): readonly TrialCase[] {
  return [
    ...tails(),
    shaped("keys that some exclude", { causal: true, queryOffset: 90 }),
    shaped("terms", {
      alibiSlopes: alibiSlopes(2),
      softcap: 3,
      returnWeights: true,
      returnScores: "biased",
    }),
    shaped("a mask", { mask: mask([L, S]), returnWeights: true, returnLogSumExp: true }),
    shaped("a bias", { bias: planted([2, L, S], 5), similarity: "cosine" }),
    ...FEW.map(fewQueries),
    ...[1, 21].map(inParts),
    cached("bfloat16", 21),
    cached("float32", 21),
    ...FEW.map((queries) => cached("int8", queries)),
  ];
}

/** So few keys, or columns, that there is one tile of them. A single key's score shows in no output. */
function tails(): readonly TrialCase[] {
  const [long, short] = [planted([2, 205, 44], 26), planted([2, 205, 3], 27)];
  const [key, value] = [numbers([2, 60, 3], 28), numbers([2, 6, 2], 29)];
  const scores = { returnScores: "scaled" } as const;
  return [1, 2, 3, 4, 5, 6].flatMap((height) => {
    const [few, narrow] = [numbers([2, height, 44], 30), numbers([2, 60, height], 31)];
    const values = { data: value.data.subarray(0, 4 * height), shape: [2, height, 2] };
    return [
      one(`attention to ${height} keys`, (runtime) => attentionCall(long, [few, values, scores], runtime)),
      one(`attention of ${height} columns`, (runtime) => attentionCall(short, [key, narrow], runtime)),
    ];
  });
}

/** Two panels of queries and a few more, two blocks of keys and a few more. */
const [L, S, E, V] = [37, 131, 20, 11];

/** Every query that may attend the NaN, the infinity and the large number at the end of the keys is to show them. */
function shaped(name: string, options: AttentionOptions): TrialCase {
  const query = planted([2, L, E], 6);
  const key = numbers([2, S, E], 7);
  if (options.causal) key.data.set([Number.NaN, Number.POSITIVE_INFINITY, 3e38], (S + 110) * E);
  const value = planted([2, S, V], 8);
  return one(`attention with ${name}`, (runtime) => attentionCall(query, [key, value, options], runtime));
}

/** Heads and columns that are no multiple of 4. */
function fewQueries(queries: number): TrialCase {
  const [key, value] = [numbers([6, 77, 26], 10), planted([6, 77, 45], 11)];
  const query = numbers([6, queries, 26], 9);
  return one(`attention of ${queries} queries`, (runtime) => attentionCall(query, [key, value], runtime));
}

/** Keys of two parts, which join. */
function inParts(queries: number): TrialCase {
  const [key, value] = [numbers([2, 555, 6], 32), numbers([2, 555, 21], 33)];
  const query = numbers([2, queries, 6], 34);
  return one(`attention of ${queries} queries to two parts`, (runtime) =>
    attentionCall(query, [key, value], runtime),
  );
}

function cached(type: CacheType, queries: number): TrialCase {
  const query = numbers([CACHE_HEADS, queries, CACHE_KEY_SIZE], 14);
  return one(`attention of ${queries} queries to a cache of ${type}`, (runtime) =>
    attentionCall(query, [filledCache(type, runtime)], runtime),
  );
}
