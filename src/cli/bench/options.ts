import { engineOptions } from "../grammar/engine-options.ts";
import { flag, grammar, type Values, whole } from "../grammar/option.ts";

export const benchGrammar = grammar({
  name: "bench",
  summary: "how fast this machine is, against plain JavaScript",
  usage: ["[SHAPE ...] [options]"],
  description:
    "Times attention on one thread and on all, naive and tuned JavaScript (on one head, scaled), and the fastest loop of " +
    "SIMD multiplications and additions that this machine and V8 reach, all in turn. Results are checked against float64 " +
    "first. A SHAPE is HEADSxTOKENSxSIZE: 12x512x64; 32/8 are query and key/value heads, 1/4096 are queries and keys.",
  groups: {
    "What is timed": {
      causal: flag("a token attends only to itself and those before it"),
      rounds: whole(1, 1000, "how often each is timed, for 50 ms (default 6); more is steadier", 6),
    },
    "The engine": engineOptions,
  },
  positionals: { what: "shapes", most: 32 },
  examples: [
    "npx wasm-attention bench",
    "npx wasm-attention bench 12x512x64 12x1024x64 --causal",
    "npx wasm-attention bench 32/8x1/4096x128 --json",
  ],
});

export type BenchOptions = Values<(typeof benchGrammar)["groups"]>;
