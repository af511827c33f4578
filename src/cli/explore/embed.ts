import { Embedding } from "../../embedding.ts";
import { LearnedPositions, sinusoidalPositions } from "../../positions.ts";
import type { PositionKind } from "./options.ts";
import type { Tokens } from "./tokens.ts";

/** The text as the layer reads it, `[tokens, embedDim]`: a seeded embedding of each token plus its position. */
export function embed(
  tokens: Tokens,
  embedDim: number,
  positions: PositionKind,
  seed: number,
): { data: Float32Array; shape: readonly number[] } {
  const { data, shape } = new Embedding({ numEmbeddings: tokens.distinct, embedDim, seed }).forward(
    tokens.ids,
  );
  if (positions === "none") return { data, shape };
  const length = tokens.ids.length;
  const table =
    positions === "sinusoidal"
      ? sinusoidalPositions(length, embedDim)
      : new LearnedPositions({ maxLength: length, embedDim, seed: seed + 2 }).table;
  for (let i = 0; i < data.length; i++) data[i]! += table.data[i]!;
  return { data, shape };
}
