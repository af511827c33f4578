// Calls of every operator with arguments of every kind, right and wrong. Each of them either gives what the float64
// reference gives, within what plain float32 errs, or is refused with an AttentionError and has touched nothing: no
// input, no output, no byte around them, no linear memory.

import { afterAll, describe, expect, it } from "vitest";
import { createEngine } from "wasm-attention";
import type { Case, World } from "./attempt.ts";
import { tally } from "./attempt.ts";
import { fuzzCall } from "./calls.ts";
import { drawAttention } from "./cases/attention.ts";
import { drawCheckpoint, drawStateDict } from "./cases/checkpoints.ts";
import { drawOnnxAttention, drawOnnxMatMul, drawOnnxSoftmax, drawTorchAttention } from "./cases/dialects.ts";
import { drawMaps, drawRollout, drawStatistics } from "./cases/inspect.ts";
import { disposeLayers, drawLayer, packLayers } from "./cases/layer.ts";
import { drawLinearAttention } from "./cases/linear-attention.ts";
import {
  drawLinformer,
  drawMatmul,
  drawMerge,
  drawPerformer,
  drawRotary,
  drawSoftmax,
  withoutMethod,
} from "./cases/operators.ts";
import { drawPacked } from "./cases/packed.ts";
import { drawSafetensors } from "./cases/safetensors.ts";
import { disposeTorchLayers, drawTorchLayer, packTorchLayers } from "./cases/torch-layer.ts";
import { Draws } from "./draws.ts";
import { guardLinearMemory } from "./guards.ts";
import { Ledger } from "./ledger.ts";
import { draw, SEEDS } from "./run.ts";

guardLinearMemory();
const engines = [
  createEngine({ kernels: "strict", threads: 0 }),
  createEngine({ threads: 2 }),
  createEngine({ threads: 0 }),
];
packLayers(engines);
packTorchLayers(engines);
afterAll(async () => {
  disposeLayers();
  disposeTorchLayers();
  console.info(JSON.stringify(tally));
  for (const engine of engines) {
    expect(engine.info()).toMatchObject({ running: 0, queued: 0, memory: { used: 0 } });
    await engine.dispose();
  }
});

/** These say where they run in another way than by an option. */
const placed = new Set([
  ...["MultiHeadAttention", "torch MultiheadAttention"],
  ...["checkpoint", "writeSafetensors"],
  ...["onnx attention", "onnx linearAttention", "onnx matMul", "onnx softmax"],
]);

const operators: readonly (readonly [name: string, share: number, draw: (d: Draws) => Case])[] = [
  ["attention", 0.32, drawAttention],
  ["matmul", 0.1, drawMatmul],
  ["softmax", 0.1, drawSoftmax],
  ["mergeAttention", 0.08, drawMerge],
  ["applyRotary", 0.06, drawRotary],
  ["linformerAttention", 0.05, drawLinformer],
  ["performerAttention", 0.05, drawPerformer],
  ["MultiHeadAttention", 0.1, drawLayer],
  ["onnx attention", 0.06, drawOnnxAttention],
  ["onnx matMul", 0.03, drawOnnxMatMul],
  ["onnx softmax", 0.03, drawOnnxSoftmax],
  ["torch attention", 0.06, drawTorchAttention],
  ["packed attention", 0.04, drawPacked],
  ["onnx linearAttention", 0.03, drawLinearAttention],
  ["torch MultiheadAttention", 0.03, drawTorchLayer],
  ["attentionStatistics", 0.03, drawStatistics],
  ["attentionMaps", 0.02, drawMaps],
  ["attentionRollout", 0.02, drawRollout],
  ["checkpoint", 0.02, drawCheckpoint],
  ["fromStateDict", 0.02, drawStateDict],
  ["writeSafetensors", 0.02, drawSafetensors],
];

describe.each(SEEDS)("seed %i", (seed) => {
  it.each(operators)("%s", { timeout: 560_000 }, async (name, share, drawCase) => {
    await draw(share, seed, async (g) => {
      const draws = new Draws(g);
      const world: World = { draws, ledger: new Ledger(), engines, engine: draws.pick(engines), cleanUp: [] };
      await fuzzCall(drawCase(draws), world, {
        topLevel: withoutMethod.has(name),
        engineInOptions: !placed.has(name),
      });
    });
  });
});
