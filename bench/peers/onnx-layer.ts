/** A layer of self-attention as ONNX Runtime can be asked for it. Weights are constants, which it packs once. */

import { transpose } from "../layouts.ts";
import type { LayerInputs, LayerSize } from "../problem.ts";
import type { Node } from "./onnx-encoder.ts";
import { asItIs, float32, outputOf, type Program } from "./onnx-program.ts";

const microsoft = "com.microsoft";

export function layerPrograms(size: LayerSize, inputs: LayerInputs): Program[] {
  return [packed(size, inputs), separate(size, inputs)];
}

/** `com.microsoft.Attention` projects to query, key and value and attends in one operator. */
function packed({ embedDim: E, H, ...size }: LayerSize, inputs: LayerInputs): Program {
  return {
    way: "com.microsoft.Attention, MatMul, Add",
    ...frame({ embedDim: E, H, ...size }, inputs),
    nodes: [
      {
        op: "Attention",
        domain: microsoft,
        inputs: ["x", "inWeight", "inBias"],
        outputs: ["heads"],
        attributes: { num_heads: H },
      },
      ...projection("heads", "out", "output"),
    ],
    constants: [
      float32("inWeight", [E, 3 * E], transpose(inputs.inWeight, 1, 3 * E, E)),
      float32("inBias", [3 * E], inputs.inBias),
      ...outConstants(E, inputs),
    ],
  };
}

/** A projection each for query, key and value, then `MultiHeadAttention`. */
function separate({ embedDim: E, H, ...size }: LayerSize, inputs: LayerInputs): Program {
  const names = ["query", "key", "value"];
  const part = (data: Float32Array, i: number) =>
    data.subarray((i * data.length) / 3, ((i + 1) * data.length) / 3);
  return {
    way: "MatMul and Add of each, MultiHeadAttention, MatMul, Add",
    ...frame({ embedDim: E, H, ...size }, inputs),
    nodes: [
      ...names.flatMap((name) => projection("x", name, `${name}Heads`)),
      {
        op: "MultiHeadAttention",
        domain: microsoft,
        inputs: names.map((name) => `${name}Heads`),
        outputs: ["heads"],
        attributes: { num_heads: H },
      },
      ...projection("heads", "out", "output"),
    ],
    constants: [
      ...names.flatMap((name, i) => [
        float32(`${name}Weight`, [E, E], transpose(part(inputs.inWeight, i), 1, E, E)),
        float32(`${name}Bias`, [E], part(inputs.inBias, i)),
      ]),
      ...outConstants(E, inputs),
    ],
  };
}

function frame({ L, embedDim: E }: LayerSize, { x }: LayerInputs) {
  return {
    inputs: [float32("x", [1, L, E], x)],
    outputs: [outputOf([1, L, E])],
    read: asItIs,
  };
}

function projection(from: string, name: string, to: string): Node[] {
  return [
    { op: "MatMul", inputs: [from, `${name}Weight`], outputs: [`${to}Product`] },
    { op: "Add", inputs: [`${to}Product`, `${name}Bias`], outputs: [to] },
  ];
}

function outConstants(E: number, { outWeight, outBias }: LayerInputs) {
  return [float32("outWeight", [E, E], transpose(outWeight, 1, E, E)), float32("outBias", [E], outBias)];
}
