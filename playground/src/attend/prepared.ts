/** The engine and the layers, kept while nothing changes that they are made of. */
import { createEngine, type Engine } from "wasm-attention";
import type { Settings } from "../settings/settings.ts";
import { type AttendingLayer, makeLayers } from "./layers.ts";

let current: { readonly key: string; readonly engine: Promise<Engine> } | undefined;
let stack: { readonly key: string; readonly layers: readonly AttendingLayer[] } | undefined;

/** The engine of these settings, warm. */
export function engineFor({ kernels, threads }: Settings): Promise<Engine> {
  const key = `${kernels} ${threads}`;
  if (current?.key !== key) {
    // What is in flight on the one before was aborted, and it waits for that.
    void current?.engine.then((before) => before.dispose()).catch(() => undefined);
    current = { key, engine: start(kernels, threads) };
    current.engine.catch(() => {
      if (current?.key === key) current = undefined;
    });
  }
  return current.engine;
}

async function start(kernels: Settings["kernels"], threads: number): Promise<Engine> {
  // In a worker of one's own "auto" is 1 thread, as others may want the rest. Here nobody else computes.
  const all = Math.min(8, navigator.hardwareConcurrency || 1);
  const engine = createEngine({ kernels, threads: threads === 0 ? all : threads });
  await engine.warmUp();
  return engine;
}

/** The layers of these settings on this engine, which is the current one. */
export function layersFor(settings: Settings, engine: Engine): readonly AttendingLayer[] {
  const { kernels, threads, embedDim, heads, layers, projections, positions, seed } = settings;
  const rotary = positions === "rotary";
  const key = JSON.stringify([kernels, threads, embedDim, heads, layers, projections, rotary, seed]);
  if (stack?.key !== key) {
    for (const layer of stack?.layers ?? []) layer.dispose();
    stack = undefined;
    stack = { key, layers: makeLayers(settings, engine) };
  }
  return stack.layers;
}
