/** Attention with everything that may be asked of it. */
import { type AttentionOptions, createBlockMask, type Engine } from "wasm-attention";
import { attentionStatistics, attentionStatisticsSync } from "wasm-attention/inspect";
import type { Draws } from "./draws.ts";
import type { MixedCall } from "./mixed-call.ts";

interface Sizes {
  readonly B: number;
  readonly H: number;
  readonly K: number;
  readonly L: number;
  readonly S: number;
  readonly E: number;
  readonly V: number;
}

export function drawSizes(draws: Draws, most = 130): Sizes {
  const [K, group] = [draws.whole(1, 3), draws.pick([1, 1, 2, 3, 5])];
  const E = draws.length(Math.min(most, 128));
  const L = draws.chance(0.3) ? draws.whole(1, 3) : draws.length(most);
  return {
    B: draws.whole(1, 3),
    H: K * group,
    K,
    L,
    S: draws.chance(0.3) ? L : draws.length(most),
    E,
    V: draws.chance() ? E : draws.length(Math.min(most, 128)),
  };
}

export function attention(draws: Draws, engine: Engine): MixedCall {
  const { B, H, K, L, S, E, V } = drawSizes(draws);
  const layout = draws.pick(["BHLE", "BLHE"] as const);
  const shape = (heads: number, length: number, size: number) =>
    layout === "BHLE" ? [B, heads, length, size] : [B, length, heads, size];
  const inputs = [
    draws.tensor(shape(H, L, E)),
    draws.tensor(shape(K, S, E)),
    draws.tensor(shape(K, S, V)),
  ] as const;
  const options = {
    layout,
    ...terms(draws, { B, H, L, S }),
    ...positions(draws, { B, S }),
    ...wishes(draws),
  };
  return {
    name: `attention ${[B, H, K, L, S, E, V].join(" x ")}, ${Object.keys(options).join(", ")}`,
    sync: () => engine.scaledDotProductAttentionSync(...inputs, options),
    async: (signal) => engine.scaledDotProductAttention(...inputs, { ...options, signal }),
  };
}

/** Few queries and many keys, which tiles share: what they leave is merged. */
export function longAttention(draws: Draws, engine: Engine): MixedCall {
  const [K, group, L, S] = [draws.whole(1, 2), draws.whole(1, 4), draws.whole(1, 3), draws.whole(1500, 4000)];
  const [E, V] = [draws.length(64), draws.length(64)];
  const inputs = [draws.tensor([K * group, L, E]), draws.tensor([K, S, E]), draws.tensor([K, S, V])] as const;
  const options = { causal: draws.pick([false, "bottom-right"] as const), ...wishes(draws) };
  return {
    name: `long attention ${[K * group, K, L, S, E, V].join(" x ")}, ${Object.keys(options).join(", ")}`,
    sync: () => engine.scaledDotProductAttentionSync(...inputs, options),
    async: (signal) => engine.scaledDotProductAttention(...inputs, { ...options, signal }),
  };
}

/** What is told of the weights without making them; with the output, where values are given. */
export function statistics(draws: Draws, engine: Engine): MixedCall {
  const { B, H, K, L, S, E, V } = drawSizes(draws);
  const [query, key] = [draws.tensor([B, H, L, E]), draws.tensor([B, K, S, E])];
  const value = draws.maybe(() => draws.tensor([B, K, S, V]));
  const options = {
    engine,
    topK: draws.whole(1, 16),
    ...terms(draws, { B, H, L, S }),
    ...positions(draws, { B, S }),
  };
  return {
    name: `statistics ${[B, H, K, L, S, E, V].join(" x ")}, ${Object.keys(options).join(", ")}`,
    sync: () => attentionStatisticsSync(query, key, value, options),
    async: (signal) => attentionStatistics(query, key, value, { ...options, signal }),
  };
}

/** What is added to scores, or shapes them. */
function terms(draws: Draws, { B, H, L, S }: Record<"B" | "H" | "L" | "S", number>): AttentionOptions {
  const relativeBias = () => ({
    table: draws.tensor([8, H]),
    bidirectional: draws.chance(),
    maxDistance: 20,
  });
  return without({
    mask: draws.maybe(() => draws.mask([B, H, L, S])),
    bias: draws.maybe(() => draws.tensor([B, 1, L, S].slice(draws.whole(0, 3)))),
    relativeBias: draws.maybe(relativeBias, 0.15),
    alibiSlopes: draws.maybe(() => draws.floats([H], 0, 1).data, 0.2),
    sinks: draws.maybe(() => draws.floats([H]).data, 0.2),
    softcap: draws.maybe(() => 5, 0.2),
    scale: draws.maybe(() => draws.pick([0.3, -0.5, 0]), 0.2),
    similarity: draws.maybe(() => draws.pick(["cosine", "root-norm"] as const), 0.2),
    blockMask: draws.maybe(() => blockMask(draws, { L, S }), 0.15),
  });
}

function blockMask(draws: Draws, { L, S }: { readonly L: number; readonly S: number }) {
  const [blockSize, left] = [draws.pick([1, 4, 16, 60, 64, L]), draws.whole(1, 70)];
  return createBlockMask((_b, _h, q, k) => k <= q && q - k < left, { L, S, blockSize });
}

/** Which keys a query sees. */
function positions(draws: Draws, { B, S }: { readonly B: number; readonly S: number }): AttentionOptions {
  return without({
    causal: draws.maybe(() => draws.pick([true, "bottom-right"] as const)),
    queryOffset: draws.maybe(() => draws.wholes(B, -3, S), 0.15),
    window: draws.maybe(() => [draws.whole(-1, 70), draws.whole(-1, 9)] as const),
    kvLengths: draws.maybe(() => draws.wholes(B, 0, S)),
  });
}

/** What is asked for beside the output. */
export function wishes(draws: Draws): AttentionOptions {
  return without({
    returnLogSumExp: draws.maybe(() => true),
    returnWeights: draws.maybe(() => true, 0.2),
    returnScores: draws.maybe(() => draws.pick(["scaled", "capped", "biased"] as const), 0.2),
  });
}

/** Sequences of different lengths, one after the other. */
export function packedAttention(draws: Draws, engine: Engine): MixedCall {
  const { H, K, E, V } = drawSizes(draws);
  const lengths = draws.wholes(draws.whole(1, 5), 0, 70);
  const keys = lengths.map((length) => (draws.chance() ? length : draws.whole(0, 70)));
  const starts = (of: readonly number[]) =>
    Int32Array.from([0, ...of], (_, i) => of.slice(0, i).reduce((sum, n) => sum + n, 0));
  const cuSeqlens = { query: starts(lengths), key: starts(keys) };
  const [totalQueries, totalKeys] = [cuSeqlens.query.at(-1)!, cuSeqlens.key.at(-1)!];
  const inputs = [
    draws.tensor([totalQueries, H, E]),
    draws.tensor([totalKeys, K, E]),
    draws.tensor([totalKeys, K, V]),
  ] as const;
  const options = { cuSeqlens, causal: draws.pick([false, true, "bottom-right"] as const) };
  return {
    name: `packed attention ${[H, K, E, V].join(" x ")}, ${lengths} over ${keys}`,
    sync: () => engine.scaledDotProductAttentionSync(...inputs, options),
    async: (signal) => engine.scaledDotProductAttention(...inputs, { ...options, signal }),
  };
}

/** Attention over parts of the keys, which are merged. */
export function merge(draws: Draws, engine: Engine): MixedCall {
  const { B, H, L, V } = drawSizes(draws);
  const parts = Array.from({ length: draws.whole(1, 4) }, () => ({
    output: draws.tensor([B, H, L, V]),
    logSumExp: draws.tensor([B, H, L]),
  }));
  return {
    name: `merge ${parts.length} parts of ${[B, H, L, V].join(" x ")}`,
    sync: () => engine.mergeAttentionSync(parts),
    async: (signal) => engine.mergeAttention(parts, { signal }),
  };
}

function without<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
