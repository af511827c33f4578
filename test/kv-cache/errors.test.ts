/** Every error a wrong use of a cache can reach, word for word; and after each of them the cache is what it was. */
import { describe, expect, it } from "vitest";
import { createBlockMask, createEngine, KVCache } from "wasm-attention";
import { forEachEngine } from "../support/backends.ts";
import { expectAllBytes, refusal, zeros } from "./problem.ts";
import {
  B,
  type Code,
  E,
  expectRefused,
  expectUnchanged,
  filled,
  good,
  K,
  k,
  looksOf,
  query,
  V,
  v,
} from "./refused.ts";

type Refused = [name: string, wrong: unknown, code: Code, message: string];

const constructorNames = "batch, kvHeads, headDim, valueDim, maxLength, dtype, window, engine";
const whole = (name: string, got: unknown) =>
  `"${name}" expected a whole number of at least 1, got ${typeof got === "string" && got !== "undefined" ? JSON.stringify(got) : got}`;

describe("new KVCache", () => {
  const wrong: Refused[] = [
    ...(["batch", "kvHeads", "headDim", "valueDim", "maxLength", "window"] as const).flatMap((name) =>
      [0, -1, 1.5, Number.NaN, Infinity, "8", null].map(
        (x): Refused => [`${name}: ${x}`, { ...good, [name]: x }, "ERR_OPTION", whole(name, x)],
      ),
    ),
    ...(["batch", "kvHeads", "headDim", "maxLength"] as const).map(
      (name): Refused => [
        `no ${name}`,
        { ...good, [name]: undefined },
        "ERR_OPTION",
        whole(name, "undefined"),
      ],
    ),
    [
      "maxLength: more than positions can count",
      { ...good, maxLength: 2 ** 30 + 1 },
      "ERR_OPTION",
      '"maxLength" expected at most 1073741824, got 1073741825',
    ],
    [
      "batch: more entries than there may be",
      { ...good, batch: 2 ** 32 },
      "ERR_OPTION",
      '"batch" expected at most 1048576, got 4294967296',
    ],
    ...["float16", "int4", null, 8].map(
      (dtype): Refused => [
        `dtype: ${dtype}`,
        { ...good, dtype },
        "ERR_OPTION",
        `"dtype" expected one of "float32", "bfloat16", "int8", got ${typeof dtype === "string" ? JSON.stringify(dtype) : dtype}`,
      ],
    ),
    [
      "a name that does not exist",
      { ...good, heads: 2 },
      "ERR_OPTION",
      `"heads" is no option here; expected ${constructorNames}`,
    ],
    ["null", null, "ERR_OPTION", '"options" expected an object, got null'],
    ["nothing", undefined, "ERR_OPTION", '"options" expected an object, got undefined'],
  ];
  it.each(wrong)("%s", (_, options, code, message) => {
    expect(refusal(() => new KVCache(options as never))).toEqual([code, message]);
  });

  it("on an engine that is disposed", async () => {
    const engine = createEngine({ threads: 0 });
    await engine.dispose();
    expect(refusal(() => new KVCache({ ...good, engine }))).toEqual([
      "ERR_DISPOSED",
      "this engine is disposed",
    ]);
  });
});

type Wrong = [name: string, args: readonly unknown[], code: Code, message: string];
const f64 = { data: new Float64Array(B * K * 3 * E), shape: [B, K, 3, E] };
const counts = (name: string, lengths: unknown, code: Code, message: string): Wrong => [
  `lengths: ${name}`,
  [k, v, { lengths }],
  code,
  message,
];

const appends: Wrong[] = [
  ["no key", [undefined, v], "ERR_DTYPE", '"key" expected a tensor { data, shape }, got undefined'],
  ["no value", [k], "ERR_DTYPE", '"value" expected a tensor { data, shape }, got undefined'],
  ["float64", [f64, v], "ERR_DTYPE", '"key" expected data of type Float32Array, got Float64Array'],
  [
    "another batch",
    [zeros(1, K, 3, E), v],
    "ERR_SHAPE",
    '"key" expected shape [B=2, K=2, n, E=8], got [1, 2, 3, 8]',
  ],
  [
    "other heads",
    [zeros(B, 4, 3, E), v],
    "ERR_SHAPE",
    '"key" expected shape [B=2, K=2, n, E=8], got [2, 4, 3, 8]',
  ],
  [
    "another E",
    [zeros(B, K, 3, V), v],
    "ERR_SHAPE",
    '"key" expected shape [B=2, K=2, n, E=8], got [2, 2, 3, 6]',
  ],
  [
    "another V",
    [k, zeros(B, K, 3, E)],
    "ERR_SHAPE",
    '"value" expected shape [B=2, K=2, n=3, V=6], got [2, 2, 3, 8]',
  ],
  [
    "another n",
    [k, zeros(B, K, 4, V)],
    "ERR_SHAPE",
    '"value" expected shape [B=2, K=2, n=3, V=6], got [2, 2, 4, 6]',
  ],
  [
    "another rank",
    [k, zeros(K, 3, V)],
    "ERR_SHAPE",
    '"value" expected shape [B=2, K=2, n=3, V=6], got [2, 3, 6]',
  ],
  [
    "rank 3 for a batch",
    [zeros(K, 3, E), zeros(K, 3, V)],
    "ERR_SHAPE",
    '"key" expected a tensor of rank 4 for a cache of 2 entries with K=2, got rank 3',
  ],
  [
    "rank 5",
    [zeros(1, B, K, 3, E), v],
    "ERR_SHAPE",
    '"key" expected a tensor of rank 4 for a cache of 2 entries with K=2, got rank 5',
  ],
  [
    "BLHE that is not",
    [k, v, { layout: "BLHE" }],
    "ERR_SHAPE",
    '"key" expected shape [B=2, n, K=2, E=8], got [2, 2, 3, 8]',
  ],
  ["layout", [k, v, { layout: "BHEL" }], "ERR_OPTION", '"layout" expected one of "BHLE", "BLHE", got "BHEL"'],
  [
    "a name that does not exist",
    [k, v, { length: [1, 1] }],
    "ERR_OPTION",
    '"length" is no option here (did you mean "lengths"?); expected lengths, layout, signal',
  ],
  ["options: null", [k, v, null], "ERR_OPTION", '"options" expected an object, got null'],
  counts("a number", 3, "ERR_DTYPE", '"lengths" expected an array or a rank-1 tensor, got 3'),
  counts("too few", [3], "ERR_SHAPE", '"lengths" expected 2 elements, got 1'),
  counts("more than n", [3, 4], "ERR_OPTION", '"lengths" expected 0 to n=3, got 4'),
  counts("negative", [-1, 3], "ERR_OPTION", '"lengths" expected 0 to n=3, got -1'),
  counts("a fraction", [1, 1.5], "ERR_OPTION", '"lengths" expected whole numbers, got 1.5'),
  [
    "beyond maxLength, entry 0",
    [zeros(B, K, 31, E), zeros(B, K, 31, V)],
    "ERR_OPTION",
    '"maxLength" is 100: entry 0 holds 70 tokens, and 31 more were appended',
  ],
  [
    "beyond maxLength, entry 1",
    [zeros(B, K, 40, E), zeros(B, K, 40, V), { lengths: [30, 40] }],
    "ERR_OPTION",
    '"maxLength" is 100: entry 1 holds 61 tokens, and 40 more were appended',
  ],
];

const truncations: Refused[] = [
  ["more than there are", 71, "ERR_OPTION", "entry 0 holds 70 tokens and cannot be cut to 71"],
  ["more than one entry has", 62, "ERR_OPTION", "entry 1 holds 61 tokens and cannot be cut to 62"],
  ["one of them", [3, 62], "ERR_OPTION", "entry 1 holds 61 tokens and cannot be cut to 62"],
  ["negative", -1, "ERR_OPTION", '"lengths" expected a whole number of at least 0, got -1'],
  ["one negative", [1, -1], "ERR_OPTION", '"lengths" expected a whole number of at least 0, got -1'],
  ["a fraction", 1.5, "ERR_OPTION", '"lengths" expected whole numbers, got 1.5'],
  ["NaN", Number.NaN, "ERR_OPTION", '"lengths" expected numbers, got NaN'],
  ["too few", [1], "ERR_SHAPE", '"lengths" expected 2 elements, got 1'],
  ["nothing", undefined, "ERR_DTYPE", '"lengths" expected an array or a rank-1 tensor, got undefined'],
  ["a word", "10", "ERR_DTYPE", '"lengths" expected an array or a rank-1 tensor, got "10"'],
];

const forks: Refused[] = [
  ["none", [], "ERR_OPTION", '"entries" expected at least one entry, got none'],
  ["one too many", [0, 2], "ERR_OPTION", '"entries" expected 0 to 1, got 2'],
  ["negative", [-1], "ERR_OPTION", '"entries" expected 0 to 1, got -1'],
  ["a fraction", [0.5], "ERR_OPTION", '"entries" expected whole numbers, got 0.5'],
  ["a number", 1, "ERR_DTYPE", '"entries" expected an array or a rank-1 tensor, got 1'],
  ["null", null, "ERR_DTYPE", '"entries" expected an array or a rank-1 tensor, got null'],
];

const attentionNames =
  "mask, bias, causal, queryOffset, window, kvLengths, softcap, alibiSlopes, relativeBias, sinks, blockMask, " +
  "scale, similarity, layout, cuSeqlens, returnScores, returnWeights, returnLogSumExp, out, signal, engine";
const attentions: Wrong[] = [
  ["no query", [undefined], "ERR_DTYPE", '"query" expected a tensor { data, shape }, got undefined'],
  [
    "another batch",
    [zeros(1, 4, 1, E)],
    "ERR_SHAPE",
    '"query" expected shape [B=2, H, L, E=8], got [1, 4, 1, 8]',
  ],
  [
    "another E",
    [zeros(B, 4, 1, 4)],
    "ERR_SHAPE",
    '"query" expected shape [B=2, H, L, E=8], got [2, 4, 1, 4]',
  ],
  [
    "rank 3",
    [zeros(4, 1, E)],
    "ERR_SHAPE",
    '"query" expected rank 4 beside a cache of 2 entries, got rank 3',
  ],
  ["rank 1", [zeros(8)], "ERR_SHAPE", '"query" expected a tensor of rank 2, 3 or 4, got rank 1'],
  ["heads", [zeros(B, 3, 1, E)], "ERR_SHAPE", '"query" expected a multiple of the cache\'s K=2 heads, got 3'],
  [
    "kvLengths beyond S",
    [query, { kvLengths: [71, 61] }],
    "ERR_OPTION",
    '"kvLengths" expected 0 to S=70, got 71',
  ],
  [
    "kvLengths beyond an entry",
    [query, { kvLengths: [70, 62] }],
    "ERR_OPTION",
    '"kvLengths" expected at most the 61 tokens that entry 1 of the cache holds, got 62',
  ],
  ["options: null", [query, null], "ERR_OPTION", '"options" expected an object, got null'],
  ["cuSeqlens", [query, { cuSeqlens: {} }], "ERR_OPTION", '"cuSeqlens" cannot be combined with a cache'],
  [
    "a mask of another S",
    [query, { mask: zeros(1, 61) }],
    "ERR_SHAPE",
    '"mask" expected a shape that broadcasts to [2, 4, 1, 70], got [1, 61]',
  ],
  [
    "a blockMask of another S",
    [query, { blockMask: createBlockMask(() => true, { L: 1, S: 100 }) }],
    "ERR_SHAPE",
    '"blockMask" expected [B=2 or 1, H=4 or 1, L=1, S=70], got [1, 1, 1, 100]',
  ],
  ["queryOffset", [query, { queryOffset: [1] }], "ERR_SHAPE", '"queryOffset" expected 2 elements, got 1'],
  [
    "returnWeights",
    [query, { returnWeights: 1 }],
    "ERR_OPTION",
    '"returnWeights" expected true or false, got 1',
  ],
  [
    "a name that does not exist",
    [query, { sink: [1] }],
    "ERR_OPTION",
    `"sink" is no option here (did you mean "sinks"?); expected ${attentionNames}`,
  ],
  [
    "out",
    [query, { out: zeros(B, 4, 1, E) }],
    "ERR_SHAPE",
    '"out" expected shape [2, 4, 1, 6], got [2, 4, 1, 8]',
  ],
];

/** Untyped: these arguments would not compile. */
type Loose = Record<string, (...args: readonly unknown[]) => unknown>;

describe("a refused call changes nothing", () => {
  forEachEngine((_, engine) => {
    it.each(appends)("append: %s", async (_name, args, code, message) => {
      using cache = filled(engine());
      const before = looksOf(cache);
      const loose = cache as unknown as Loose;
      await expectRefused(
        () => loose.append!(...args),
        () => loose.appendAsync!(...args),
        code,
        message,
      );
      expectUnchanged(cache, before);
    });

    it.each(truncations)("truncate: %s", (_name, lengths, code, message) => {
      using cache = filled(engine());
      const before = looksOf(cache);
      expect(refusal(() => cache.truncate(lengths as never))).toEqual([code, message]);
      expectUnchanged(cache, before);
    });

    it.each(forks)("fork: %s", (_name, entries, code, message) => {
      using cache = filled(engine());
      const before = looksOf(cache);
      expect(refusal(() => cache.fork(entries as never))).toEqual([code, message]);
      expectUnchanged(cache, before);
    });

    it.each(attentions)("attention: %s", async (_name, [q, options], code, message) => {
      using cache = filled(engine());
      const before = looksOf(cache);
      const loose = engine() as unknown as Loose;
      await expectRefused(
        () => loose.scaledDotProductAttentionSync!(q, cache, options),
        () => loose.scaledDotProductAttention!(q, cache, options),
        code,
        message,
      );
      expectUnchanged(cache, before);
    });

    it("append: ranks for fewer dimensions", () => {
      using cache = new KVCache({ batch: 1, kvHeads: 2, headDim: 4, maxLength: 9, engine: engine() });
      expect(refusal(() => cache.append(zeros(3, 4), zeros(3, 4)))).toEqual([
        "ERR_SHAPE",
        '"key" expected a tensor of rank 3 to 4 for a cache of 1 entries with K=2, got rank 2',
      ]);
      cache.append(zeros(2, 3, 4), zeros(2, 3, 4));
      expect(cache.lengths).toEqual([3]);
    });

    it("attention on another engine", async () => {
      await using other = createEngine({ threads: 0 });
      using cache = filled(engine());
      const before = looksOf(cache);
      await expectRefused(
        () => other.scaledDotProductAttentionSync(query, cache),
        () => other.scaledDotProductAttention(query, cache),
        "ERR_OPTION",
        "the cache belongs to another engine than the call",
      );
      expectUnchanged(cache, before);
    });

    it("options in the fourth place, where nobody would see them", async () => {
      using cache = filled(engine());
      const attend = engine().scaledDotProductAttentionSync.bind(engine()) as (...args: unknown[]) => unknown;
      const attendAsync = engine().scaledDotProductAttention.bind(engine()) as (
        ...args: unknown[]
      ) => Promise<unknown>;
      await expectRefused(
        () => attend(query, cache, undefined, { causal: true }),
        () => attendAsync(query, cache, undefined, { causal: true }),
        "ERR_OPTION",
        "beside a cache options are the third argument, and there is no fourth",
      );
    });

    it("while an append is in flight: another one, and truncate; reading and forking go on", async () => {
      using cache = filled(engine());
      const before = looksOf(cache);
      const flying = cache.appendAsync(k, v);
      const busy = [
        "ERR_OPTION",
        "this cache is being appended to by a call in flight; wait for it to settle",
      ];
      expect(refusal(() => cache.append(k, v))).toEqual(busy);
      expect(refusal(() => cache.truncate(0))).toEqual(busy);
      await expect(cache.appendAsync(k, v)).rejects.toMatchObject({ code: busy[0], message: busy[1] });
      const { byteLength: _, ...looks } = looksOf(cache);
      expect(looks).toEqual({ lengths: before.lengths, data: before.data });
      cache.fork().dispose();
      await flying;
      expect(cache.lengths).toEqual([73, 64]);
      cache.truncate([70, 61]);
      expectUnchanged(cache, before);
    });

    it("a cache that is disposed", async () => {
      const cache = filled(engine());
      cache.dispose();
      cache.dispose();
      const gone = ["ERR_DISPOSED", "this cache is disposed"] as const;
      await expectRefused(
        () => cache.append(k, v),
        () => cache.appendAsync(k, v),
        ...gone,
      );
      await expectRefused(
        () => engine().scaledDotProductAttentionSync(query, cache),
        () => engine().scaledDotProductAttention(query, cache),
        ...gone,
      );
      for (const call of [
        () => cache.truncate(0),
        () => cache.fork(),
        () => cache.lengths,
        () => cache.length,
      ])
        expect(refusal(call)).toEqual(gone);
      expect(cache.byteLength).toBe(0);
      expectAllBytes(engine(), []);
    });
  });
});
