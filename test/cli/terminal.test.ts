import { describe, expect, test } from "vitest";
import { colourDepth, paint } from "../../src/cli/terminal/colours.ts";
import { bytes, time } from "../../src/cli/terminal/format.ts";
import { drawHeatMap, legend, tokensThatFit } from "../../src/cli/terminal/heatmap.ts";
import { describeProgress } from "../../src/cli/terminal/progress.ts";
import { alignRight, displayWidth, shorten, visible } from "../../src/inspect/text/label.ts";

describe("drawHeatMap", () => {
  const map = {
    labels: ["the", "dog", "世界"],
    weights: [0.5, 0.3, 0.2, Number.NaN, 0.04, 0.96, 0.25, 0, 0.01],
    notes: ["50% the", "96% 世界", "25% the"],
  };

  test("in shades, labelled on both sides, each row scaled to its largest weight", () => {
    expect(drawHeatMap(map, { width: 80, depth: 1 })).toEqual([
      "     t d",
      "     h o 世",
      "     e g 界",
      " the ██▓▓▒▒ 50% the",
      " dog     ██ 96% 世界",
      "世界 ██     25% the",
    ]);
  });

  test("in colours, with a blank for an excluded key", () => {
    const [, , , , dog] = drawHeatMap(map, { width: 80, depth: 24 });
    expect(dog).toBe(` dog   ${paint("  ", 0.04 / 0.96, 24)}${paint("  ", 1, 24)} 96% 世界`);
    expect(paint("  ", 1, 24)).toBe("\u001b[48;2;253;231;37m  \u001b[0m");
    expect(paint("  ", 0, 24)).toBe("\u001b[48;2;68;1;84m  \u001b[0m");
    expect(paint("  ", 1, 8)).toBe("\u001b[48;5;220m  \u001b[0m");
  });

  test("in a width: labels are cut, notes are cut or left out, and it says how many tokens fit", () => {
    const long = {
      labels: ["a", "internationalization"],
      weights: [1, 0, 0.5, 0.5],
      notes: ["100% internationalization", ""],
    };
    const lines = drawHeatMap(long, { width: 34, depth: 1 });
    expect(lines).toEqual([
      "                 i",
      "                 n",
      "                 t",
      "                 e",
      "                 r",
      "                 n",
      "                 a",
      "                 t",
      "                 i",
      "               a …",
      "             a ██   100% internat…",
      "international… ████",
    ]);
    expect(drawHeatMap(long, { width: 20, depth: 1 }).at(-2)).toBe("             a ██");
    expect(tokensThatFit(80, long.labels)).toBe((80 - 14 - 2 - 8) / 2);
    expect(tokensThatFit(10, long.labels)).toBe(1);
  });

  test("the legend says what the shades are", () => {
    expect(legend(1)).toBe("░ from 5%, ▒ 25%, ▓ 50%, █ 75% of the largest weight drawn in the row.");
    expect(legend(24)).toContain(paint("  ", 1, 24));
  });
});

describe("colourDepth", () => {
  const tty = { isTTY: true };
  test.each([
    ["a pipe", {}, { COLORTERM: "truecolor", TERM: "xterm-256color" }, true, 1],
    ["true colour", tty, { COLORTERM: "truecolor", TERM: "xterm-256color" }, true, 24],
    ["256 colours", tty, { TERM: "xterm-256color" }, true, 8],
    ["a dumb terminal", tty, { TERM: "dumb" }, true, 1],
    ["--no-color", tty, { FORCE_COLOR: "3", TERM: "xterm-256color" }, false, 1],
    ["NO_COLOR", tty, { NO_COLOR: "1", TERM: "xterm-256color" }, true, 1],
    ["FORCE_COLOR in a pipe", {}, { FORCE_COLOR: "1", NO_COLOR: "1" }, true, 8],
    ["FORCE_COLOR=3", {}, { FORCE_COLOR: "3" }, true, 24],
    ["FORCE_COLOR=0", tty, { FORCE_COLOR: "0", TERM: "xterm-256color" }, true, 1],
  ] as const)("%s", (_, stream, env, wanted, depth) => {
    expect(colourDepth(stream, env, wanted)).toBe(depth);
  });
});

describe("labels", () => {
  test("show what cannot be seen, and nothing that moves the cursor", () => {
    expect(visible(" is\n\t")).toBe("␣is⏎⇥");
    expect(visible("\u001b[2J\u0007\u007f\u009b")).toBe("␛[2J␇␡\ufffd");
    expect(visible("a\u202eb\u200dc\u2028")).toBe("ab\u200dc␣");
  });

  test("are as wide as a terminal shows them", () => {
    expect(["abc", "世界", "e\u0301", "👩‍🚀", "ｆ", "한", ""].map(displayWidth)).toEqual([
      3, 4, 1, 2, 2, 2, 0,
    ]);
    expect(shorten("世界人", 4)).toBe("世…");
    expect(alignRight("世", 4)).toBe("  世");
  });
});

test("progress shows a bar where an end is in sight", () => {
  expect(describeProgress("checking", 1234)).toBe("checking 1.2 s");
  expect(describeProgress("attending", 1200, 2400)).toBe(
    `attending ${"█".repeat(12)}${"─".repeat(12)} 1.2 s of about 2.4 s`,
  );
  expect(describeProgress("attending", 9000, 2400)).toBe(`attending ${"█".repeat(23)}─ 9.0 s of about 9.0 s`);
});

test("numbers have three digits and a unit", () => {
  expect([0.00909, 0.157, 17.46, 491.2, 12_345].map(time)).toEqual([
    "9.09 µs",
    "0.157 ms",
    "17.5 ms",
    "491 ms",
    "12.3 s",
  ]);
  expect([320, 2688, 3 * 2 ** 20].map(bytes)).toEqual(["320 bytes", "2.63 KiB", "3.00 MiB"]);
});
