import { describe, expect, test } from "vitest";
import { loadSubwords } from "../../src/cli/explore/subwords.ts";
import { tokenize, words } from "../../src/cli/explore/tokens.ts";
import { graphemes } from "../../src/inspect/text/segments.ts";

describe("tokenize", () => {
  const text = "The dog's tail — ```wagged```, don't\nyou see?";

  test("words: no blanks, runs of one mark together", () => {
    expect(words(text)).toEqual([
      "The",
      "dog's",
      "tail",
      "—",
      "```",
      "wagged",
      "```",
      ",",
      "don't",
      "you",
      "see",
      "?",
    ]);
    expect(words(" \n ")).toEqual([]);
    expect(words("--- - -x")).toEqual(["---", "-", "-", "x"]);
  });

  test("long texts as if they were segmented at once", () => {
    // Pieces of 17 and 23 letters, without a blank for long: the cuts fall everywhere.
    const text = `${"pi=3.14159;o'clock".repeat(700)} ${"你好，世界。e\u0301👩‍🚀 flagged-up 1,000.5 ".repeat(400)}`;
    const whole = (granularity: "grapheme" | "word") =>
      Array.from(new Intl.Segmenter("en", { granularity }).segment(text), ({ segment }) => segment);
    expect(graphemes(text)).toEqual(whole("grapheme"));
    expect(words(text)).toEqual(whole("word").filter((segment) => segment.trim() !== ""));
    // At once this would take many minutes.
    expect(words("a quarter of a million words ".repeat(42_000))).toHaveLength(252_000);
  });

  test("characters as a reader counts them; ids as they first appear", () => {
    const tokens = tokenize("abba 👩‍🚀e\u0301", "characters");
    expect(tokens.texts).toEqual(["a", "b", "b", "a", " ", "👩‍🚀", "e\u0301"]);
    expect([...tokens.ids]).toEqual([0, 1, 1, 0, 2, 3, 4]);
    expect(tokens.distinct).toBe(5);
  });

  test("no more than the limit, but all are counted", () => {
    const tokens = tokenize(text, "words", 3);
    expect(tokens.texts).toEqual(["The", "dog's", "tail"]);
    expect(tokens).toMatchObject({ total: 12, distinct: 3, unit: "words" });
    expect(tokens.ids).toHaveLength(3);
  });

  test("subwords of GPT-2, or words where their package is absent", async () => {
    const tokens = tokenize(
      "Attention attention <|endoftext|> 你",
      "subwords",
      Infinity,
      await loadSubwords(),
    );
    if (tokens.unit === "words") {
      expect(tokens.note).toContain("gpt-tokenizer");
    } else {
      expect(tokens.texts.slice(0, 3)).toEqual(["Att", "ention", " attention"]);
      expect(tokens.texts.slice(3, 10).join("")).toBe(" <|endoftext|>");
      expect(tokens.texts.at(-1)).not.toBe("");
    }
  });
});
