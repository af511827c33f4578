// A cache of any type in any order of appends, cuts, forks, attention and statistics, right and wrong: it holds what a plain
// list of tokens holds, as it stores them, and after a refused call still does.

import { afterAll, describe, expect, it } from "vitest";
import {
  AttentionError,
  type CacheType,
  createEngine,
  type Engine,
  KVCache,
  type TensorLike,
} from "wasm-attention";
import * as inspect from "wasm-attention/inspect";
import { rounded, roundedQueries } from "../kv-cache/rounding.ts";
import type { World } from "./attempt.ts";
import { judgeAttention } from "./cases/attention.ts";
import { judgeStatistics } from "./cases/inspect.ts";
import { damaged, oddValue } from "./damages.ts";
import { Draws } from "./draws.ts";
import { checkGuards, guardLinearMemory } from "./guards.ts";
import { Ledger } from "./ledger.ts";
import { draw, SEEDS } from "./run.ts";

guardLinearMemory();
const engines = [createEngine({ kernels: "strict", threads: 0 }), createEngine({ threads: 2 })];
afterAll(async () => {
  for (const engine of engines) {
    expect(engine.info().memory.used).toBe(0);
    await engine.dispose();
  }
});

const [K, MOST] = [2, 70];
/** Sizes of keys and values: beside an int8 cache those that are multiples of 8 go a way of their own. */
const sizes = [
  [4, 3],
  [8, 8],
] as const;
const types: readonly CacheType[] = ["float32", "bfloat16", "int8"];
type Loose = Record<string, (...args: readonly unknown[]) => unknown>;

/** A cache of one entry, and its tokens as plain rows: [K, E] and [K, V] each. */
interface Pair {
  readonly cache: KVCache;
  tokens: { key: Float32Array; value: Float32Array }[];
}

/** Makes a call that may be refused; says whether it was. */
async function refused(call: () => unknown): Promise<boolean> {
  try {
    await call();
    return false;
  } catch (error) {
    if (!(error instanceof AttentionError)) throw error;
    return true;
  }
}

async function append(pair: Pair, world: World): Promise<void> {
  const { draws: d } = world;
  const { headDim: E, valueDim: V } = pair.cache;
  const n = d.once(4) ? d.int(20, 62) : d.int(0, 3);
  const [key, value] = [E, V].map((size) => ({ data: d.floats([K, n, size]), shape: [K, n, size] }));
  const args: unknown[] = [key, value];
  const wrong = d.once(4);
  const which = d.int(0, 1);
  if (wrong) args[which] = damaged((which === 0 ? key : value) as TensorLike, world).value;
  const call = (pair.cache as unknown as Loose)[d.once(2) ? "append" : "appendAsync"]!.bind(pair.cache);
  const full = pair.tokens.length + n > MOST;
  expect(await refused(() => call(...args)), "refused").toBe(wrong || full);
  if (wrong || full) return;
  for (let i = 0; i < n; i++) {
    const row = ({ data }: typeof key & object, size: number) =>
      Float32Array.from(
        { length: K * size },
        (_, j) => data[(Math.floor(j / size) * n + i) * size + (j % size)]!,
      );
    pair.tokens.push({ key: row(key!, E), value: row(value!, V) });
  }
}

async function cut(pair: Pair, world: World): Promise<void> {
  const { draws: d } = world;
  const to = d.once(3) ? oddValue(world) : d.int(0, pair.tokens.length + 1);
  const gone = await refused(() => pair.cache.truncate(to as never));
  if (!gone) {
    const length = pair.cache.length;
    expect(typeof to === "number" ? to : length).toBe(length);
    pair.tokens = pair.tokens.slice(0, length);
  }
}

async function fork(pair: Pair, world: World): Promise<Pair | undefined> {
  const entries = world.draws.once(3) ? oddValue(world) : [0];
  let cache: KVCache | undefined;
  await refused(() => {
    cache = pair.cache.fork(entries as never);
  });
  if (cache === undefined) return undefined;
  if (cache.batch === 1) return { cache, tokens: [...pair.tokens] };
  cache.dispose();
  return undefined;
}

async function attend({ cache, tokens }: Pair, world: World): Promise<void> {
  const { draws: d, engine } = world;
  const { headDim: E, valueDim: V, dtype } = cache;
  const S = tokens.length;
  const L = d.int(1, 3);
  const query = { data: d.floats([2 * K, L, E]), shape: [2 * K, L, E] };
  const wrong = d.once(4);
  const first = wrong ? damaged(query, world).value : query;
  const isLooking = d.once(3);
  const loose = (isLooking ? inspect : engine) as unknown as Loose;
  const operator = isLooking ? "attentionStatistics" : "scaledDotProductAttention";
  const call = loose[d.once(2) ? operator : `${operator}Sync`]!;
  let result: unknown;
  const gone = await refused(async () => {
    result = await call.call(loose, first, cache, isLooking ? { topK: 2 } : { returnLogSumExp: true });
  });
  expect(gone, "refused").toBe(wrong);
  if (gone) return;
  const all = (of: "key" | "value", size: number) => {
    const data = new Float32Array(K * S * size);
    tokens.forEach((token, i) => {
      for (let j = 0; j < K * size; j++)
        data[(Math.floor(j / size) * S + i) * size + (j % size)] = token[of][j]!;
    });
    return rounded(dtype, { data, shape: [K, S, size] });
  };
  const integers = dtype === "int8" && E % 8 === 0 && V % 8 === 0 && 2 * L <= 4;
  const rows = integers ? roundedQueries(query) : query;
  const judge = isLooking ? judgeStatistics : judgeAttention;
  // Distances are those from the cache's last tokens.
  const options = isLooking ? { topK: 2, queryOffset: S - L } : {};
  judge(result as never, { query: rows, key: all("key", E), value: all("value", V) }, options);
}

async function life(world: World, engine: Engine): Promise<void> {
  const [headDim, valueDim] = world.draws.pick(sizes);
  const dtype = world.draws.pick(types);
  const made = { batch: 1, kvHeads: K, headDim, valueDim, dtype, maxLength: MOST, engine };
  const pairs: Pair[] = [{ cache: new KVCache(made), tokens: [] }];
  try {
    for (let step = world.draws.int(1, 8); step > 0; step--) {
      const pair = world.draws.pick(pairs);
      const kind = world.draws.int(1, 8);
      if (kind <= 3) await append(pair, world);
      else if (kind === 4) await cut(pair, world);
      else if (kind === 5) pairs.push(...[await fork(pair, world)].filter((made) => made !== undefined));
      else await attend(pair, world);
      for (const { cache, tokens } of pairs) expect(cache.length).toBe(tokens.length);
      const bytes = pairs.reduce((sum, { cache }) => sum + cache.byteLength, 0);
      expect(engine.info().memory.used).toBeGreaterThanOrEqual(bytes);
      checkGuards((engine as unknown as { runtime: { memory: never } }).runtime.memory);
    }
  } finally {
    for (const { cache } of pairs) cache.dispose();
  }
  expect(engine.info().memory.used, "all pages are given back").toBe(0);
}

describe.each(SEEDS)("seed %i", (seed) => {
  it("caches", { timeout: 560_000 }, async () => {
    await draw(0.05, seed, async (g) => {
      const draws = new Draws(g);
      const engine = draws.pick(engines);
      await life({ draws, ledger: new Ledger(), engines, engine, cleanUp: [] }, engine);
    });
  });
});
