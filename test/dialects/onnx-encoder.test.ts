import { expect, test } from "vitest";
import { encodeModel } from "../../bench/peers/onnx-encoder.ts";

test("writes the bytes that onnx.proto says", () => {
  const x = { name: "x", shape: [300], data: new Float32Array(300) };
  const y = { ...x, name: "y" };
  const c = { name: "c", shape: [1], data: Float32Array.of(1) };
  const model = encodeModel({
    nodes: [{ op: "Add", inputs: ["x", "c"], outputs: ["y"], attributes: { i: -1, f: { float: 1 } } }],
    inputs: [x],
    outputs: [y],
    constants: [c],
  });
  const value = (name: string, tag: string) => `${tag}10 0a01${name} 120b 0a09 0801 1205 0a03 08ac02`;
  const parts = [
    "080b", // ir_version 11
    "3a6c", // graph, 108 bytes
    "0a30 0a0178 0a0163 120179 2203416464", // node: inputs x and c, output y, "Add"
    "2a11 0a0169 18ffffffffffffffffff01 a00102", // attribute i = -1
    "2a0b 0a0166 150000803f a00101 3a00", // attribute f = 1; ONNX's own domain
    "1205 6772617068", // the graph's name, "graph"
    "2a0d 0801 1001 420163 4a04 0000803f", // constant c: sizes 1, float32
    value("78", "5a"),
    value("79", "62"),
    "4204 0a00 1017", // opset 23
    "4211 0a0d 636f6d2e6d6963726f736f6674 1001", // com.microsoft 1
  ];
  expect(Buffer.from(model).toString("hex")).toBe(parts.join("").replaceAll(" ", ""));
});
