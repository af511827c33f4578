/**
 * What must hold for any input: fast-check draws sizes, options and numbers, prints seed and path of a failure, and
 * shrinks it.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Embedding, sinusoidalPositions } from "wasm-attention";
import { expectAccurate, expectSameBits } from "../support/accuracy.ts";
import { type AttentionWhat, attentionInputs, type Sizes, solve } from "../support/attention-problem.ts";
import {
  type Backend,
  engineChoices,
  forEachBackend,
  forEachBackendAndReference,
  type Operators,
} from "../support/backends.ts";
import { bytes, type FloatTensor, generator, normal } from "../support/random-tensors.ts";
import { attendParts, mergedTolerance, splitKeys } from "../support/split-keys.ts";
import { expectClose } from "../support/tolerance.ts";

const runs = { numRuns: 25 };

/** Sizes on either side of panels of 8 queries and blocks of 60 keys. */
const sizes = fc
  .record({
    B: fc.integer({ min: 1, max: 2 }),
    K: fc.integer({ min: 1, max: 2 }),
    group: fc.integer({ min: 1, max: 3 }),
    L: fc.integer({ min: 1, max: 20 }),
    S: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 55, max: 130 })),
    E: fc.integer({ min: 1, max: 20 }),
    V: fc.integer({ min: 1, max: 20 }),
  })
  .map(({ K, group, ...rest }) => ({ ...rest, K, H: K * group }));
const seeds = fc.integer({ min: 0, max: 1e6 });

type Drawn = Required<Sizes>;

/** Options that say which keys a query sees. */
const exclusions = fc.constantFrom<(size: Drawn, seed: number) => AttentionWhat>(
  () => ({}),
  () => ({ causal: true }),
  () => ({ causal: "bottom-right" }),
  ({ B }, seed) => ({ causal: true, queryOffset: Array.from({ length: B }, (_, b) => (seed % 41) - 20 * b) }),
  (_, seed) => ({ window: [seed % 9, seed % 4] }),
  ({ B, S }, seed) => ({ kvLengths: Array.from({ length: B }, (_, b) => (seed + 7 * b) % (S + 1)) }),
  ({ L, S }, seed) => ({ mask: bytes([L, S], seed) }),
  ({ H, S }, seed) => ({ mask: normal([H, 1, S], seed), causal: true }),
);

/** Checks a property of attention for drawn sizes, options and inputs. */
function holds(
  check: (drawn: {
    size: Drawn;
    seed: number;
    options: AttentionWhat;
    query: FloatTensor;
    key: FloatTensor;
    value: FloatTensor;
  }) => Promise<void>,
): Promise<void> {
  return fc.assert(
    fc.asyncProperty(sizes, seeds, exclusions, (size, seed, exclude) =>
      check({ size, seed, options: exclude(size, seed), ...attentionInputs(size, seed) }),
    ),
    runs,
  );
}

/** Rounding of float32 in results of magnitude 1 or so: outputs are means of values that hardly pass 3.5. */
const rounding = { absolute: 2e-6, relative: 2e-6 };

/** Rearranges the rows of every head: row i becomes what was row order[i]. */
function permuted({ data, shape }: FloatTensor, order: readonly number[]): FloatTensor {
  const [length, width] = shape.slice(-2) as [number, number];
  const from = (n: number) => {
    const row = Math.floor(n / width);
    return (row - (row % length) + order[row % length]!) * width + (n % width);
  };
  return { data: data.map((_, n) => data[from(n)]!), shape };
}

function shuffled(length: number, seed: number): number[] {
  const next = generator(seed);
  const order = Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Rows of the last dimension. */
function rowsOf({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }): number[][] {
  const width = shape.at(-1)!;
  const all = Array.from(data);
  return Array.from({ length: width === 0 ? 0 : all.length / width }, (_, r) =>
    all.slice(r * width, (r + 1) * width),
  );
}

describe("attention", () => {
  forEachBackendAndReference((operators: Operators) => {
    const attend = operators.scaledDotProductAttention;

    it("weights are not negative, and sum to 1 where there is a key", () =>
      holds(async ({ query, key, value, options }) => {
        const all = { ...options, returnWeights: true, returnLogSumExp: true };
        const { weights, logSumExp } = await attend(query, key, value, all);
        rowsOf(weights!).forEach((row, i) => {
          expect(row.every((weight) => weight >= 0)).toBe(true);
          const sum = row.reduce((total, weight) => total + weight, 0);
          expect(Math.abs(sum - (logSumExp!.data[i] === -Infinity ? 0 : 1))).toBeLessThan(1e-6);
        });
      }));

    it("outputs lie between the smallest and the largest attended value", () =>
      holds(async ({ size, query, key, value, options }) => {
        const { output, weights } = await attend(query, key, value, { ...options, returnWeights: true });
        const { H, K, L, S, V } = size;
        const attended = rowsOf(weights!);
        rowsOf(output).forEach((row, r) => {
          const kvHead = Math.floor(r / (H * L)) * K + Math.floor((Math.floor(r / L) % H) / (H / K));
          const keys = attended[r]!.flatMap((weight, j) => (weight > 0 ? [kvHead * S + j] : []));
          row.forEach((x, e) => {
            const values = keys.map((j) => value.data[j * V + e]!);
            const [low, high] = [Math.min(...values, Infinity), Math.max(...values, -Infinity)];
            if (keys.length === 0) expect(x).toBe(0);
            else expect(x >= low - 1e-5 && x <= high + 1e-5).toBe(true);
          });
        });
      }));

    it("a shift of all scores changes nothing but logSumExp, by as much", () =>
      holds(async ({ query, key, value, options, seed }) => {
        const shift = (seed % 64) - 32;
        const bias = { data: Float32Array.of(shift), shape: [1] };
        const all = { ...options, returnLogSumExp: true };
        const before = await attend(query, key, value, all);
        const after = await attend(query, key, value, { ...all, bias });
        const loose = { absolute: 2e-5, relative: 0 };
        expectClose(after.output.data, before.output.data, loose, "output");
        const shifted = Array.from(before.logSumExp!.data, (x) => x + shift);
        expectClose(after.logSumExp!.data, shifted, loose, "logSumExp");
      }));

    it("the order of the keys, with their values, changes nothing beyond rounding", () =>
      holds(async ({ size, query, key, value, seed }) => {
        const order = shuffled(size.S, seed);
        const before = await attend(query, key, value);
        const after = await attend(query, permuted(key, order), permuted(value, order));
        expectClose(after.output.data, before.output.data, rounding, "output");
      }));

    it("the order of the queries is the order of the outputs", () =>
      holds(async ({ size, query, key, value, seed }) => {
        const order = shuffled(size.L, seed);
        const before = await attend(query, key, value);
        const after = await attend(permuted(query, order), key, value);
        const expected = permuted(
          { data: Float32Array.from(before.output.data), shape: before.output.shape },
          order,
        );
        expectSameBits(after.output.data, expected.data, "output");
      }));

    it("keys past their entry's length are absent keys", () =>
      holds(async ({ size, query, key, value, seed }) => {
        const length = seed % (size.S + 1);
        const cut = ({ data, shape }: FloatTensor) => {
          const [S, width] = shape.slice(-2) as [number, number];
          const kept = data.filter((_, n) => Math.floor(n / width) % S < length);
          return { data: kept, shape: [...shape.slice(0, -2), length, width] };
        };
        const kvLengths = new Array<number>(size.B).fill(length);
        const present = await attend(query, key, value, { kvLengths });
        const absent = await attend(query, cut(key), cut(value));
        expectSameBits(present.output.data, absent.output.data, "output");
      }));

    it("a masked key is an absent key", () =>
      holds(async ({ size, query, key, value, seed }) => {
        const { data: keep } = bytes([size.S], seed, 0.5);
        const kept = ({ data, shape }: FloatTensor) => {
          const [S, width] = shape.slice(-2) as [number, number];
          const left = data.filter((_, n) => keep[Math.floor(n / width) % S] === 1);
          const count = keep.reduce((sum, one) => sum + one, 0);
          return { data: left, shape: [...shape.slice(0, -2), count, width] };
        };
        const absent = await attend(query, kept(key), kept(value));
        const additive = Float32Array.from(keep, (one) => (one ? 0 : -Infinity));
        for (const data of [keep, additive]) {
          const mask = { data, shape: [size.S] } as AttentionWhat["mask"];
          const masked = await attend(query, key, value, { mask });
          expectClose(masked.output.data, absent.output.data, rounding, "output");
        }
      }));

    it("keys cut anywhere, attended to in parts and merged, are all keys", () =>
      holds(async ({ size, query, key, value, options, seed }) => {
        const whole = { query, key, value, options };
        const next = generator(seed);
        const cuts = Array.from({ length: 1 + (seed % 5) }, () => Math.floor(next() * (size.S + 1)));
        const parts = splitKeys(
          whole,
          cuts.sort((a, b) => a - b),
        );
        const merged = await operators.mergeAttention(await attendParts(operators, parts));
        const { exact } = solve(whole);
        const tolerance = mergedTolerance(whole);
        expectAccurate(merged.output, exact.output, tolerance.output, "output");
        expectAccurate(merged.logSumExp, exact.logSumExp, tolerance.logSumExp, "logSumExp");
      }));

    it("attention is softmax between two products", () =>
      holds(async ({ size, query, seed }) => {
        const { key, value } = attentionInputs({ ...size, K: size.H }, seed);
        const scale = 1 / Math.sqrt(size.E);
        const scores = await operators.matmul(query, key, { transposeB: true, scale });
        const weights = await operators.softmax(scores as FloatTensor);
        const product = await operators.matmul(weights as FloatTensor, value);
        const { output } = await attend(query, key, value);
        expectClose(output.data, product.data, { absolute: 1e-5, relative: 0 }, "output");
      }));
  });
});

describe("not a bit changes", () => {
  forEachBackend((backend) => {
    const attend = backend.scaledDotProductAttention;
    const all = { returnWeights: true, returnLogSumExp: true } as const;

    it("with what else is in the batch", () =>
      holds(async ({ size, seed, options, query, key, value }) => {
        const whole = await attend(query, key, value, { ...options, ...all });
        const b = seed % size.B;
        const entry = ({ data, shape }: FloatTensor) => {
          const length = data.length / size.B;
          return { data: data.subarray(b * length, (b + 1) * length), shape: [1, ...shape.slice(1)] };
        };
        const { queryOffset, kvLengths } = options;
        const alone = await attend(entry(query), entry(key), entry(value), {
          ...options,
          ...all,
          ...(Array.isArray(queryOffset) && { queryOffset: [queryOffset[b]] }),
          ...(Array.isArray(kvLengths) && { kvLengths: [kvLengths[b]] }),
        });
        for (const name of ["output", "weights", "logSumExp"] as const) {
          const { data } = entry(whole[name] as FloatTensor);
          expectSameBits(alone[name]!.data, data, name);
        }
      }));

    it("with the number of queries beside one", () =>
      holds(async ({ size, seed, query, key, value }) => {
        const i = seed % size.L;
        const whole = await attend(query, key, value, { causal: true });
        const single = {
          data: query.data.filter((_, n) => Math.floor(n / size.E) % size.L === i),
          shape: [size.B, size.H, 1, size.E],
        };
        const alone = await attend(single, key, value, { causal: true, queryOffset: i });
        const expected = whole.output.data.filter((_, n) => Math.floor(n / size.V) % size.L === i);
        expectSameBits(alone.output.data, expected, "output");
      }));

    it("when the same call is made again, alone or among others", () =>
      holds(async ({ options, query, key, value }) => {
        const calls = Array.from({ length: 4 }, () => attend(query, key, value, options));
        const [first, ...others] = await Promise.all(calls);
        for (const { output } of others) expectSameBits(output.data, first!.output.data, "output");
      }));
  });
});

describe("not a bit changes with threads, memory, sync or async", () => {
  const digests = new Map<string, { name: string; results: Float32Array[] }>();

  // Large enough that threads share the work.
  const cases: [Sizes, AttentionWhat][] = [
    [{ B: 2, H: 6, K: 2, L: 130, S: 257, E: 40 }, {}],
    [{ H: 12, L: 128, S: 128, E: 64 }, { causal: true }],
    [{ B: 3, H: 8, K: 2, L: 1, S: 3000, E: 64 }, { kvLengths: [3000, 1234, 7] }],
    [{ L: 9, S: 5000, E: 256 }, { similarity: "cosine" }],
    [
      { B: 2, H: 4, L: 70, S: 200, E: 33, V: 80 },
      { mask: bytes([70, 200], 3), bias: normal([4, 1, 200], 4) },
    ],
  ];
  const inputs = cases.map(([size, options], seed) => ({ ...attentionInputs(size, seed), options }));

  const compute = async (backend: Backend): Promise<Float32Array[]> => {
    const results: Float32Array[] = [];
    for (const { query, key, value, options } of inputs) {
      const all = { ...options, returnWeights: true, returnLogSumExp: true };
      const { output, weights, logSumExp } = await backend.scaledDotProductAttention(query, key, value, all);
      for (const { data } of [output, weights!, logSumExp!]) results.push(Float32Array.from(data));
    }
    const [a, b] = [normal([300, 500], 1), normal([500, 200], 2)];
    for (const x of [
      await backend.matmul(a, b),
      await backend.softmax(a),
      await backend.softmax(a, { axis: 0 }),
    ])
      results.push(Float32Array.from(x.data));
    return results;
  };

  forEachBackend((backend) => {
    it("gives what the first of its kernel set gave", async () => {
      const kernels = backend.engine.info().kernels;
      const results = await compute(backend);
      const first = digests.get(kernels) ?? { name: backend.name, results };
      digests.set(kernels, first);
      results.forEach((data, i) => {
        expectSameBits(data, first.results[i]!, `result ${i} of ${backend.name} against ${first.name}`);
      });
    });
  });

  it("compared what there is", () => {
    expect(digests.size).toBe(new Set(engineChoices.map(({ kernels }) => kernels)).size);
  });
});

describe("words", () => {
  const vocabulary = ["dog", "chased", "cat"];
  const embedding = new Embedding({ numEmbeddings: 3, embedDim: 16, seed: 3 });
  const positions = sinusoidalPositions(3, 16);

  /** What each word of a sentence becomes, by word. */
  const attendTo = async (operators: Operators, sentence: string, withPositions: boolean) => {
    const words = sentence.split(" ");
    const x = embedding.forward(words.map((word) => vocabulary.indexOf(word)));
    const tokens = {
      data: x.data.map((n, i) => n + (withPositions ? positions.data[i]! : 0)),
      shape: x.shape,
    };
    const { output } = await operators.scaledDotProductAttention(tokens, tokens, tokens);
    return new Map(words.map((word, i) => [word, Array.from(output.data.subarray(i * 16, i * 16 + 16))]));
  };

  forEachBackendAndReference((operators) => {
    it("without positions their order means nothing", async () => {
      const one = await attendTo(operators, "dog chased cat", false);
      const other = await attendTo(operators, "cat chased dog", false);
      for (const word of vocabulary) expectClose(one.get(word)!, other.get(word)!, rounding, word);
    });

    it("with positions, a dog that chased a cat is not a cat that chased a dog", async () => {
      const one = await attendTo(operators, "dog chased cat", true);
      const other = await attendTo(operators, "cat chased dog", true);
      for (const word of vocabulary) {
        const difference = one.get(word)!.map((n, i) => Math.abs(n - other.get(word)![i]!));
        expect(Math.max(...difference)).toBeGreaterThan(1e-3);
      }
    });
  });
});
