import { loadPackage, versionOf } from "./load.ts";
import { type OnnxRuntime, waysFor } from "./onnxruntime.ts";
import type { Peer } from "./peer.ts";

/** Native code, with the widest instructions that the processor has. A session has threads of its own. */
export function createOnnxRuntimeNode(): Peer {
  const ort = loadPackage<OnnxRuntime>("onnxruntime-node");
  const variant = { ort, executionProvider: "cpu", fillsOutputs: true };
  return {
    name: "onnxruntime-node",
    version: versionOf("onnxruntime-node"),
    waysFor: (problem, threads) => waysFor(() => variant, problem, threads),
  };
}
