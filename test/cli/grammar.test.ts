import { describe, expect, test } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { exploreGrammar } from "../../src/cli/explore/options.ts";
import { helpOf, overview } from "../../src/cli/grammar/help.ts";
import { flagOf, type Grammar } from "../../src/cli/grammar/option.ts";
import { readValues } from "../../src/cli/grammar/parse.ts";
import { layerGrammar } from "../../src/cli/layer/options.ts";
import { runGrammar } from "../../src/cli/run/options.ts";
import { nearest } from "../../src/nearest.ts";

const files = "--query q.npy --key k.npy --value v.npy --out o.npy".split(" ");

describe("readValues", () => {
  test("has the defaults that the help tells", () => {
    expect(readValues(exploreGrammar, [])).toEqual({
      values: {
        tokens: "words",
        projections: "seeded",
        weights: undefined,
        prefix: undefined,
        heads: undefined,
        headSize: undefined,
        head: undefined,
        svg: undefined,
        png: undefined,
        colors: undefined,
        logColors: false,
        causal: false,
        positions: "sinusoidal",
        seed: 0,
        kernels: undefined,
        threads: undefined,
        maxTokens: 8192,
        show: 24,
        json: false,
        noColor: false,
      },
      positionals: [],
    });
  });

  test("reads every kind of option", () => {
    const args =
      "--tokens subwords --weights=w.safetensors --heads 4 --head-size 8 --causal --threads 2 --json --no-color notes.txt";
    expect(readValues(exploreGrammar, args.split(" "))).toMatchObject({
      values: {
        tokens: "subwords",
        weights: "w.safetensors",
        heads: 4,
        headSize: 8,
        causal: true,
        threads: 2,
        json: true,
        noColor: true,
      },
      positionals: ["notes.txt"],
    });
    expect(readValues(exploreGrammar, ["--threads", "auto"]).values.threads).toBe("auto");
    expect(readValues(exploreGrammar, ["--", "--causal"])).toMatchObject({ positionals: ["--causal"] });
    expect(readValues(exploreGrammar, ["-"]).positionals).toEqual(["-"]);
    expect(readValues(exploreGrammar, ["--json", "--json"]).values.json).toBe(true);
  });

  test("takes a kind or none, and values that begin with a dash", () => {
    const causal = (...args: string[]) => readValues(runGrammar, [...files, ...args]).values.causal;
    expect([causal(), causal("--causal"), causal("--causal=bottom-right")]).toEqual([
      false,
      "top-left",
      "bottom-right",
    ]);
    const { values } = readValues(runGrammar, [
      ...files,
      "--window",
      "-1,0",
      "--scale",
      "-.5",
      "--query-offset",
      "-3",
    ]);
    expect(values).toMatchObject({ window: "-1,0", scale: -0.5, queryOffset: "-3" });
  });

  test.each([
    [exploreGrammar, ["the", "dog"], 'explore expected one FILE or one text in quotes, got "the" "dog"'],
    [exploreGrammar, ["--zebra"], "unknown option --zebra"],
    [exploreGrammar, ["--colour"], "unknown option --colour; did you mean --colors?"],
    [exploreGrammar, ["--causl"], "unknown option --causl; did you mean --causal?"],
    [exploreGrammar, ["-x"], "unknown option -x"],
    [exploreGrammar, ["--tokens", "bytes"], '--tokens expected characters, words, subwords, got "bytes"'],
    [exploreGrammar, ["--heads", "0"], '--heads expected a whole number from 1 to 1024, got "0"'],
    [exploreGrammar, ["--heads", "1e2"], '--heads expected a whole number from 1 to 1024, got "1e2"'],
    [exploreGrammar, ["--heads"], "--heads expected a value: --heads N"],
    [exploreGrammar, ["--weights", "--json"], "--weights expected a value: --weights FILE"],
    [exploreGrammar, ["--seed", "-1"], '--seed expected a whole number from 0 to 4294967295, got "-1"'],
    [
      exploreGrammar,
      ["--threads", "many"],
      '--threads expected a whole number from 0 to 64 or auto, got "many"',
    ],
    [exploreGrammar, ["--json=1"], "--json takes no value"],
    [runGrammar, ["--query", "q.npy"], "run expected --key FILE --value FILE --out FILE"],
    [
      runGrammar,
      [...files, "--causal", "bottom-right"],
      "--causal bottom-right is written --causal=bottom-right",
    ],
    [runGrammar, [...files, "--causal", "down"], 'run expected options alone, got "down"'],
    [runGrammar, [...files, "--query", "r.npy"], "--query is given twice"],
    [runGrammar, [...files, "--causal", "--causal=bottom-right"], "--causal is given twice"],
    [exploreGrammar, ["--heads=2", "--heads", "2"], "--heads is given twice"],
    [runGrammar, [...files, "--causal=no"], '--causal expected top-left, bottom-right, got "no"'],
    [runGrammar, [...files, "--scale", "big"], '--scale expected a number, got "big"'],
    [layerGrammar, [], "layer expected --weights FILE --heads N --input FILE --out FILE"],
  ])("%o %j is refused", (grammar, args, message) => {
    expect(() => readValues(grammar as Grammar, args)).toThrow(
      expect.objectContaining({ exitCode: 2, message }),
    );
  });
});

test("nearest finds what was meant, and nothing where nothing is near", () => {
  const names = ["--query", "--query-offset", "--causal", "--json"];
  expect(
    ["--qurey", "--query-off", "--causl", "--jsn", "--zebra"].map((name) => nearest(name, names)),
  ).toEqual(["--query", "--query-offset", "--causal", "--json", undefined]);
  expect(nearest("--json", names)).toBe("--json");
  expect(nearest("isCausal", ["causal", "signal"])).toBe("causal");
  // Nothing is compared with what is far too long.
  expect(nearest("x".repeat(1e7), names)).toBeUndefined();
  // One letter for another is no slip.
  expect(nearest("K", ["B", "H", "L"])).toBeUndefined();
});

describe("the help", () => {
  const grammars = commands.map(({ grammar }) => grammar);

  test("fits a terminal", () => {
    for (const text of [overview(grammars), ...grammars.map((grammar) => helpOf(grammar))])
      for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  test.each(grammars.map((grammar) => [grammar.name, grammar] as const))(
    "%s names every option",
    (_, grammar) => {
      const text = helpOf(grammar);
      for (const options of Object.values(grammar.groups))
        for (const name of Object.keys(options)) expect(text).toContain(`  ${flagOf(name)}`);
      expect(text).toContain("--json");
    },
  );

  test.each(grammars.map((grammar) => [grammar.name, grammar] as const))(
    "%s has examples that parse",
    (_, grammar) => {
      const lines = grammar.examples
        .join("\n")
        .replaceAll(/\\\n\s*/g, "")
        .split("\n");
      for (const line of lines) {
        const [, args] = new RegExp(`wasm-attention ${grammar.name} ?(.*)$`).exec(line)!;
        const words = [...args!.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
        expect(() => readValues(grammar, words)).not.toThrow();
      }
    },
  );
});
