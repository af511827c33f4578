/** Matrix product and softmax as ONNX Runtime can be asked for them. */
import type { MatmulInputs, MatmulSize, SoftmaxSize } from "../problem.ts";
import { asItIs, float32, outputOf, type Program } from "./onnx-program.ts";

/** With b an input, and with b a constant, which ONNX Runtime packs once. */
export function matmulPrograms({ M, K, N }: MatmulSize, { a, b }: MatmulInputs): Program[] {
  const right = float32("b", [K, N], b);
  return [false, true].map((constant): Program => {
    return {
      way: constant ? "MatMul, b constant" : "MatMul",
      nodes: [{ op: "MatMul", inputs: ["a", "b"], outputs: ["output"] }],
      constants: constant ? [right] : [],
      inputs: [float32("a", [M, K], a), ...(constant ? [] : [right])],
      outputs: [outputOf([M, N])],
      read: asItIs,
    };
  });
}

export function softmaxPrograms({ rows, columns }: SoftmaxSize, x: Float32Array): Program[] {
  return [
    {
      way: "Softmax",
      nodes: [{ op: "Softmax", inputs: ["x"], outputs: ["output"] }],
      inputs: [float32("x", [rows, columns], x)],
      outputs: [outputOf([rows, columns])],
      read: asItIs,
    },
  ];
}
