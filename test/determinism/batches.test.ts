/**
 * What else is in a call changes no bit: an entry of a batch is what it is alone, padded to others' lengths, packed beside
 * others, with its heads or its tokens first, and row for row as a cache gives it that is filled token by token.
 */
import { describe, it } from "vitest";
import {
  type AttentionOptions,
  type CacheType,
  type Engine,
  KVCache,
  MultiHeadAttention,
  type TensorLike,
} from "wasm-attention";
import { linformerAttentionSync, performerAttentionSync, randomProjection } from "wasm-attention/efficient";
import { linearAttention } from "wasm-attention/onnx";
import { entryOf, padded, tokensOf } from "../kv-cache/problem.ts";
import { expectSameBits } from "../support/accuracy.ts";
import { forEachEngine } from "../support/backends.ts";
import { type FloatTensor, normal, sizeOf, uniform } from "../support/random-tensors.ts";

interface Sizes {
  readonly H: number;
  readonly K: number;
  readonly E: number;
  readonly V: number;
  readonly queries: readonly number[];
  readonly keys: readonly number[];
}

const batches: Record<string, Sizes> = {
  "a prompt, a draft, a token": { H: 4, K: 2, E: 24, V: 17, queries: [37, 5, 1], keys: [131, 60, 540] },
  "tokens over long and short keys": {
    H: 4,
    K: 1,
    E: 40,
    V: 24,
    queries: [1, 1, 1, 1],
    keys: [1500, 7, 960, 541],
  },
  "many entries": {
    H: 8,
    K: 8,
    E: 16,
    V: 16,
    queries: Array(9).fill(3),
    keys: Array(9)
      .fill(0)
      .map((_, b) => 30 + 150 * b),
  },
  "an entry without keys": { H: 3, K: 3, E: 8, V: 5, queries: [2, 2], keys: [0, 1100] },
  "long prompts of one head": { H: 1, K: 1, E: 8, V: 3, queries: [200, 2000], keys: [1300, 2000] },
};

const ways: Record<string, AttentionOptions> = {
  plain: {},
  causal: { causal: "bottom-right" },
  window: { window: [200, 3], queryOffset: "bottom-right" },
  sinks: { sinks: [1, -2, 0.5, 3, 0, 1, 2, -1], softcap: 4 },
  cosine: { similarity: "cosine", scale: 5, alibiSlopes: [1, 0.5, 0.25, 0.1, 0, 1, 2, 3] },
};

function optionsFor({ H }: Sizes, { sinks, alibiSlopes, ...others }: AttentionOptions): AttentionOptions {
  const perHead = (x: typeof sinks) => x && (x as number[]).slice(0, H);
  return { ...others, sinks: perHead(sinks), alibiSlopes: perHead(alibiSlopes), returnLogSumExp: true };
}

/** Entries of their own lengths, `[1, heads, length, size]` each. */
function entriesOf(lengths: readonly number[], heads: number, size: number, seed: number): FloatTensor[] {
  return lengths.map((length, b) => normal([1, heads, length, size], 10 * seed + b));
}

/** Heads and tokens change places. */
function turned({ data, shape }: FloatTensor): FloatTensor {
  const [B, a, b, size] = shape as [number, number, number, number];
  const target = new Float32Array(sizeOf(shape));
  for (let n = 0; n < B; n++)
    for (let i = 0; i < a; i++)
      for (let j = 0; j < b; j++) {
        const from = ((n * a + i) * b + j) * size;
        target.set(data.subarray(from, from + size), ((n * b + j) * a + i) * size);
      }
  return { data: target, shape: [B, b, a, size] };
}

/** Entries one after the other, `[total, heads, size]`. */
function packed(entries: readonly FloatTensor[]): FloatTensor {
  const [, heads, , size] = entries[0]!.shape as [number, number, number, number];
  const data = Float32Array.from(entries.flatMap((entry) => [...turned(entry).data]));
  return { data, shape: [data.length / heads / size, heads, size] };
}

function startsOf(lengths: readonly number[]): number[] {
  let end = 0;
  return [0, ...lengths.map((length) => (end += length))];
}

function attend(engine: Engine, q: TensorLike, k: TensorLike, v: TensorLike, options: AttentionOptions) {
  const { output, logSumExp } = engine.scaledDotProductAttentionSync(q, k, v, options);
  return { output, logSumExp: { data: logSumExp!.data, shape: [...logSumExp!.shape, 1] } };
}

describe("an entry of a batch is what it is alone", () => {
  forEachEngine((_, engine) => {
    describe.each(Object.entries(batches))("%s", (_name, sizes) => {
      const { H, K, E, V, queries, keys } = sizes;
      const q = entriesOf(queries, H, E, 1);
      const k = entriesOf(keys, K, E, 2);
      const v = entriesOf(keys, K, V, 3);

      it.each(Object.entries(ways))("%s", (_way, given) => {
        const options = optionsFor(sizes, given);
        const alone = q.map((query, b) => attend(engine(), query, k[b]!, v[b]!, options));

        // Padding is NaN, and what queries that are padding get nobody looks at. Their position says where keys end.
        const kvLengths = keys;
        const queryOffset =
          given.queryOffset || given.causal ? keys.map((S, b) => S - queries[b]!) : undefined;
        const offsets = queryOffset && { causal: Boolean(given.causal), queryOffset };
        const inBatch = { ...options, kvLengths, ...offsets };
        const batch = attend(engine(), padded(q), padded(k), padded(v), inBatch);
        const beside = attend(engine(), turned(padded(q)), turned(padded(k)), turned(padded(v)), {
          ...inBatch,
          layout: "BLHE",
        });
        const cuSeqlens = { query: startsOf(queries), key: startsOf(keys) };
        const pack = attend(engine(), packed(q), packed(k), packed(v), { ...options, cuSeqlens });
        expectSameBits(packed(alone.map(({ output }) => output)).data, pack.output.data, "packed");

        alone.forEach((one, b) => {
          for (const name of ["output", "logSumExp"] as const) {
            const rows = (x: FloatTensor) => tokensOf(entryOf(x, b), 0, queries[b]!).data;
            expectSameBits(rows(batch[name]), one[name].data, `${name} of entry ${b}, padded`);
          }
          const rows = tokensOf(entryOf(turned(beside.output), b), 0, queries[b]!);
          expectSameBits(rows.data, one.output.data, `entry ${b}, tokens first`);
        });
      });
    });
  });
});

describe("a cache that grows token by token", () => {
  const [H, K, S, E, V] = [6, 2, 1130, 16, 10];
  const [query, key, value] = [normal([1, H, S, E], 1), normal([1, K, S, E], 2), normal([1, K, S, V], 3)];
  /** Where calls end: tokens one by one around the borders of blocks and parts, drafts and prompts between. */
  const ends = [1, 59, 60, 61, 62, 300, 539, 540, 541, 545, 959, 960, 961, 1079, 1080, 1081, 1084, 1130];

  forEachEngine((_, engine) => {
    it.each(["plain", "window", "sinks"])("float32 gives the rows of one causal pass: %s", (way) => {
      const options = {
        ...optionsFor({ H, K, E, V, queries: [], keys: [] }, ways[way]!),
        queryOffset: undefined,
      };
      const whole = attend(engine(), query, key, value, { ...options, causal: true });
      using cache = new KVCache({
        batch: 1,
        kvHeads: K,
        headDim: E,
        valueDim: V,
        maxLength: S,
        engine: engine(),
      });
      let from = 0;
      for (const to of ends) {
        cache.append(tokensOf(key, from, to), tokensOf(value, from, to));
        const step = engine().scaledDotProductAttentionSync(tokensOf(query, from, to), cache, {
          ...options,
          causal: true,
        });
        expectSameBits(step.output.data, tokensOf(whole.output, from, to).data, `${from} to ${to}`);
        from = to;
      }
    });

    it.each(["float32", "bfloat16", "int8"] as CacheType[])("%s: an entry is what it is alone", (dtype) => {
      const lengths = [1100, 3, 600];
      // 12 query heads a key/value head: a panel and a rest of few queries.
      for (const heads of [2, 24]) {
        const queries = normal([3, heads, 1, E], 5);
        const [k, v] = [entriesOf(lengths, K, E, 6), entriesOf(lengths, K, 8, 7)];
        const shape = { kvHeads: K, headDim: E, valueDim: 8, maxLength: 1100, dtype, engine: engine() };
        using cache = new KVCache({ batch: 3, ...shape });
        cache.append(padded(k), padded(v), { lengths });
        const { output } = engine().scaledDotProductAttentionSync(queries, cache);
        lengths.forEach((_, b) => {
          using own = new KVCache({ batch: 1, ...shape });
          own.append(k[b]!, v[b]!);
          const alone = engine().scaledDotProductAttentionSync(entryOf(queries, b), own);
          expectSameBits(
            entryOf(output, b).data,
            alone.output.data,
            `${dtype}, entry ${b} of ${heads} heads`,
          );
        });
      }
    });

    it("int8: neither do many entries make wider tiles of other bits", () => {
      const [B, heads, kvHeads] = [70, 12, 1];
      const [q, k, v] = [
        normal([B, heads, 1, E], 1),
        normal([B, kvHeads, 9, E], 2),
        normal([B, kvHeads, 9, 8], 3),
      ];
      const shape = {
        kvHeads,
        headDim: E,
        valueDim: 8,
        maxLength: 9,
        dtype: "int8",
        engine: engine(),
      } as const;
      using cache = new KVCache({ batch: B, ...shape });
      cache.append(k, v);
      using own = new KVCache({ batch: 1, ...shape });
      own.append(entryOf(k, 3), entryOf(v, 3));
      const { output } = engine().scaledDotProductAttentionSync(q, cache);
      const alone = engine().scaledDotProductAttentionSync(entryOf(q, 3), own);
      expectSameBits(entryOf(output, 3).data, alone.output.data, "entry 3");
    });
  });
});

describe("other operators", () => {
  /** Rows `from` to `to` of a matrix. */
  const rowsOf = ({ data, shape }: FloatTensor, from: number, to: number) => ({
    data: data.slice(from * shape[1]!, to * shape[1]!),
    shape: [to - from, shape[1]!],
  });

  forEachEngine((_, engine) => {
    it("a row of a product or of a softmax is what it is alone", () => {
      const [a, b, bias] = [normal([131, 801], 1), normal([801, 77], 2), normal([77], 3)];
      const [product, soft] = [engine().matmulSync(a, b, { bias }), engine().softmaxSync(a)];
      for (const [from, to] of [
        [0, 1],
        [5, 8],
        [9, 13],
        [100, 131],
      ] as const) {
        const part = rowsOf(a, from, to);
        expectSameBits(engine().matmulSync(part, b, { bias }).data, rowsOf(product, from, to).data, "matmul");
        expectSameBits(engine().softmaxSync(part).data, rowsOf(soft, from, to).data, "softmax");
      }
    });

    it("an entry of a layer's batch is what it is alone", () => {
      const options = { embedDim: 24, numHeads: 4, numKvHeads: 2, rotary: true, qkNorm: true, seed: 3 };
      using layer = new MultiHeadAttention({ ...options, engine: engine() });
      for (const T of [1, 3, 50, 600]) {
        const x = normal([3, T, 24], T);
        const forward = (x: FloatTensor) =>
          layer.forwardSync(x, undefined, undefined, { causal: true, needWeights: true });
        const [all, alone] = [forward(x), forward(entryOf(x, 1))];
        expectSameBits(entryOf(all.output, 1).data, alone.output.data, `output of ${T} tokens`);
        expectSameBits(entryOf(all.weights!, 1).data, alone.weights!.data, `weights of ${T} tokens`);
      }
    });

    it("an entry of the efficient operators' batch is what it is alone", () => {
      const [q, k, v] = [normal([3, 4, 131, 20], 1), normal([3, 2, 131, 20], 2), normal([3, 2, 131, 13], 3)];
      const keyProjection = randomProjection(30, 131, 1);
      const features = { count: 50, seed: 1 };
      const runs = {
        performer: (...x: Three) => performerAttentionSync(...x, { features, engine: engine() }),
        causal: (...x: Three) => performerAttentionSync(...x, { features, causal: true, engine: engine() }),
        linformer: (...x: Three) => linformerAttentionSync(...x, { keyProjection, engine: engine() }),
      };
      for (const [name, run] of Object.entries(runs)) {
        const alone = run(entryOf(q, 1), entryOf(k, 1), entryOf(v, 1));
        expectSameBits(entryOf(run(q, k, v).output, 1).data, alone.output.data, name);
      }
    });

    it("an entry of linear attention's batch is what it is alone", () => {
      const [query, key, value] = [uniform([3, 40, 60], 1), uniform([3, 40, 20], 2), uniform([3, 40, 26], 3)];
      const run = (...[query, key, value]: Three) => {
        const heads = { q_num_heads: 3, kv_num_heads: 1, update_rule: "linear" } as const;
        return linearAttention({ query, key, value }, heads, { engine: engine() });
      };
      const all = run(query, key, value);
      const alone = run(entryOf(query, 1), entryOf(key, 1), entryOf(value, 1));
      expectSameBits(entryOf(all.output, 1).data, alone.output.data, "output");
      expectSameBits(entryOf(all.present_state, 1).data, alone.present_state.data, "state");
    });
  });
});

type Three = [FloatTensor, FloatTensor, FloatTensor];
