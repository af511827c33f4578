import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { readArguments } from "../src/cli/arguments.ts";
import { colourDepth, paint } from "../src/cli/colours.ts";
import { drawHeatMap, legend, tokensThatFit } from "../src/cli/heatmap.ts";
import { help } from "../src/cli/help.ts";
import { alignRight, displayWidth, shorten, visible } from "../src/cli/label.ts";
import { describeProgress } from "../src/cli/progress.ts";
import { graphemes, tokenize, words } from "../src/cli/tokens.ts";
import { Random } from "../src/random.ts";
import { writeSafetensors } from "../src/safetensors.ts";

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

  test("characters as a reader counts them; ids as they first appear", async () => {
    const tokens = await tokenize("abba 👩‍🚀e\u0301", "characters");
    expect(tokens.texts).toEqual(["a", "b", "b", "a", " ", "👩‍🚀", "e\u0301"]);
    expect([...tokens.ids]).toEqual([0, 1, 1, 0, 2, 3, 4]);
    expect(tokens.distinct).toBe(5);
  });

  test("no more than the limit, but all are counted", async () => {
    const tokens = await tokenize(text, "words", 3);
    expect(tokens.texts).toEqual(["The", "dog's", "tail"]);
    expect(tokens).toMatchObject({ total: 12, distinct: 3, unit: "words" });
    expect(tokens.ids).toHaveLength(3);
  });

  test("subwords of GPT-2, or words where their package is absent", async () => {
    const tokens = await tokenize("Attention attention <|endoftext|> 你", "subwords");
    if (tokens.unit === "words") {
      expect(tokens.note).toContain("gpt-tokenizer");
    } else {
      expect(tokens.texts.slice(0, 3)).toEqual(["Att", "ention", " attention"]);
      expect(tokens.texts.slice(3, 10).join("")).toBe(" <|endoftext|>");
      expect(tokens.texts.at(-1)).not.toBe("");
    }
  });
});

describe("readArguments", () => {
  const options = (...args: string[]) => {
    const command = readArguments(["explore", ...args]);
    return command.name === "explore" ? command.options : undefined;
  };

  test("has the defaults that the help tells", () => {
    expect(options()).toEqual({
      input: undefined,
      tokens: "words",
      projections: "seeded",
      weights: undefined,
      heads: undefined,
      headSize: undefined,
      head: 0,
      causal: false,
      positions: "sinusoidal",
      seed: 0,
      kernels: undefined,
      threads: undefined,
      maxTokens: 8192,
      show: 24,
      json: false,
      color: true,
    });
  });

  test("reads every option", () => {
    const args =
      "--tokens subwords --weights w.safetensors --heads 4 --head-size 8 --head 3 --causal --positions none " +
      "--seed 7 --kernels strict --threads 2 --max-tokens 100 --show 5 --json --no-color notes.txt";
    expect(options(...args.split(" "))).toEqual({
      input: "notes.txt",
      tokens: "subwords",
      projections: "seeded",
      weights: "w.safetensors",
      heads: 4,
      headSize: 8,
      head: 3,
      causal: true,
      positions: "none",
      seed: 7,
      kernels: "strict",
      threads: 2,
      maxTokens: 100,
      show: 5,
      json: true,
      color: false,
    });
    expect(options("--threads", "auto")?.threads).toBe("auto");
  });

  test.each([
    [[], "help"],
    [["--help"], "help"],
    [["explore", "-h", "x"], "help"],
    [["--version"], "version"],
  ])("%j is the command %s", (args, name) => {
    expect(readArguments(args).name).toBe(name);
  });

  test.each([
    [["explain"], `unknown command "explain"; the command is: explore [FILE | "some text"]`],
    [["--causal"], "expected a command: explore"],
    [["explore", "the", "dog"], "explore expected one FILE or one text in quotes, got 2 arguments"],
    [["explore", "--colour"], `unknown option "--colour"`],
    [["explore", "--tokens", "bytes"], `--tokens expected characters, words, subwords, got "bytes"`],
    [["explore", "--heads", "0"], `--heads expected a whole number from 1 to 1024, got "0"`],
    [["explore", "--heads", "1e2"], `--heads expected a whole number from 1 to 1024, got "1e2"`],
    [["explore", "--heads"], "--heads expected a value"],
    [["explore", "--seed", "-1"], "--seed expected a value"],
    [["explore", "--seed=-1"], `--seed expected a whole number from 0 to 4294967295, got "-1"`],
    [["explore", "--threads", "many"], `--threads expected a whole number from 0 to 64 or auto, got "many"`],
    [["explore", "--json=1"], `option "--json" does not take an argument`],
    [
      ["explore", "--weights", "a", "--projections", "none"],
      "--weights and --projections none exclude each other",
    ],
  ])("%j is refused", (args, message) => {
    expect(() => readArguments(args)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: `${message} (wasm-attention --help lists everything)`,
      }),
    );
  });

  test("the help fits a terminal and names every option", () => {
    expect(Math.max(...help.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    for (const option of Object.keys(options()!)) {
      const flag =
        option === "color" ? "no-color" : option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      if (option !== "input") expect(help).toContain(`--${flag}`);
    }
  });
});

test("progress shows a bar where an end is in sight", () => {
  expect(describeProgress("checking", 1234)).toBe("checking 1.2 s");
  expect(describeProgress("attending", 1200, 2400)).toBe(
    `attending ${"█".repeat(12)}${"─".repeat(12)} 1.2 s of about 2.4 s`,
  );
  expect(describeProgress("attending", 9000, 2400)).toBe(`attending ${"█".repeat(23)}─ 9.0 s of about 9.0 s`);
});

/** The command as it is installed: needs the build that `npm test` makes first. */
describe("wasm-attention", () => {
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "wasm-attention-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  interface Outcome {
    readonly code: number;
    readonly stdout: string;
    readonly stderr: string;
  }

  const run = (args: readonly string[], input = ""): Promise<Outcome> =>
    new Promise((resolve) => {
      const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined };
      const child = execFile(process.execPath, [main, ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
      child.stdin!.end(input);
    });

  test("is built", () => {
    expect(existsSync(main), "npm run build makes dist/cli/main.js").toBe(true);
  });

  test("explores a text: table, check and picture", async () => {
    const plain = ["--projections", "none", "--positions", "none"];
    const { code, stdout, stderr } = await run(["explore", "the dog chased the cat", ...plain]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Self-attention over the text given: 12 heads of 64\n/);
    expect(stdout).toMatch(/\ntokens +5 +words, 4 different\n/);
    expect(stdout).toMatch(/\nlargest error +\d\.\de-\d+ +in 5 rows against float64\n/);
    // Without positions and projections both "the" are one vector: a token looks at its like.
    expect(stdout).toMatch(/\n {3}the ██ {4}██ {5}\d\d% the\n/);
    expect(stdout).toMatch(/\nchased {5}██ {6,7}\d+% chased\n/);
    expect(Math.max(...stdout.split("\n").map(displayWidth))).toBeLessThanOrEqual(80);
  });

  test("says the same as JSON", async () => {
    const args = ["explore", "-", "--json", "--causal", "--heads", "2", "--head-size", "8", "--show", "3"];
    const { code, stdout } = await run(args, "the dog chased the cat");
    expect(code).toBe(0);
    const facts = JSON.parse(stdout);
    expect(facts.tokens).toEqual({ unit: "words", count: 5, total: 5, distinct: 4 });
    expect(facts.layer).toMatchObject({ heads: 2, headSize: 8, embedDim: 16, causal: true, seed: 0 });
    expect(facts.layer.weights).toBe("seeded, untrained");
    expect(facts.flops).toBe(4 * 2 * 8 * 15);
    expect(facts.errors.largest).toBeLessThan(1e-6);
    expect(facts.picture.tokens).toEqual(["the", "dog", "chased"]);
    expect(facts.picture.weights[0]).toEqual([1, 0, 0]);
    const sums = facts.picture.weights.map((row: number[]) => row.reduce((sum, weight) => sum + weight, 0));
    for (const sum of sums) expect(sum).toBeCloseTo(1, 6);
    const again = JSON.parse((await run(args, "the dog chased the cat")).stdout);
    expect(again.picture).toEqual(facts.picture);
  });

  test("runs PyTorch's weights, behind a prefix, with bias_k and bias_v", async () => {
    const random = new Random(1);
    const D = 16;
    const file = join(folder, "layer.safetensors");
    const layer = {
      in_proj_weight: { data: random.fillXavier(3 * D, D), shape: [3 * D, D] },
      in_proj_bias: { data: random.fillNormal(3 * D), shape: [3 * D] },
      bias_k: { data: random.fillNormal(D), shape: [1, 1, D] },
      bias_v: { data: random.fillNormal(D), shape: [1, 1, D] },
      "out_proj.weight": { data: random.fillXavier(D, D), shape: [D, D] },
      "out_proj.bias": { data: random.fillNormal(D), shape: [D] },
    };
    const named = Object.entries(layer).map(([name, tensor]) => [`encoder.self_attn.${name}`, tensor]);
    writeFileSync(file, writeSafetensors(Object.fromEntries(named)));
    const weights = ["--weights", file, "--heads", "4", "--json"];
    for (const causal of [[], ["--causal"]]) {
      const { code, stdout, stderr } = await run(["explore", "a b c d e f g", ...weights, ...causal]);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      const { errors, layer: sizes, picture } = JSON.parse(stdout);
      expect(sizes).toMatchObject({ heads: 4, headSize: 4, embedDim: 16 });
      expect(errors.largest).toBeLessThan(3e-6);
      // The appended key takes its share.
      expect(picture.weights[0].reduce((sum: number, weight: number) => sum + weight, 0)).toBeLessThan(0.999);
    }
    const wrong = await run(["explore", "a b", "--weights", file, "--heads", "5"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toBe(
      `wasm-attention: --heads expected a divisor of 16, the embedding size of ${file}, got 5\n`,
    );
  });

  const binary = join(folder, "binary.txt");
  writeFileSync(binary, Uint8Array.of(0xff, 0xfe, 0x41));
  const other = join(folder, "other.safetensors");
  writeFileSync(other, writeSafetensors({ weight: { data: new Float32Array(4), shape: [2, 2] } }));

  test.each([
    [["explore", "nothing/here"], 1, "no such file: nothing/here"],
    [["explore", "missing.txt"], 1, "no such file: missing.txt"],
    [["explore", folder], 1, `${folder} is a directory, not a file`],
    [["explore", " "], 1, "the text given is empty: there is nothing to attend to"],
    [["explore", "-"], 1, "standard input is empty: there is nothing to attend to"],
    [["explore", binary], 1, `${binary} is no UTF-8 text`],
    [["explore", "x", "--weights", "missing.safetensors"], 1, "no such file: missing.safetensors"],
    [
      ["explore", "x", "--weights", binary],
      1,
      `cannot use ${binary}: the safetensors file has 3 bytes, too few for a header`,
    ],
    [
      ["explore", "x", "--weights", other],
      1,
      `${other} has no weights of nn.MultiheadAttention: expected "out_proj.weight", got "weight"`,
    ],
    [["explore", "x", "--head", "12"], 2, "--head expected 0 to 11, the layer's heads, got 12"],
    [["explore", "x", "--nope"], 2, `unknown option "--nope" (wasm-attention --help lists everything)`],
  ])("%j fails in one line", async (args, code, message) => {
    expect(await run(args)).toEqual({ code, stdout: "", stderr: `wasm-attention: ${message}\n` });
  });

  test("prints its help and its version", async () => {
    expect(await run(["--help"])).toEqual({ code: 0, stdout: help, stderr: "" });
    expect((await run(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("takes a reader that leaves early for no error", async () => {
    const child = spawn(process.execPath, [main, "explore", "the dog", "--json"]);
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});
