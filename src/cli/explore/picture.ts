/** The weights that are drawn: one head, the first tokens, and where each of them looks most. */
import type { Engine } from "../../index.ts";
import type { TensorLike } from "../../tensor-like.ts";
import { type Heads, headRows } from "./layer.ts";

/** One head over the first tokens of a text. */
export interface Picture {
  readonly head: number;
  readonly tokens: readonly string[];
  /** `[tokens, tokens]`; a key that causality excludes has NaN. */
  readonly weights: Float32Array;
  /** For each token the key with the largest weight among all keys of the text. */
  readonly strongest: readonly {
    readonly token: string;
    readonly position: number;
    readonly weight: number;
  }[];
}

/** Computes the weights of the first `show` rows over all keys, and keeps the first `show` columns. */
export async function takePicture(
  heads: Heads,
  head: number,
  texts: readonly string[],
  show: number,
  engine: Engine,
): Promise<Picture> {
  const { L, S, E, leading, causal } = heads;
  const size = Math.min(show, L);
  const rows = (tensor: TensorLike, count: number): TensorLike => ({
    data: headRows(tensor.data, heads, head, 0, count),
    shape: [count, E],
  });
  const all = await engine.scaledDotProductAttention(
    rows(heads.query, size),
    rows(heads.key, S),
    rows(heads.value, S),
    { causal, queryOffset: leading, returnWeights: true },
  );
  const weights = new Float32Array(size * size);
  const strongest: { token: string; position: number; weight: number }[] = [];
  for (let row = 0; row < size; row++) {
    const ofRow = all.weights!.data.subarray(row * S, (row + 1) * S);
    for (let column = 0; column < size; column++)
      weights[row * size + column] = causal && column > row ? Number.NaN : ofRow[leading + column]!;
    const weight = ofRow.reduce((most, value) => Math.max(most, value), 0);
    const position = ofRow.indexOf(weight) - leading;
    strongest.push({ token: position < 0 ? "bias_k" : texts[position]!, position, weight });
  }
  return { head, tokens: texts.slice(0, size), weights, strongest };
}
