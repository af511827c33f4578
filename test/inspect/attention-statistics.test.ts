/** Statistics of attention against those of the whole matrix of weights: the reference's, and each engine's own. */
import { describe, expect, it } from "vitest";
import { createBlockMask, scaledDotProductAttentionSync } from "wasm-attention";
import {
  type AttentionStatistics,
  attentionStatistics,
  attentionStatisticsSync,
  type StatisticsOptions,
} from "wasm-attention/inspect";
import * as reference from "wasm-attention/reference";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { type AttentionWhat, attentionInputs, type Sizes } from "../support/attention-problem.ts";
import { forEachBackend, type What } from "../support/backends.ts";
import { expectSameOnAllEngines, type Where } from "../support/every-engine.ts";
import { plainAttention } from "../support/plain-float32.ts";
import { bytes, changed, type FloatTensor, normal } from "../support/random-tensors.ts";
import { expectClose, float64Tolerance } from "../support/tolerance.ts";
import { keysMatchWeights, plainStatistics, statisticNames } from "./plain-statistics.ts";

type Options = What<StatisticsOptions>;

interface Problem {
  readonly name: string;
  readonly query: FloatTensor;
  readonly key: FloatTensor;
  readonly value: FloatTensor;
  readonly options: Options;
  readonly offsets?: readonly number[];
}

const usual: Sizes = { B: 2, H: 4, K: 2, L: 37, S: 131, E: 12 };
const scoresOf = ({ B = 1, H = 1, L, S }: Sizes) => [B, H, L, S];

function problem(name: string, sizes: Sizes, options: Options = {}, offsets?: readonly number[]): Problem {
  return { name, ...attentionInputs(sizes, 1, options.layout), options, offsets };
}

/** Additive: -infinity, float32's lowest, and a row of either. */
function harshMask(): FloatTensor {
  const [L, S] = [usual.L, usual.S];
  const mask = changed(normal([L, S], 40), (x) =>
    x > 0.5 ? -Infinity : x < -1 ? -3.4028234663852886e38 : x,
  );
  mask.data.fill(-Infinity, 0, S);
  mask.data.fill(-3.4028234663852886e38, S, 2 * S);
  return mask;
}

function booleanMask() {
  const mask = bytes(scoresOf(usual), 41, 0.4);
  mask.data.fill(0, 5 * usual.S, 7 * usual.S);
  return mask;
}

const spread = (factor: number, made: Problem): Problem => ({
  ...made,
  query: changed(made.query, (x) => factor * x),
});

const problems: readonly Problem[] = [
  problem("one key", { L: 1, S: 1, E: 1 }),
  problem("few queries of a group", { H: 8, K: 2, L: 1, S: 200, E: 16 }, { topK: 3 }),
  problem("two queries", { B: 2, H: 2, L: 2, S: 61, E: 5 }, { topK: 16 }),
  problem("fewer keys than edges", { H: 2, L: 9, S: 5, E: 3 }, { topK: 8 }),
  problem("groups", usual, { topK: 4 }),
  problem("tokens first", usual, { layout: "BLHE", topK: 2 }),
  problem("causal", usual, { causal: true }),
  problem("causal to the last key", usual, { causal: "bottom-right" }, [94, 94]),
  problem("a window", usual, { window: [9, 3], queryOffset: 70 }, [70, 70]),
  problem("positions of entries", usual, { queryOffset: [-500, 300], kvLengths: [131, 64] }, [-500, 300]),
  problem("no position that sees a key", usual, { causal: true, queryOffset: -20 }, [-20, -20]),
  problem("ragged lengths, one of them 0", usual, { kvLengths: [0, 77], topK: 2 }),
  problem("a boolean mask with rows of nothing", usual, { mask: booleanMask(), topK: 2 }),
  problem("an additive mask that excludes", usual, { mask: harshMask() }),
  problem("a bias and slopes", usual, {
    bias: normal(scoresOf(usual), 42, 3),
    alibiSlopes: [0.5, 0.25, 0.1, 1],
  }),
  problem("a relative bias", usual, {
    relativeBias: { table: normal([8, 4], 43), bidirectional: true, maxDistance: 30 },
  }),
  problem("softcap and cosine", usual, { softcap: 2, similarity: "cosine", scale: 9 }),
  problem("sinks", usual, { sinks: [3, -1, 12, -Infinity], topK: 2 }),
  problem("a sink and no key", usual, { sinks: [3, -1, 12, 0], kvLengths: [0, 131] }),
  problem("a block mask", usual, {
    blockMask: createBlockMask((_b, h, i, j) => (i + j + h) % 3 === 0 && j > 20, {
      ...{ B: 2, H: 4, L: usual.L, S: usual.S },
      blockSize: 16,
    }),
  }),
  spread(40, problem("scores of hundreds", usual, { topK: 2 })),
  spread(4000, problem("scores of 10,000 and beyond", usual, { topK: 2 })),
];

const names = ["logSumExp", ...statisticNames] as const;

const solved = problems.map((made) => {
  const { name, query, key, value, options, offsets } = made;
  const { topK, ...what } = options;
  const exact = reference.attentionStatistics(query, key, value, options);
  const { weights } = reference.scaledDotProductAttention(query, key, value, what);
  const plain = plainAttention(query, key, value, what as AttentionWhat);
  const rounded = plainStatistics(
    { data: plain.weights, shape: weights.shape },
    { topK, offsets, round: Math.fround },
  );
  const tolerances = { ...rounded, logSumExp: plain.logSumExp, output: plain.output };
  return { name, made, exact, weights, tolerances };
});

async function statisticsOn(
  { engine, call }: Where,
  { query, key, value }: Omit<Problem, "name" | "options">,
  options: Options = {},
  withValue = true,
): Promise<AttentionStatistics> {
  const run = call === "sync" ? attentionStatisticsSync : attentionStatistics;
  return run(query, key, withValue ? value : undefined, { ...options, engine });
}

describe("the reference", () => {
  it.each(solved)("is right about $name", ({ made, exact, weights }) => {
    const again = plainStatistics(weights, { ...made.options, offsets: made.offsets, round: (x) => x });
    for (const name of statisticNames) expectClose(exact[name].data, again[name], float64Tolerance, name);
  });
});

describe("attentionStatistics", () => {
  forEachBackend((backend) => {
    it.each(solved)("$name", async ({ made, exact, weights, tolerances }) => {
      const actual = await statisticsOn(backend, made, made.options);
      for (const name of [...names, "output"] as const)
        expectAccurate(
          actual[name]!,
          exact[name]!,
          plainTolerance(exact[name]!.data, tolerances[name]),
          name,
        );
      expect(actual.topKeys.shape).toEqual(exact.topKeys.shape);
      const { absolute } = plainTolerance(exact.topWeights.data, tolerances.topWeights);
      expect(keysMatchWeights(actual, weights, absolute)).toBeUndefined();
    });

    it.each([131, 1300])("needs no value, and has the bits of attention, over %s keys", async (S) => {
      const { query, key, value } = attentionInputs({ ...usual, S });
      const options = { causal: true, queryOffset: S - 41, topK: 5 } as const;
      const [with_, without] = [
        await statisticsOn(backend, { query, key, value }, options),
        await statisticsOn(backend, { query, key, value }, options, false),
      ];
      expect(without.output).toBeUndefined();
      for (const name of [...names, "topKeys"] as const)
        expectSameBits(without[name].data, with_[name].data, name);
      const { topK, ...what } = options;
      const attention = await backend.scaledDotProductAttention(query, key, value, {
        ...what,
        returnLogSumExp: true,
      });
      expectSameBits(with_.output!.data, attention.output.data, "output");
      expectSameBits(with_.logSumExp.data, attention.logSumExp!.data, "logSumExp");
    });

    it("many heads and queries, in rounds and steps", async () => {
      // A tile has more panels than fit at a time, and more keys than a step.
      const inputs = attentionInputs({ H: 64, L: 410, S: 1700, E: 2 }, 3);
      const statistics = await statisticsOn(backend, inputs, { topK: 3 }, false);
      const { weights } = scaledDotProductAttentionSync(inputs.query, inputs.key, inputs.value, {
        engine: backend.engine,
        returnWeights: true,
      });
      const [H, L, S] = [64, 410, 1700];
      const columns = new Float64Array(H * S);
      const diagonals = new Float64Array(H * (L + S - 1));
      const entropy = new Float64Array(H * L);
      weights!.data.forEach((weight, n) => {
        const [row, j] = [Math.floor(n / S), n % S];
        const h = Math.floor(row / L);
        columns[h * S + j]! += weight;
        diagonals[h * (L + S - 1) + j - (row % L) + L - 1]! += weight;
        if (weight > 0) entropy[row]! -= weight * Math.log(weight);
      });
      // So many numbers near 1/S are added one after another.
      const tolerance = { absolute: 2 ** -40, relative: 2 ** -18 };
      expectClose(statistics.keyMass.data, columns, tolerance, "keyMass");
      expectClose(statistics.diagonalMass.data, diagonals, tolerance, "diagonalMass");
      expectClose(statistics.entropy.data, entropy, tolerance, "entropy");
      expect(keysMatchWeights(statistics, weights!, 0)).toBeUndefined();
    });

    it("of equal weights lists the first keys", async () => {
      const x = { data: new Float32Array(70 * 4), shape: [70, 4] };
      const { topKeys, entropy } = await statisticsOn(
        backend,
        { query: x, key: x, value: x },
        { topK: 3, causal: true },
      );
      expect([...topKeys.data.subarray(0, 9)]).toEqual([0, -1, -1, 0, 1, -1, 0, 1, 2]);
      expect([...topKeys.data.subarray(-3)]).toEqual([0, 1, 2]);
      expect(entropy.data[0]).toBe(0);
      expect(entropy.data[69]).toBeCloseTo(Math.log(70), 5);
    });

    it("says NaN of the rows that attend it, and of no other", async () => {
      const { query, key, value } = attentionInputs({ H: 2, L: 20, S: 70, E: 4 });
      key.data[66 * 4] = Number.NaN;
      key.data[(70 + 60) * 4 + 1] = Number.POSITIVE_INFINITY;
      const options = { causal: true, queryOffset: 50, topK: 2 } as const;
      const actual = await statisticsOn(backend, { query, key, value }, options);
      const exact = reference.attentionStatistics(query, key, value, options);
      for (const name of names)
        expectAccurate(actual[name], exact[name], { absolute: 1e-5, relative: 0 }, name);
      expect(actual.entropy.data.map(Number.isNaN as never).reduce((a, b) => a + b)).toBeGreaterThan(3);
      expect([...actual.topKeys.data.subarray(16 * 2, 16 * 2 + 2)]).toEqual([-1, -1]);
      expect(actual.topKeys.data[15 * 2]).toBeGreaterThanOrEqual(0);
    });

    it("without queries, without keys", async () => {
      const keyless = await statisticsOn(backend, attentionInputs({ B: 2, H: 2, L: 3, S: 0, E: 4 }), {
        topK: 2,
      });
      expect([...keyless.entropy.data]).toEqual(new Array(12).fill(0));
      expect([...keyless.topKeys.data]).toEqual(new Array(24).fill(-1));
      expect([...keyless.logSumExp.data]).toEqual(new Array(12).fill(-Infinity));
      expect(keyless.keyMass.shape).toEqual([2, 2, 0]);
      const queryless = await statisticsOn(backend, attentionInputs({ H: 2, L: 0, S: 3, E: 4 }));
      expect([...queryless.keyMass.data]).toEqual(new Array(6).fill(0));
      expect(queryless.entropy.shape).toEqual([1, 2, 0]);
      expect(queryless.distanceHistogram.shape).toEqual([1, 2, 1]);
      expect([...queryless.meanDistance.data]).toEqual([0, 0]);
    });
  });

  it("has the same bits whatever threads and batch", async () => {
    const inputs = attentionInputs({ B: 3, H: 2, L: 300, S: 400, E: 8 }, 5);
    for (const name of ["entropy", "keyMass", "diagonalMass", "meanDistance"] as const) {
      await expectSameOnAllEngines(async (where) => (await statisticsOn(where, inputs))[name]);
      const entry = ({ data, shape }: FloatTensor) => {
        const size = data.length / 3;
        return { data: data.slice(size, 2 * size), shape: [1, ...shape.slice(1)] };
      };
      const all = attentionStatisticsSync(inputs.query, inputs.key)[name];
      const alone = attentionStatisticsSync(entry(inputs.query), entry(inputs.key))[name];
      expectSameBits(alone.data, entry(all).data, name);
    }
  }, 180_000);

  it("holds no matrix", async () => {
    const { createEngine } = await import("wasm-attention");
    await using engine = createEngine({ threads: 1 });
    const [L, E] = [8192, 4];
    const x = normal([1, L, E], 1);
    attentionStatisticsSync(x, x, undefined, { engine, topK: 4 });
    // 16 shares of L + 2 S floats, and what goes in and out; the matrix would take 256 MB.
    const most = 16 * 3 * L * 4 + (2 * L * E + (2 * 4 + 3) * L + 3 * L) * 4 + 1024 * 1024;
    expect(engine.info().memory.peak).toBeLessThan(most);
  });

  it("drops dimensions as the query does", () => {
    const { query, key } = attentionInputs({ L: 5, S: 7, E: 4 });
    const flat = (x: FloatTensor, rank: number) => ({ data: x.data, shape: x.shape.slice(4 - rank) });
    const shapes = (rank: number) => {
      const made = attentionStatisticsSync(flat(query, rank), flat(key, rank), undefined, { topK: 2 });
      return Object.values(made).map((tensor) => tensor.shape);
    };
    expect(shapes(2)).toEqual([[5], [5], [5, 2], [5, 2], [7], [11], [4], []]);
    expect(shapes(3)).toEqual(shapes(2).map((shape) => [1, ...shape]));
  });

  it("refuses what it cannot take", async () => {
    const { query, key } = attentionInputs({ L: 5, S: 7, E: 4 });
    const refuse = (options: object, code: string, message: string) => {
      const call = () => attentionStatisticsSync(query, key, undefined, options as StatisticsOptions);
      expect(call).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
    };
    refuse({ topK: 0 }, "ERR_OPTION", '"topK" expected a whole number from 1 to 16, got 0');
    refuse({ topK: 17 }, "ERR_OPTION", '"topK"');
    refuse({ cuSeqlens: { query: [0], key: [0] } }, "ERR_OPTION", '"cuSeqlens" is no option here');
    refuse({ returnWeights: true }, "ERR_OPTION", '"returnWeights" is no option here');
    refuse({ kvLengths: [8] }, "ERR_OPTION", '"kvLengths"');
    refuse({ queryOffset: 2 ** 53 }, "ERR_OPTION", '"queryOffset" expected -1073741824 to 1073741824');
    refuse({ topK: new Array(2 ** 32 - 1) }, "ERR_OPTION", '"topK"');
    expect(() => attentionStatisticsSync(query, undefined as never)).toThrow('"key" expected a tensor');
    expect(() => attentionStatisticsSync(query, key, null as never)).toThrow('"value" expected a tensor');
    await expect(attentionStatistics(query, key, undefined, { signal: AbortSignal.abort() })).rejects.toThrow(
      "aborted",
    );
  });
});
