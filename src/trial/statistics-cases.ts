// What the rows, columns and diagonals of an attention's weights add up to: whole panels and few queries, tensors and caches.

import type { CacheType } from "../cache/page-format.ts";
import { type StatisticsOptions, statisticsCall } from "../calls/attention-statistics.ts";
import { CACHE_HEADS, CACHE_KEY_SIZE, filledCache } from "./filled-cache.ts";
import { mask, numbers, planted } from "./inputs.ts";
import { one, type TrialCase } from "./trial-case.ts";

/** Two blocks of keys and a few more. */
const [S, E, V] = [131, 20, 11];
/** Two panels of queries and a few more. */
const L = 37;

export function statisticsCases(): readonly TrialCase[] {
  return [
    statistics(L, { causal: true, queryOffset: 90 }),
    statistics(L, { mask: mask([L, S]), softcap: 3, topK: 5 }),
    statistics(3, { topK: 5 }),
    cached("bfloat16", 21),
    cached("int8", 2),
  ];
}

/** Some rows are NaN, and of causal ones those that may attend the keys at the end. */
function statistics(queries: number, options: StatisticsOptions): TrialCase {
  const query = planted([2, queries, E], 35);
  const key = numbers([2, S, E], 36);
  if (options.causal) key.data.set([Number.NaN, Number.POSITIVE_INFINITY], (S + 120) * E);
  const value = planted([2, S, V], 37);
  const name = `statistics of ${queries} queries, ${Object.keys(options).join(", ")}`;
  return one(name, (runtime) => statisticsCall(query, [key, value, options], runtime));
}

function cached(type: CacheType, queries: number): TrialCase {
  const query = numbers([2 * CACHE_HEADS, queries, CACHE_KEY_SIZE], 38);
  return one(`statistics of ${queries} queries to a cache of ${type}`, (runtime) =>
    statisticsCall(query, [filledCache(type, runtime), { topK: 2 }], runtime),
  );
}
