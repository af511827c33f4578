import { describe, expect, test } from "vitest";
import { alibiSlopes } from "../../src/alibi.ts";
import { AttentionError } from "../../src/errors.ts";
import { attentionCases } from "../support/golden.ts";

describe("alibiSlopes", () => {
  test("are the powers of two of the paper for 8 heads, and their roots for 16", () => {
    expect([...alibiSlopes(8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((i) => 0.5 ** i));
    const sixteen = alibiSlopes(16);
    for (let i = 0; i < 8; i++) {
      expect(sixteen[2 * i]).toBe(Math.fround(0.5 ** i * Math.sqrt(0.5)));
      expect(sixteen[2 * i + 1]).toBe(0.5 ** (i + 1));
    }
    expect([...alibiSlopes(1)]).toEqual([1 / 256]);
  });

  test.each([2, 4, 32, 64, 128])("are a geometric sequence for %d heads, by repeated roots", (heads) => {
    // 2^(-8 / H), from 2^-8 by as many square roots as H has doublings.
    let ratio = 1 / 256;
    for (let h = 1; h < heads; h *= 2) ratio = Math.sqrt(ratio);
    let slope = 1;
    for (const value of alibiSlopes(heads)) {
      slope *= ratio;
      expect(Math.abs(value / slope - 1)).toBeLessThan(2 ** -24 + 1e-13);
    }
  });

  test.each([
    [3, 2],
    [6, 4],
    [12, 8],
    [112, 64],
  ])("for %d heads continue those of %d with every other one of twice as many", (heads, closest) => {
    const doubled = alibiSlopes(2 * closest).filter((_, i) => i % 2 === 0);
    expect([...alibiSlopes(heads)]).toEqual([...alibiSlopes(closest), ...doubled].slice(0, heads));
  });

  test.each(attentionCases.filter((golden) => golden.call.alibi))(
    "are those of the golden $name",
    (golden) => {
      const expected = golden.tensor(golden.call.alibi!.slopes).data;
      expect(alibiSlopes(golden.ctor.H)).toEqual(expected);
    },
  );

  test.each([0, -1, 2.5, Number.NaN, "8"])("refuse %s heads", (heads) => {
    const refused = () => alibiSlopes(heads as number);
    expect(refused).toThrow(AttentionError);
    expect(refused).toThrow(
      `"heads" expected a whole number of at least 1, got ${typeof heads === "string" ? `"${heads}"` : heads}`,
    );
  });
});
