/** All wrong calls there are, in the order of docs/errors.md. */
import type { Engine } from "wasm-attention";
import * as efficient from "wasm-attention/efficient";
import { attention, k, v } from "./attention.ts";
import { makers as efficientMakers, linformers, performers } from "./efficient.ts";
import { heatMaps } from "./heat-map.ts";
import type { Maker } from "./makers.ts";
import * as lists from "./makers.ts";
import { matmuls } from "./matmul.ts";
import { merges } from "./merge.ts";
import { type Args, type Group, noTensors, type Wrong } from "./rows.ts";
import { softmaxes } from "./softmax.ts";

type Loose = (...args: Args) => unknown;
const method = (engine: Engine, name: string, args: Args) =>
  (engine as unknown as Record<string, Loose>)[name]!(...args);

/** An operator that is a method of an engine in two forms. */
const operator = (title: string, rows: readonly Wrong[], out: readonly number[]): Group => ({
  title,
  rows,
  out,
  sync: (args, engine) => method(engine, `${title}Sync`, args),
  async: (args, engine) => method(engine, title, args) as Promise<unknown>,
});

/** A function that takes its engine among its options. */
const approximation = (title: "linformerAttention" | "performerAttention", rows: readonly Wrong[]): Group => {
  const call = (name: string, args: Args, engine: Engine) =>
    (efficient as unknown as Record<string, Loose>)[name]!(
      ...(args.length < 4 ? args : [...args.slice(0, 3), { engine, ...(args[3] as object) }]),
    );
  return {
    title,
    rows,
    out: [2, 4, 3, 6],
    sync: (args, engine) => call(`${title}Sync`, args, engine),
    async: (args, engine) => call(title, args, engine) as Promise<unknown>,
  };
};

/** What every tensor can have wrong, as the page shows it. */
export const everyTensor: readonly Wrong[] = noTensors("query", (x) => [x, k, v, {}]);

/** Operators, which are tried on every engine. */
export const groups: readonly Group[] = [
  operator("scaledDotProductAttention", attention, [2, 4, 3, 6]),
  operator("mergeAttention", merges, [2, 4, 3, 6]),
  operator("matmul", matmuls, [2, 4]),
  operator("softmax", softmaxes, [2, 3]),
  approximation("linformerAttention", linformers),
  approximation("performerAttention", performers),
];

/** Everything else, one call a row. */
export const others: Readonly<Record<string, readonly Maker[]>> = {
  "tensor, engine.tensor": lists.tensors,
  createEngine: lists.engines,
  createBlockMask: lists.blockMasks,
  applyRotary: lists.rotary,
  "Embedding, LearnedPositions, sinusoidalPositions, alibiSlopes": lists.tables,
  MultiHeadAttention: lists.layers,
  KVCache: lists.caches,
  "wasm-attention/onnx": lists.onnxOperators,
  "wasm-attention/torch": lists.torchNames,
  "wasm-attention/efficient: patterns, projections, features": efficientMakers,
  "wasm-attention/inspect: toSvg": heatMaps,
  "wasm-attention/safetensors": lists.files,
};
