import { loadAnew, versionOf } from "./load.ts";
import { type OnnxRuntime, type Variant, waysFor } from "./onnxruntime.ts";
import type { Peer } from "./peer.ts";

/**
 * WebAssembly, 128-bit SIMD. Threads are fixed with the first session, so the package is loaded once for each number of
 * them. Inputs are copied into its memory with every run: its API has no way to leave them there. Arrays that are given for
 * the results it leaves as they are, without a word.
 */
export function createOnnxRuntimeWeb(): Peer {
  const loaded = new Map<number, Variant>();
  const load = (threads: number): Variant => {
    const variant = loaded.get(threads) ?? loadVariant(threads);
    loaded.set(threads, variant);
    return variant;
  };
  return {
    name: "onnxruntime-web",
    version: versionOf("onnxruntime-web"),
    waysFor: (problem, threads) => waysFor(load, problem, threads),
  };
}

function loadVariant(threads: number): Variant {
  const ort = loadAnew<OnnxRuntime>("onnxruntime-web", "onnxruntime-common");
  ort.env.wasm.numThreads = threads;
  return { ort, executionProvider: "wasm", fillsOutputs: false };
}
