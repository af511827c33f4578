/**
 * One fixed list of everything that computes, with seeded inputs: what must have the same bits on every thread, in every
 * memory and, in `strict`, on every machine. Sizes are odd on purpose, and large enough that threads share the work of some.
 */
import {
  type AttentionOptions,
  alibiSlopes,
  applyRotary,
  type CacheType,
  createBlockMask,
  Embedding,
  type Engine,
  KVCache,
  type KVCacheOptions,
  LearnedPositions,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
  sinusoidalPositions,
  type TensorLike,
} from "wasm-attention";
import {
  bigBird,
  type LinformerOptions,
  linformerAttention,
  linformerAttentionSync,
  longformer,
  orthogonalRandomFeatures,
  type PerformerOptions,
  performerAttention,
  performerAttentionSync,
  poolingProjection,
  randomProjection,
} from "wasm-attention/efficient";
import { attentionStatistics, attentionStatisticsSync, type StatisticsOptions } from "wasm-attention/inspect";
import * as onnx from "wasm-attention/onnx";
import * as torch from "wasm-attention/torch";
import { attentionInputs, type Sizes } from "../support/attention-problem.ts";
import { bytes, changed, type FloatTensor, normal, uniform } from "../support/random-tensors.ts";

/** Where a case is computed, and how it is called. */
export interface Where {
  readonly engine: Engine;
  readonly call: "sync" | "async";
  /** The inputs as they are, or copied into the engine's memory. */
  place(x: FloatTensor): TensorLike;
}

type Results = readonly ArrayLike<number>[];

export interface DeterminismCase {
  readonly name: string;
  run(where: Where): Promise<Results>;
}

/** Tensors among the values of a result. */
function dataOf(result: object): Results {
  if ("data" in result) return [result.data as ArrayLike<number>];
  return Object.values(result).flatMap((part) => (typeof part === "object" ? dataOf(part) : []));
}

/** Attends in the way that is asked for. */
async function attend(
  { engine, call }: Pick<Where, "engine" | "call">,
  query: TensorLike,
  keys: readonly [TensorLike, TensorLike] | readonly [KVCache],
  options: AttentionOptions,
): Promise<Results> {
  const args = [query, ...keys, options] as unknown as Parameters<Engine["scaledDotProductAttentionSync"]>;
  const run = call === "sync" ? "scaledDotProductAttentionSync" : "scaledDotProductAttention";
  return dataOf(await engine[run](...args));
}

function attention(name: string, sizes: Sizes, options: AttentionOptions = {}): DeterminismCase {
  return {
    name: `attention: ${name}`,
    run: (where) => {
      const { query, key, value } = attentionInputs(sizes, 1, options.layout);
      const keys = [where.place(key), where.place(value)] as const;
      return attend(where, where.place(query), keys, { returnLogSumExp: true, ...options });
    },
  };
}

const odd: Sizes = { B: 2, H: 6, K: 2, L: 37, S: 131, E: 33, V: 21 };
const decode: Sizes = { B: 2, H: 4, K: 1, L: 1, S: 1500, E: 40, V: 24 };
const long: Sizes = { B: 1, H: 3, K: 3, L: 70, S: 1700, E: 24, V: 19 };

const additive = changed(normal([6, 37, 131], 4), (x, i) => (i % 5 ? x : i % 3 ? -Infinity : -3.4e38));
const distances = normal([32, 6], 5);

const attentions: readonly DeterminismCase[] = [
  attention("one key", { L: 1, S: 1, E: 1 }),
  attention("odd sizes", odd, { returnWeights: true }),
  attention("a published model's size", { H: 12, L: 128, S: 128, E: 64 }),
  attention("few queries of two heads", { H: 2, L: 3, S: 97, E: 80, V: 96 }),
  attention("causal", odd, { causal: true, returnScores: "scaled" }),
  attention("causal from the bottom", odd, { causal: "bottom-right" }),
  attention("heads beside tokens", odd, { layout: "BLHE", causal: true }),
  attention("window", long, { window: [300, 20], queryOffset: "bottom-right" }),
  attention("lengths", odd, { kvLengths: [131, 60] }),
  attention("boolean mask", odd, { mask: bytes([2, 1, 37, 131], 3), returnScores: "biased" }),
  attention("additive mask and bias", odd, { mask: additive, bias: normal([131], 6), returnWeights: true }),
  attention("ALiBi", odd, { alibiSlopes: alibiSlopes(6), queryOffset: [94, -3] }),
  attention("relative bias", odd, { relativeBias: { table: distances }, causal: true }),
  attention("relative bias of one direction", odd, {
    relativeBias: { table: distances, bidirectional: false, maxDistance: 100 },
  }),
  attention("soft cap and sinks", odd, { softcap: 2.5, sinks: [0, 1, -2, 3, 0.5, -Infinity] }),
  attention("cosine", odd, { similarity: "cosine", scale: 7 }),
  attention("root-norm", odd, { similarity: "root-norm", scale: 0.3 }),
  attention("large scores", odd, { scale: 3000 }),
  attention("one query, parts of keys", decode, { kvLengths: [1500, 1100] }),
  attention("one query, parts of keys, sinks", decode, { sinks: [0.5, 3, -1, 2], returnWeights: true }),
  attention("a prompt, parts of keys", long, { causal: "bottom-right" }),
  attention("one head, many parts", { L: 2, S: 9001, E: 8, V: 3 }),
  attention(
    "block mask",
    { H: 2, L: 130, S: 257, E: 16 },
    { blockMask: createBlockMask((_, h, i, j) => (i + j) % 7 > h, { H: 2, L: 130, S: 257, blockSize: 64 }) },
  ),
  attention(
    "BigBird",
    { L: 300, S: 300, E: 16 },
    {
      blockMask: createBlockMask(bigBird({ length: 300, blockSize: 20, seed: 3 }), {
        L: 300,
        S: 300,
        blockSize: 20,
      }),
    },
  ),
  attention(
    "Longformer",
    { L: 300, S: 300, E: 16 },
    {
      blockMask: createBlockMask(longformer({ window: 40, dilation: 2, globalTokens: [0] }), {
        L: 300,
        S: 300,
        blockSize: 60,
      }),
    },
  ),
  {
    name: "attention: packed sequences",
    run: (where) => {
      const [query, key, value] = [
        normal([48, 4, 24], 1),
        normal([2130, 2, 24], 2),
        normal([2130, 2, 17], 3),
      ];
      const cuSeqlens = { query: [0, 1, 8, 8, 48], key: [0, 1500, 1507, 1530, 2130] };
      const keys = [where.place(key), where.place(value)] as const;
      const options: AttentionOptions = { cuSeqlens, causal: "bottom-right", returnLogSumExp: true };
      return attend(where, where.place(query), keys, options);
    },
  },
  {
    name: "merge",
    async run(where) {
      const parts = [1, 2, 3].map((seed) => ({
        output: where.place(normal([2, 6, 37, 21], seed)),
        logSumExp: where.place(normal([2, 6, 37], seed + 10, 3)),
      }));
      return dataOf(
        await where.engine[where.call === "sync" ? "mergeAttentionSync" : "mergeAttention"](parts),
      );
    },
  },
];

function cached(name: string, queries: number, options: Partial<KVCacheOptions> = {}): DeterminismCase {
  const [batch, heads, kvHeads, headDim, valueDim, length] = [2, 4, 2, 40, 24, 1100];
  return {
    name: `cache: ${name}`,
    async run(where) {
      using cache = new KVCache({
        ...{ batch, kvHeads, headDim, valueDim, maxLength: length + queries, engine: where.engine },
        ...options,
      });
      const tokens = (n: number, seed: number) =>
        [
          where.place(normal([batch, kvHeads, n, headDim], seed)),
          where.place(normal([batch, kvHeads, n, valueDim], seed + 1)),
        ] as const;
      cache.append(...tokens(length, 1), { lengths: [length, 700] });
      if (where.call === "sync") cache.append(...tokens(queries, 3));
      else await cache.appendAsync(...tokens(queries, 3));
      const query = where.place(normal([batch, heads, queries, headDim], 5));
      return attend(where, query, [cache], { causal: true, returnLogSumExp: true });
    },
  };
}

const caches: readonly DeterminismCase[] = (["float32", "bfloat16", "int8"] as const).flatMap((dtype) => [
  cached(`one token, ${dtype}`, 1, { dtype }),
  cached(`a draft, ${dtype}`, 5, { dtype }),
  cached(`a window, ${dtype}`, 2, { dtype, window: 650 }),
]);

function statistics(name: string, sizes: Sizes, options: StatisticsOptions = {}): DeterminismCase {
  return {
    name: `statistics: ${name}`,
    async run({ engine, call, place }) {
      const { query, key, value } = attentionInputs(sizes, 2, options.layout);
      const run = call === "sync" ? attentionStatisticsSync : attentionStatistics;
      return dataOf(await run(place(query), place(key), place(value), { ...options, engine }));
    },
  };
}

/** A prompt in a cache, and what its last tokens look at. */
function cachedStatistics(dtype: CacheType, queries: number): DeterminismCase {
  const [kvHeads, headDim, length] = [2, 24, 700];
  return {
    name: `statistics: ${queries} tokens beside a cache of ${dtype}`,
    async run({ engine, call, place }) {
      using cache = new KVCache({ batch: 1, kvHeads, headDim, maxLength: length, dtype, engine });
      const tokens = (seed: number) => place(normal([kvHeads, length, headDim], seed));
      cache.append(tokens(1), tokens(2));
      const query = place(normal([2 * kvHeads, queries, headDim], 3));
      const run = call === "sync" ? attentionStatisticsSync : attentionStatistics;
      return dataOf(await run(query, cache, { causal: true, topK: 3 }));
    },
  };
}

const allStatistics: readonly DeterminismCase[] = [
  statistics("odd sizes", odd, { topK: 5 }),
  statistics("causal, many tiles and keys", { H: 2, L: 300, S: 700, E: 20, V: 3 }, { causal: true }),
  statistics("one query, parts of keys", decode, { sinks: [0.5, 3, -1, 2], topK: 16 }),
  statistics("masks, slopes, tokens first", odd, {
    ...{ mask: bytes([37, 131], 3), bias: normal([131], 6), alibiSlopes: alibiSlopes(6) },
    ...{ kvLengths: [131, 60], queryOffset: [94, -3], layout: "BLHE" },
  }),
  ...(["float32", "bfloat16", "int8"] as const).flatMap((dtype) =>
    [1, 9].map((queries) => cachedStatistics(dtype, queries)),
  ),
];

function product(
  name: string,
  a: readonly number[],
  b: readonly number[],
  options: { transposeA?: boolean; transposeB?: boolean; bias?: FloatTensor; scale?: number } = {},
): DeterminismCase {
  return {
    name: `matmul: ${name}`,
    run: async ({ engine, call, place }) =>
      dataOf(
        await engine[call === "sync" ? "matmulSync" : "matmul"](
          place(normal(a, 1)),
          place(normal(b, 2)),
          options,
        ),
      ),
  };
}

function softmax(
  name: string,
  shape: readonly number[],
  options: Parameters<Engine["softmax"]>[1] = {},
): DeterminismCase {
  return {
    name: `softmax: ${name}`,
    run: async ({ engine, call, place }) =>
      dataOf(await engine[call === "sync" ? "softmaxSync" : "softmax"](place(normal(shape, 1, 4)), options)),
  };
}

const blocks: readonly DeterminismCase[] = [
  product("one row", [1, 401], [401, 77]),
  product("three rows", [3, 401], [401, 77]),
  product("many rows, deeper than a block", [131, 801], [801, 97], { bias: normal([97], 3), scale: 0.3 }),
  product("transposed, in a batch", [3, 41, 29], [3, 35, 41], { transposeA: true, transposeB: true }),
  softmax("rows", [37, 131]),
  softmax("columns, logarithm", [37, 131, 5], { axis: 1, log: true }),
  softmax("masked", [2, 37, 131], { mask: bytes([37, 131], 4), scale: 0.5 }),
];

const rotaryScalings = {
  none: undefined,
  linear: { rope_type: "linear", factor: 4 },
  llama3: {
    ...{ rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
    original_max_position_embeddings: 8192,
  },
  yarn: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32 },
} as const;

const positions: readonly DeterminismCase[] = [
  { name: "positions: sinusoidal", run: async () => dataOf(sinusoidalPositions(300, 34)) },
  {
    name: "positions: learned",
    run: async () => dataOf(new LearnedPositions({ maxLength: 40, embedDim: 24, seed: 5 }).forward(40)),
  },
  {
    name: "embedding",
    run: async () => dataOf(new Embedding({ numEmbeddings: 50, embedDim: 24, seed: 6 }).forward([1, 49, 7])),
  },
  { name: "positions: ALiBi", run: async () => [1, 8, 12, 71].flatMap((heads) => [alibiSlopes(heads)]) },
  ...Object.entries(rotaryScalings).map(([name, scaling]) => ({
    name: `rotary: ${name}`,
    run: async ({ engine, place }: Where) =>
      dataOf(applyRotary(place(normal([2, 3, 190, 40], 1)), { scaling, base: 500_000, dim: 36, engine })),
  })),
];

function layer(
  name: string,
  options: Partial<MultiHeadAttentionOptions>,
  forward: (layer: MultiHeadAttention, where: Where) => Promise<object>,
): DeterminismCase {
  return {
    name: `layer: ${name}`,
    async run(where) {
      using mha = new MultiHeadAttention({
        ...{ embedDim: 36, numHeads: 6, seed: 1, engine: where.engine },
        ...options,
      });
      return dataOf(await forward(mha, where));
    },
  };
}

const x = normal([2, 131, 36], 7);
const call = ({ call }: Where) => (call === "sync" ? "forwardSync" : "forward");

const layers: readonly DeterminismCase[] = [
  layer("causal, weights", {}, async (mha, where) =>
    mha[call(where)](where.place(x), undefined, undefined, { causal: true, needWeights: true }),
  ),
  layer("cross, added keys", { addBiasKv: true, addZeroAttn: true, kdim: 20, vdim: 12 }, async (mha, where) =>
    mha[call(where)](
      where.place(x),
      where.place(normal([2, 70, 20], 8)),
      where.place(normal([2, 70, 12], 9)),
      {
        keyPaddingMask: bytes([2, 70], 3),
      },
    ),
  ),
  layer(
    "grouped heads, rotary, norm, cache",
    { numKvHeads: 2, rotary: true, qkNorm: true },
    async (mha, where) => {
      using cache = new KVCache({ batch: 2, kvHeads: 2, headDim: 6, maxLength: 140, engine: where.engine });
      const prompt = await mha[call(where)](where.place(x), undefined, undefined, {
        cache,
        causal: true,
        lengths: [131, 70],
      });
      return [
        prompt,
        await mha[call(where)](where.place(normal([2, 1, 36], 8)), undefined, undefined, { cache }),
      ];
    },
  ),
];

const gates = {
  decay: changed(uniform([2, 45, 3], 4), (x) => -Math.abs(x)),
  beta: changed(uniform([2, 45, 3], 5), Math.abs),
};

function linear(update_rule: "linear" | "gated" | "delta" | "gated_delta"): DeterminismCase {
  return {
    name: `onnx: linear attention, ${update_rule}`,
    async run({ engine, call, place }) {
      const [query, key, value] = [
        uniform([2, 45, 6 * 20], 1),
        uniform([2, 45, 3 * 20], 2, -0.2, 0.2),
        uniform([2, 45, 3 * 13], 3),
      ].map(place) as [TensorLike, TensorLike, TensorLike];
      const decay = update_rule.startsWith("gated") ? place(gates.decay) : undefined;
      const beta = update_rule.endsWith("delta") ? place(gates.beta) : undefined;
      const run = call === "sync" ? onnx.linearAttention : onnx.linearAttentionAsync;
      const heads = { q_num_heads: 6, kv_num_heads: 3, update_rule };
      return dataOf(await run({ query, key, value, decay, beta }, heads, { engine }));
    },
  };
}

const dialects: readonly DeterminismCase[] = [
  ...(["linear", "gated", "delta", "gated_delta"] as const).map(linear),
  {
    name: "onnx: attention",
    async run({ engine, call, place }) {
      const [Q, K, V] = [
        place(normal([2, 37, 48], 1)),
        place(normal([2, 50, 24], 2)),
        place(normal([2, 50, 24], 3)),
      ];
      const past = { past_key: place(normal([2, 2, 9, 12], 4)), past_value: place(normal([2, 2, 9, 12], 5)) };
      const heads = {
        q_num_heads: 4,
        kv_num_heads: 2,
        is_causal: 1,
        softcap: 5,
        qk_matmul_output_mode: 3,
      } as const;
      const run = call === "sync" ? onnx.attention : onnx.attentionAsync;
      return dataOf(await run({ Q, K, V, ...past }, heads, { engine }));
    },
  },
  {
    name: "torch: attention",
    async run({ call, engine, place }) {
      const [query, key, value] = [
        normal([2, 6, 37, 20], 1),
        normal([2, 2, 50, 20], 2),
        normal([2, 2, 50, 11], 3),
      ].map(place) as [TensorLike, TensorLike, TensorLike];
      const run =
        call === "sync" ? torch.scaled_dot_product_attention : torch.scaled_dot_product_attention_async;
      return dataOf(await run(query, key, value, null, 0, true, { enable_gqa: true, engine }));
    },
  },
];

const inputs: Sizes = { B: 2, H: 4, K: 2, L: 131, S: 131, E: 20, V: 13 };

function performer(name: string, options: PerformerOptions): DeterminismCase {
  return {
    name: `Performer: ${name}`,
    async run({ engine, call, place }) {
      const { query, key, value } = attentionInputs(inputs);
      const run = call === "sync" ? performerAttentionSync : performerAttention;
      return dataOf(await run(place(query), place(key), place(value), { ...options, engine }));
    },
  };
}

function linformer(name: string, options: LinformerOptions): DeterminismCase {
  return {
    name: `Linformer: ${name}`,
    async run({ engine, call, place }) {
      const { query, key, value } = attentionInputs(inputs);
      const run = call === "sync" ? linformerAttentionSync : linformerAttention;
      return dataOf(await run(place(query), place(key), place(value), { ...options, engine }));
    },
  };
}

const efficient: readonly DeterminismCase[] = [
  { name: "efficient: random features", run: async () => dataOf(orthogonalRandomFeatures(50, 20, 3)) },
  { name: "efficient: random projection", run: async () => dataOf(randomProjection(30, 131, 3)) },
  performer("all keys", { features: { count: 50, seed: 1 }, kvLengths: [131, 77] }),
  performer("causal", { features: { count: 50, seed: 1 }, causal: true }),
  linformer("random projection", { keyProjection: randomProjection(30, 131, 3) }),
  linformer("pooling", { keyProjection: poolingProjection(30, 131) }),
];

export const cases: readonly DeterminismCase[] = [
  ...attentions,
  ...caches,
  ...allStatistics,
  ...blocks,
  ...positions,
  ...layers,
  ...dialects,
  ...efficient,
];
