import { engineOptions } from "../grammar/engine-options.ts";
import {
  choice,
  flag,
  flagOrChoice,
  grammar,
  number,
  required,
  text,
  type Values,
} from "../grammar/option.ts";
import { pictureOptions } from "../grammar/picture-options.ts";

export const runGrammar = grammar({
  name: "run",
  summary: "the attention operator on files",
  usage: ["--query FILE --key FILE --value FILE --out FILE [options]"],
  description:
    "softmax(scale Q K' + mask) V on tensors in files. A FILE is an array of NumPy, q.npy, or a tensor of a safetensors " +
    "file, qkv.safetensors:NAME (without NAME: query, key, value, mask, ...). Float16, bfloat16 and float64 become " +
    "float32. Query is [B, H, L, E], key [B, K, S, E], value [B, K, S, V], with or without B and H.",
  groups: {
    Tensors: {
      query: required(text("FILE", "[B, H, L, E]")),
      key: required(text("FILE", "[B, K, S, E]; K divides H")),
      value: required(text("FILE", "[B, K, S, V]")),
      out: required(
        text(
          "FILE",
          "where the output goes, float32: o.npy, or all.safetensors:NAME, which may hold several results",
        ),
      ),
      layout: choice("ORDER", ["BHLE", "BLHE"], "order of dimensions: BHLE (default) or BLHE", undefined),
    },
    "Which keys": {
      mask: text("FILE", "bool or 0 and 1: 1 = attend; floating-point: added to the scores"),
      causal: flagOrChoice(
        ["top-left", "bottom-right"],
        "key j is open to query i where j <= i; bottom-right: j <= i + S - L",
      ),
      window: text("LEFT,RIGHT", "keys so far before and after a query's position; -1 = unbounded"),
      queryOffset: text(
        "N|FILE",
        "position of query 0 among the keys: a number, one per batch entry, or bottom-right",
      ),
      kvLengths: text("N,N|FILE", "how many keys are valid, one number per batch entry"),
      cuSeqlensQuery: text(
        "N,N|FILE",
        "packed sequences: where each begins among the queries [total, H, E], and the total",
      ),
      cuSeqlensKey: text("N,N|FILE", "the same among the keys"),
    },
    Scores: {
      scale: number("factor on the scores (default 1/sqrt(E))"),
      softcap: number("scores become softcap tanh(score / softcap)"),
      similarity: choice(
        "KIND",
        ["dot", "cosine", "root-norm"],
        "dot (default), cosine or root-norm",
        undefined,
      ),
      bias: text("FILE", "added to the scores, beside either kind of mask"),
      alibi: flag("ALiBi with the published slopes"),
      alibiSlopes: text("X,X|FILE", "ALiBi with these slopes, one per query head"),
      relativeBias: text("FILE", "T5's learned bias by distance: its table [buckets, H]"),
      relativeBiasPast: flag("no buckets of their own for keys after the query (a decoder's table)"),
      relativeBiasDistance: number("distances from here on share the last bucket (default 128)"),
      sinks: text("X,X|FILE", "one score per query head that joins the softmax and has no value"),
    },
    "More results": {
      returnWeights: text("FILE", "the weights, [B, H, L, S]"),
      lse: text("FILE", "the natural logarithm of each row's sum of exponentials, [B, H, L]"),
      returnScores: text("FILE", "the scores, [B, H, L, S]"),
      scoresAt: choice(
        "STAGE",
        ["scaled", "capped", "biased"],
        "scaled, capped (after softcap), or biased (with all that is added and excluded; default)",
        undefined,
      ),
    },
    "A picture": pictureOptions,
    "The engine": engineOptions,
  },
  examples: [
    "npx wasm-attention run --query q.npy --key k.npy --value v.npy --out o.npy",
    "npx wasm-attention run --query t.safetensors --key t.safetensors \\",
    "    --value t.safetensors --causal --window 128,0 --out o.safetensors",
    "npx wasm-attention run --query q.npy --key k.npy --value v.npy --alibi \\",
    "    --kv-lengths 7,9 --out all.safetensors --return-weights all.safetensors",
  ],
});

export type RunOptions = Values<(typeof runGrammar)["groups"]>;
