import { engineOptions } from "../grammar/engine-options.ts";
import { flag, grammar, number, required, text, type Values, whole } from "../grammar/option.ts";
import { pictureOptions } from "../grammar/picture-options.ts";

export const layerGrammar = grammar({
  name: "layer",
  summary: "a PyTorch nn.MultiheadAttention layer on files",
  usage: ["--weights FILE --heads N --input FILE --out FILE", "    [--key FILE] [--value FILE] [options]"],
  description:
    "Runs a layer with the weights of a safetensors file, under PyTorch's names (in_proj_weight, out_proj.weight, ...), " +
    "on tensors in files, x.npy or x.safetensors:NAME. Batch first: [B, L, E] or [L, E]. One input is self-attention.",
  groups: {
    "The layer": {
      weights: required(text("FILE", "a .safetensors file")),
      prefix: text("NAME", "which layer of the file: what stands before in_proj_weight"),
      heads: required(whole(1, 1024, "number of query heads, which the weights do not tell", undefined)),
      kvHeads: whole(1, 1024, "number of key/value heads (default: as many)", undefined),
      addZeroAttn: flag("append a key and a value of zeros"),
      rotary: flag("rotary positions of queries and keys"),
      rotaryBase: number("their base (default 10000)"),
      rotaryDim: number("how many numbers of a head they rotate (default all)"),
      rotaryInterleaved: flag("they pair neighbours instead of halves"),
    },
    Tensors: {
      input: required(text("FILE", "the query, [B, L, E]")),
      key: text("FILE", "[B, S, kdim] (default: the input)"),
      value: text("FILE", "[B, S, vdim] (default: the key)"),
      out: required(text("FILE", "where the output goes, [B, L, E] of float32: o.npy or o.safetensors:NAME")),
      weightsOut: text("FILE", "the weights of attention, [B, L, S], averaged over the heads"),
      perHead: flag("not averaged: [B, H, L, S]; pictures show every head"),
    },
    "Which keys": {
      causal: flag("key j is open to query i where j <= i"),
      keyPaddingMask: text("FILE", "[B, S], bool or 0 and 1: 1 = attend; floating-point: added"),
      attnMask: text("FILE", "the same as [L, S], [H, L, S] or [B, H, L, S]"),
      torchMasks: flag("boolean masks are PyTorch's, in which 1 = ignore"),
    },
    "A picture": pictureOptions,
    "The engine": engineOptions,
  },
  examples: [
    "npx wasm-attention layer --weights mha.safetensors --heads 12 \\",
    "    --input x.npy --out o.npy",
    "npx wasm-attention layer --weights model.safetensors --heads 12 \\",
    "    --prefix encoder.layers.0.self_attn --input x.npy --causal \\",
    "    --out all.safetensors --weights-out all.safetensors",
  ],
});

export type LayerOptions = Values<(typeof layerGrammar)["groups"]>;
