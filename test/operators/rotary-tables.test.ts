import { describe, expect, test } from "vitest";
import { AttentionError } from "../../src/errors.ts";
import { inverseFrequencies, type RotaryScaling, rotaryTables } from "../../src/rotary-tables.ts";
import { attentionArguments, attentionCases } from "../support/golden.ts";

const range = (length: number, start = 0): number[] => Array.from({ length }, (_, i) => start + i);

/** As large as rounding in float64 makes it. */
function expectClose(values: ArrayLike<number>, expected: readonly number[]): void {
  expect(values).toHaveLength(expected.length);
  expected.forEach((x, i) => {
    expect(Math.abs(values[i]! / x - 1), `at ${i}`).toBeLessThan(1e-14);
  });
}

const plain = (dim: number, base: number): number[] =>
  range(dim / 2).map((f) => 1 / Math.exp((2 * f * Math.log(base)) / dim));

describe("rotaryTables", () => {
  test.each(attentionCases.filter((golden) => golden.call.rope))(
    "are those of the golden $name",
    (golden) => {
      const rope = attentionArguments(golden).rope!;
      const options = { dim: rope.rotaryDim, base: rope.base };
      for (const [tables, start] of [
        [rope.query, golden.call.q_offset],
        [rope.key, 0],
      ] as const) {
        const { cos, sin } = rotaryTables(range(tables.cos.shape[0]!, start), options);
        expect(cos).toEqual(tables.cos.data);
        expect(sin).toEqual(tables.sin.data);
      }
    },
  );

  test("have a row for each position, in any order, of any kind", () => {
    const whole = rotaryTables(range(5), { dim: 6 });
    const some = rotaryTables(Int32Array.of(4, 0, 4), { dim: 6 });
    expect([...some.cos]).toEqual([4, 0, 4].flatMap((p) => [...whole.cos.subarray(3 * p, 3 * p + 3)]));
    expect([...some.sin.subarray(3, 6)]).toEqual([0, 0, 0]);
    expect(rotaryTables([], { dim: 6 }).cos).toHaveLength(0);
    const back = rotaryTables([-3, 0.5], { dim: 6 });
    expect([...back.sin.subarray(0, 3)]).toEqual([...whole.sin.subarray(9, 12)].map((x) => -x));
    expect(back.cos[3]).toBe(Math.fround(Math.cos(0.5)));
  });

  test("turn: the rotation by p + q is that by p, then by q, however far", () => {
    const [p, q] = [70_001, 1_000_003];
    const { cos, sin } = rotaryTables([p, q, p + q], { dim: 64, base: 500_000 });
    for (let f = 0; f < 32; f++) {
      const [a, b, c] = [f, 32 + f, 64 + f];
      expect(Math.abs(cos[a]! * cos[b]! - sin[a]! * sin[b]! - cos[c]!)).toBeLessThan(2.5e-7);
      expect(Math.abs(sin[a]! * cos[b]! + cos[a]! * sin[b]! - sin[c]!)).toBeLessThan(2.5e-7);
    }
  });

  test("of linear scaling are those of squeezed positions", () => {
    const scaled = rotaryTables(range(40), { dim: 16, scaling: { type: "linear", factor: 4 } });
    const squeezed = rotaryTables(
      range(40).map((p) => p / 4),
      { dim: 16 },
    );
    expect(scaled).toEqual(squeezed);
  });

  test("of YaRN are multiplied by its attention factor, before they are rounded", () => {
    const scaling = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32768 };
    const { cos, sin } = rotaryTables([0, 5], { dim: 128, base: 1e6, scaling });
    const factor = 0.1 * Math.log(4) + 1;
    expect(cos[0]).toBe(Math.fround(factor));
    expect(sin[64]).toBe(Math.fround(factor * Math.sin(5)));
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31 + 1])("refuse the position %d", (position) => {
    expect(() => rotaryTables([0, position], { dim: 4 })).toThrow(
      `"positions" expected finite numbers whose angles are within ±2^31 radians, got ${position} at position 1`,
    );
  });
});

describe("inverseFrequencies", () => {
  test("are powers of the base", () => {
    expectClose(inverseFrequencies({ dim: 128 }).frequencies, plain(128, 10_000));
    expectClose(inverseFrequencies({ dim: 6, base: 500_000 }).frequencies, plain(6, 500_000));
    expect([...inverseFrequencies({ dim: 8 }).frequencies]).toEqual([1, 0.1, 0.01, 0.001]);
  });

  test("stay as they are without scaling, and take the base from where newer configurations keep it", () => {
    const expected = inverseFrequencies({ dim: 32, base: 1e6 });
    for (const scaling of [null, undefined, { rope_type: "default" }, { type: "default", rope_theta: 5 }])
      expect(inverseFrequencies({ dim: 32, base: 1e6, scaling })).toEqual(expected);
    expect(inverseFrequencies({ dim: 32, scaling: { rope_type: "default", rope_theta: 1e6 } })).toEqual(
      expected,
    );
  });

  test.each([
    [128, 8],
    [64, 32],
  ])("follow Llama 3.1's published code for heads of %d and factor %d", (dim, factor) => {
    const [length, low, high] = [8192, 1, 4];
    const scaling = {
      rope_type: "llama3",
      factor,
      low_freq_factor: low,
      high_freq_factor: high,
      original_max_position_embeddings: length,
    };
    const cases = { long: 0, between: 0, short: 0 };
    const expected = plain(dim, 500_000).map((frequency) => {
      const wavelength = (2 * Math.PI) / frequency;
      if (wavelength < length / high) return ++cases.short && frequency;
      if (wavelength > length / low) return ++cases.long && frequency / factor;
      const smooth = (length / wavelength - low) / (high - low);
      return ++cases.between && ((1 - smooth) * frequency) / factor + smooth * frequency;
    });
    expect(Object.values(cases).every((count) => count > 2)).toBe(true);
    const { frequencies, attentionFactor } = inverseFrequencies({ dim, base: 500_000, scaling });
    expectClose(frequencies, expected);
    expect(attentionFactor).toBe(1);
  });

  // Qwen 2.5, DeepSeek V3, gpt-oss.
  test.each([
    { dim: 128, base: 1e6, factor: 4, length: 32768, truncate: undefined },
    { dim: 64, base: 10_000, factor: 40, length: 4096, truncate: true },
    { dim: 64, base: 150_000, factor: 32, length: 4096, truncate: false },
  ])("follow YaRN of $dim, $base, $factor, $length, $truncate", ({ dim, base, factor, length, truncate }) => {
    const scaling = { rope_type: "yarn", factor, original_max_position_embeddings: length, truncate };
    const turns = (f: number): number => (length * base ** ((-2 * f) / dim)) / (2 * Math.PI);
    // The two ends of the ramp by search, not by logarithms: the last pair of at least 32 turns, the first of at most 1.
    let low = range(dim).findLast((f) => turns(f) >= 32)!;
    let high = range(dim).find((f) => turns(f) <= 1)!;
    if (dim === 64 && base === 10_000) expect([low, high]).toEqual([10, 23]);
    if (truncate === false) [low, high] = [bisect(turns, 32), bisect(turns, 1)];
    const expected = plain(dim, base).map((frequency, f) => {
      const squeezed = Math.min(Math.max((f - low) / (high - low), 0), 1);
      return (frequency / factor) * squeezed + frequency * (1 - squeezed);
    });
    const result = inverseFrequencies({ dim, base, scaling });
    expectClose(result.frequencies, expected);
    expect(result.attentionFactor).toBeCloseTo(1 + Math.log(factor) / 10, 15);
  });

  test("give YaRN its attention factor as the configuration says", () => {
    const yarn = (more: RotaryScaling): number =>
      inverseFrequencies({
        dim: 64,
        scaling: { type: "yarn", factor: 40, original_max_position_embeddings: 4096, ...more },
      }).attentionFactor;
    const grown = (mscale: number): number => 0.1 * mscale * Math.log(40) + 1;
    expect(yarn({ attention_factor: 0.75, mscale: 2, mscale_all_dim: 1 })).toBe(0.75);
    expect(yarn({ mscale: 1, mscale_all_dim: 1 })).toBe(1); // DeepSeek V3
    expect(yarn({ mscale: 1, mscale_all_dim: 0.5 })).toBeCloseTo(grown(1) / grown(0.5), 15);
    for (const absent of [{ mscale: 2 }, { mscale: 1, mscale_all_dim: 0 }, { attention_factor: null }])
      expect(yarn(absent)).toBeCloseTo(grown(1), 15);
    expect(yarn({ factor: 1 })).toBe(1);
  });

  const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 4, high_freq_factor: 4 };
  test.each<[string, object]>([
    [`"dim" expected a whole number of at least 2, got 0`, { dim: 0 }],
    [`"dim" expected an even number, got 7`, { dim: 7 }],
    [`"base" expected a positive number, got -1`, { base: -1 }],
    [`got undefined`, { scaling: { factor: 2 } }],
    [
      `"scaling.rope_type" expected one of "default", "linear", "llama3", "yarn", got "su"`,
      { scaling: { type: "su" } },
    ],
    [`"scaling.factor" expected a positive number, got undefined`, { scaling: { type: "linear" } }],
    [`"scaling.factor" expected a positive number, got "2"`, { scaling: { type: "linear", factor: "2" } }],
    [`"scaling.original_max_position_embeddings" expected a positive`, { scaling: llama3 }],
    [`above low_freq_factor 4, got 4`, { scaling: { ...llama3, original_max_position_embeddings: 8192 } }],
    [`"scaling.original_max_position_embeddings" expected`, { scaling: { type: "yarn", factor: 2 } }],
  ])("refuse what makes no sense: %s", (message, options) => {
    const refused = () => inverseFrequencies({ dim: 8, ...options });
    expect(refused).toThrow(AttentionError);
    expect(refused).toThrow(message);
  });
});

/** The f at which the falling function reaches the value. */
function bisect(falling: (f: number) => number, value: number): number {
  let [low, high] = [0, 64];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (falling(middle) > value) low = middle;
    else high = middle;
  }
  return low;
}
