import { Embedding, LearnedPositions, sinusoidalPositions, type Tensor } from "wasm-attention";
import type { Tokens } from "../../../src/cli/explore/tokens.ts";
import type { Settings } from "../settings/settings.ts";

/**
 * The text as the first layer reads it, `[tokens, embedDim]`: a seeded embedding of each token, plus its position where that
 * is added. The seeds are those of `wasm-attention explore`, so that the same settings give the same numbers.
 */
export function embed(
  { ids, distinct }: Tokens,
  { embedDim, positions, seed }: Pick<Settings, "embedDim" | "positions" | "seed">,
): Tensor {
  const x = new Embedding({ numEmbeddings: distinct, embedDim, seed }).forward(ids);
  if (positions !== "sinusoidal" && positions !== "learned") return x;
  const table =
    positions === "sinusoidal"
      ? sinusoidalPositions(ids.length, embedDim)
      : new LearnedPositions({ maxLength: ids.length, embedDim, seed: seed + 2 }).table;
  const { data } = x;
  for (let i = 0; i < data.length; i++) data[i]! += table.data[i]!;
  return x;
}

/** The seed of a layer's weights. Embedding and positions have `seed` and `seed + 2`; no two share one. */
export function layerSeed(seed: number, layer: number): number {
  return layer === 0 ? seed + 1 : seed + 2 + layer;
}
