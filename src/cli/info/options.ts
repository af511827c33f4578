import { engineOptions } from "../grammar/engine-options.ts";
import { grammar, type Values } from "../grammar/option.ts";

export const infoGrammar = grammar({
  name: "info",
  summary: "which kernels run here and why, threads, memory",
  usage: ["[options]"],
  description:
    "Says what an engine would use here, without starting one. --kernels wide tries the wide kernels as an engine does, in " +
    "about half a second.",
  groups: { "The engine": engineOptions },
  examples: [
    "npx wasm-attention info",
    "npx wasm-attention info --kernels wide",
    "npx wasm-attention info --json",
  ],
});

export type InfoOptions = Values<(typeof infoGrammar)["groups"]>;
