import { loadPackage, versionOf } from "./load.ts";
import type { Peer } from "./peer.ts";
import { type Tensorflow, waysFor } from "./tfjs.ts";

/** WebAssembly with 128-bit SIMD. In Node it runs on one thread: its own check for threads says no there. */
export function createTfjsWasm(): Peer {
  const tf = loadPackage<Tensorflow>("@tensorflow/tfjs-core");
  loadPackage("@tensorflow/tfjs-backend-wasm");
  return {
    name: "tfjs-wasm",
    version: versionOf("@tensorflow/tfjs-backend-wasm"),
    waysFor: (problem, threads) => (threads > 1 ? [] : waysFor(tf, "wasm", problem)),
  };
}
