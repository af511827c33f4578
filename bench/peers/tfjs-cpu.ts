import { loadPackage, versionOf } from "./load.ts";
import type { Peer } from "./peer.ts";
import { type Tensorflow, waysFor } from "./tfjs.ts";

/** Plain JavaScript on one thread. */
export function createTfjsCpu(): Peer {
  const tf = loadPackage<Tensorflow>("@tensorflow/tfjs-core");
  loadPackage("@tensorflow/tfjs-backend-cpu");
  return {
    name: "tfjs-cpu",
    version: versionOf("@tensorflow/tfjs-backend-cpu"),
    slow: true,
    waysFor: (problem, threads) => (threads > 1 ? [] : waysFor(tf, "cpu", problem)),
  };
}
