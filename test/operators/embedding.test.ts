import { describe, expect, test } from "vitest";
import { Embedding } from "../../src/embedding.ts";
import { LearnedPositions, sinusoidalPositions } from "../../src/positions.ts";
import { Random } from "../../src/random.ts";

const take = (count: number, next: () => number): number[] => Array.from({ length: count }, next);

describe("Random", () => {
  // From a C program of the authors' xoshiro128starstar.c and splitmix64.c.
  test.each([
    [0, [3737715805, 2584255861, 2876756834, 3286328325, 1553311962, 1625202774]],
    [42, [1776835114, 4165204688, 17111135, 2317295270, 2792088233, 2554630222]],
    [Number.MAX_SAFE_INTEGER, [1233166643, 1287031142, 661813442, 2960669951, 2601079046, 1036114921]],
  ])("of seed %d gives the words of the C sources", (seed, words) => {
    const random = new Random(seed);
    expect(take(6, () => random.bits())).toEqual(words);
  });

  test("uniform numbers are the upper 24 bits, in [0, 1)", () => {
    const random = new Random(42);
    expect(take(2, () => random.uniform())).toEqual([
      (1776835114 >>> 8) / 2 ** 24,
      (4165204688 >>> 8) / 2 ** 24,
    ]);
    const many = new Random(7).fillUniform(100_000, -2, 4);
    expect(Math.min(...many.subarray(0, 50_000))).toBeGreaterThanOrEqual(-2);
    expect(Math.max(...many.subarray(0, 50_000))).toBeLessThan(4);
    expect(mean(many)).toBeCloseTo(1, 1);
  });

  test("normal numbers have mean 0, variance 1 and the tails of a normal distribution", () => {
    const words = [3737715805, 2584255861, 2876756834, 3286328325, 1553311962, 1625202774];
    const halves = words.flatMap((word) => [word % 65536, Math.floor(word / 65536)]);
    const expected = halves.reduce((sum, half) => sum + (half + 0.5) / 65536, 0) - 6;
    expect(new Random(0).normal()).toBe(expected);

    const values = new Random(3).fillNormal(200_000, 2);
    expect(Math.abs(mean(values))).toBeLessThan(0.02);
    expect(mean(values.map((x) => x * x))).toBeCloseTo(4, 1);
    const within = (deviations: number) =>
      values.filter((x) => Math.abs(x) < 2 * deviations).length / values.length;
    expect(within(1)).toBeCloseTo(0.6827, 2);
    expect(within(2)).toBeCloseTo(0.9545, 2);
  });

  test("Xavier weights fill their interval", () => {
    const weights = new Random(5).fillXavier(30, 20);
    expect(weights).toHaveLength(600);
    const bound = Math.sqrt(6 / 50);
    expect(Math.max(...weights)).toBeLessThanOrEqual(bound);
    expect(Math.max(...weights)).toBeGreaterThan(0.95 * bound);
    expect(Math.min(...weights)).toBeLessThan(-0.95 * bound);
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 53])("refuses the seed %d", (seed) => {
    expect(() => new Random(seed)).toThrow(`"seed" expected a whole number from 0 to 2^53 - 1, got ${seed}`);
  });
});

describe("Embedding", () => {
  const weight = { data: Float32Array.from({ length: 12 }, (_, i) => i), shape: [4, 3] };

  test("copies the rows of its ids, whatever array they come in", () => {
    const embedding = new Embedding({ weight });
    const rows = [9, 10, 11, 0, 1, 2];
    for (const ids of [[3, 0], Int32Array.of(3, 0), BigInt64Array.of(3n, 0n), Uint8Array.of(3, 0)]) {
      const x = embedding.forward(ids);
      expect(x.shape).toEqual([2, 3]);
      expect([...x.data]).toEqual(rows);
    }
    const batched = embedding.forward({ data: Int32Array.of(3, 0), dims: [2, 1, 1] });
    expect(batched.shape).toEqual([2, 1, 1, 3]);
    expect([...batched.data]).toEqual(rows);
    expect(embedding.forward([]).shape).toEqual([0, 3]);
  });

  test("starts from seeded normal numbers", () => {
    const embedding = new Embedding({ numEmbeddings: 5, embedDim: 7, seed: 9 });
    expect(embedding.weight.shape).toEqual([5, 7]);
    expect(embedding.weight.data).toEqual(new Random(9).fillNormal(35));
    expect(new Embedding({ numEmbeddings: 5, embedDim: 7 }).weight.data).toEqual(
      new Random(0).fillNormal(35),
    );
  });

  test.each([
    [[1, 4], `"ids" expected ids from 0 to 3, got 4 at position 1`],
    [[-1], `"ids" expected ids from 0 to 3, got -1 at position 0`],
    [[0.5], `"ids" expected ids from 0 to 3, got 0.5 at position 0`],
    [
      { data: Int32Array.of(0, 1, 2, 3, 4, 0), shape: [2, 3] },
      `"ids" expected ids from 0 to 3, got 4 at position [1, 1]`,
    ],
    [BigInt64Array.of(2n ** 62n), `"ids" expected ids from 0 to 3, got ${Number(2n ** 62n)} at position 0`],
  ])("refuses ids outside its table (%#)", (ids, message) => {
    const embedding = new Embedding({ weight });
    expect(() => embedding.forward(ids)).toThrow(expect.objectContaining({ code: "ERR_OPTION", message }));
  });

  test("refuses what is no table and what are no ids", () => {
    const bad = (options: unknown) => () => new Embedding(options as { weight: typeof weight });
    expect(bad({ numEmbeddings: 0, embedDim: 3 })).toThrow(
      `"numEmbeddings" expected a positive whole number, got 0`,
    );
    expect(bad({ numEmbeddings: 3 })).toThrow(`"embedDim" expected a positive whole number, got undefined`);
    expect(bad({ weight: { data: new Float32Array(4), shape: [4] } })).toThrow(
      `"weight" expected shape [numEmbeddings, embedDim], got [4]`,
    );
    expect(() => new Embedding({ weight }).forward(3 as never)).toThrow(
      expect.objectContaining({ code: "ERR_DTYPE" }),
    );
  });
});

describe("sinusoidalPositions", () => {
  /** Each pair of columns is a point on the circle, turned by one angle at each step. */
  function byRotation(length: number, embedDim: number): number[] {
    const rows = new Array<number>(length * embedDim);
    for (let column = 0; column < embedDim; column++) {
      const pair = Math.floor(column / 2);
      const angle = Math.exp((-2 * pair * Math.log(10000)) / embedDim);
      let [sine, cosine] = [0, 1];
      for (let position = 0; position < length; position++) {
        rows[position * embedDim + column] = column % 2 === 0 ? sine : cosine;
        [sine, cosine] = [
          sine * Math.cos(angle) + cosine * Math.sin(angle),
          cosine * Math.cos(angle) - sine * Math.sin(angle),
        ];
      }
    }
    return rows;
  }

  test.each([
    [50, 8],
    [9, 5],
    [3, 1],
    [200, 64],
  ])("of %d positions and %d columns agrees with turning a point on a circle", (length, embedDim) => {
    const { data, shape } = sinusoidalPositions(length, embedDim);
    expect(shape).toEqual([length, embedDim]);
    for (const [i, expected] of byRotation(length, embedDim).entries())
      expect(data[i]).toBeCloseTo(expected, 6);
  });

  test("refuses sizes that are no sizes", () => {
    expect(() => sinusoidalPositions(-1, 4)).toThrow(`"length" expected a whole number, got -1`);
    expect(() => sinusoidalPositions(3, 0)).toThrow(`"embedDim" expected a positive whole number, got 0`);
    expect(sinusoidalPositions(0, 4).shape).toEqual([0, 4]);
  });
});

describe("LearnedPositions", () => {
  const table = { data: Float32Array.of(0, 1, 10, 11, 20, 21), shape: [3, 2] };

  test("gives the first positions, or those asked for", () => {
    const positions = new LearnedPositions({ table });
    expect([...positions.forward(2).data]).toEqual([0, 1, 10, 11]);
    expect(positions.forward(0).shape).toEqual([0, 2]);
    const chunk = positions.forward({ data: Int32Array.of(2, 0), shape: [2, 1] });
    expect(chunk.shape).toEqual([2, 1, 2]);
    expect([...chunk.data]).toEqual([20, 21, 0, 1]);
  });

  test("starts from seeded numbers", () => {
    const positions = new LearnedPositions({ maxLength: 4, embedDim: 3, seed: 2 });
    expect(positions.forward(4).data).toEqual(new Random(2).fillNormal(12));
  });

  test("refuses what lies beyond maxLength", () => {
    const positions = new LearnedPositions({ table });
    expect(() => positions.forward(4)).toThrow(`"length" expected at most maxLength 3, got 4`);
    expect(() => positions.forward([1, 3])).toThrow(
      `"positions" expected positions from 0 to 2 (maxLength 3), got 3 at position 1`,
    );
  });
});

function mean(values: Float32Array): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}
