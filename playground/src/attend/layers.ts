/** The layers that a text goes through. */
import { alibiSlopes, type Engine, MultiHeadAttention, type Tensor, tensor } from "wasm-attention";
import type { Settings } from "../settings/settings.ts";
import { layerSeed } from "./embed.ts";
import { maskOf } from "./masks.ts";

/** One layer's output `[L, embedDim]` and weights `[H, L, L]`. */
export interface Attended {
  readonly output: Tensor;
  readonly weights: Tensor;
}

export interface AttendingLayer {
  /** Attends from every row of `x [L, embedDim]` to every other; `kept` has a factor, 0 or 1, for each head. */
  attend(x: Tensor, kept: readonly number[], settings: Settings, signal: AbortSignal): Promise<Attended>;
  dispose(): void;
}

export function makeLayers(settings: Settings, engine: Engine): AttendingLayer[] {
  return Array.from({ length: settings.layers }, (_, layer) =>
    settings.projections === "none" ? bare(engine) : seeded(settings, layer, engine),
  );
}

/** Multi-head attention with random weights. */
function seeded(
  { embedDim, heads, positions, seed }: Settings,
  layer: number,
  engine: Engine,
): AttendingLayer {
  const module = new MultiHeadAttention({
    embedDim,
    numHeads: heads,
    rotary: positions === "rotary",
    seed: layerSeed(seed, layer),
    engine,
  });
  return {
    async attend(x, kept, settings, signal) {
      const { output, weights } = await module.forward(x, {
        causal: settings.causal,
        attnMask: maskOf(settings, x.shape[0]!),
        headMask: kept,
        needWeights: true,
        averageWeights: false,
        signal,
      });
      return { output, weights: weights! };
    },
    dispose: () => module.dispose(),
  };
}

/** The operator alone: query, key and value are x itself, cut into heads. */
function bare(engine: Engine): AttendingLayer {
  return {
    async attend(x, kept, { heads, causal, window, positions }, signal) {
      const value = splitHeads(x, heads);
      const query = positions === "rotary" ? engine.applyRotary(value) : value;
      const { output, weights } = await engine.scaledDotProductAttention(query, query, value, {
        causal,
        window: window === 0 ? undefined : [window, window],
        alibiSlopes: positions === "alibi" ? alibiSlopes(heads) : undefined,
        returnWeights: true,
        signal,
      });
      return { output: joinHeads(output, kept), weights: weights! };
    },
    dispose() {},
  };
}

/** `[L, H E]` to `[H, L, E]`. */
function splitHeads(x: Tensor, heads: number): Tensor {
  const [length, width] = x.shape as [number, number];
  const size = width / heads;
  const data = new Float32Array(x.data.length);
  for (let h = 0; h < heads; h++)
    for (let i = 0; i < length; i++)
      data.set(x.data.subarray(i * width + h * size, i * width + (h + 1) * size), (h * length + i) * size);
  return tensor(data, [heads, length, size]);
}

/** `[H, L, E]` to `[L, H E]`, each head times its factor. */
function joinHeads(x: Tensor, factors: readonly number[]): Tensor {
  const [heads, length, size] = x.shape as [number, number, number];
  const width = heads * size;
  const data = new Float32Array(x.data.length);
  for (let h = 0; h < heads; h++)
    if (factors[h] !== 0)
      for (let i = 0; i < length; i++)
        data.set(x.data.subarray((h * length + i) * size, (h * length + i + 1) * size), i * width + h * size);
  return tensor(data, [length, width]);
}
