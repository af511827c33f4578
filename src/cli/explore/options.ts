import { engineOptions } from "../grammar/engine-options.ts";
import { choice, flag, grammar, text, type Values, whole } from "../grammar/option.ts";
import { pictureOptions } from "../grammar/picture-options.ts";

export const tokenUnits = ["characters", "words", "subwords"] as const;
export type TokenUnit = (typeof tokenUnits)[number];

/** Of so many, twelve heads' weights are 200 MB. */
export const mostPageTokens = 2048;

export const exploreGrammar = grammar({
  name: "explore",
  summary: "look at attention over a text",
  usage: ['[FILE | "some text" | -] [options]'],
  description:
    "Splits a text into tokens, embeds them, adds positions, runs multi-head self-attention over all of them, " +
    "checks a sample of rows against float64, times it against plain JavaScript and draws one head. " +
    "- reads standard input. Without a text it takes a sample sentence.",
  groups: {
    "The text": {
      tokens: choice(
        "UNIT",
        tokenUnits,
        "characters, words (default) or subwords (GPT-2's, by the package gpt-tokenizer; words where it is not installed)",
        "words",
      ),
      maxTokens: whole(1, 1_000_000, "cut longer texts after N tokens (default 8192)", 8192),
    },
    "The layer": {
      heads: whole(1, 1024, "number of heads (default 12)", undefined),
      headSize: whole(1, 4096, "size of a head (default 64)", undefined),
      projections: choice(
        "KIND",
        ["seeded", "none"],
        "seeded (default): random weights, untrained; none: query = key = value = the embedded text",
        "seeded",
      ),
      weights: text(
        "FILE",
        "a .safetensors file of PyTorch's nn.MultiheadAttention; the embedding size is taken from it",
      ),
      prefix: text("NAME", "which layer of the file: what stands before in_proj_weight"),
      positions: choice(
        "KIND",
        ["sinusoidal", "none", "learned"],
        "sinusoidal (default), learned or none",
        "sinusoidal",
      ),
      causal: flag("a token attends only to itself and those before it"),
      seed: whole(0, 2 ** 32 - 1, "seed of all random numbers (default 0)", 0),
    },
    "The engine": engineOptions,
    "The picture": {
      head: whole(0, 1023, "which head to draw (default 0, the first; in files all)", undefined),
      show: whole(1, 1024, "how many tokens to draw (default 24)", 24),
      ...pictureOptions,
      html: text(
        "FILE",
        `all heads as a page to look at in a browser, for up to ${mostPageTokens} tokens: a.html`,
      ),
    },
  },
  positionals: { what: "one FILE or one text in quotes", most: 1 },
  examples: [
    'npx wasm-attention explore "the dog chased the cat" --projections none',
    "npx wasm-attention explore notes.txt --tokens subwords --causal --head 3",
    "npx wasm-attention explore notes.txt --max-tokens 512 --html attention.html",
    "git log | npx wasm-attention explore - --json",
    "npx wasm-attention explore notes.txt --show 48 --svg heads.svg",
  ],
});

/** What `explore` was asked for. `undefined` leaves the choice to the weights, the engine or the terminal. */
export interface ExploreOptions extends Values<(typeof exploreGrammar)["groups"]> {
  /** A file's name, `-` for standard input, or the text itself; a sample where there is none. */
  readonly input: string | undefined;
}

export type PositionKind = ExploreOptions["positions"];
