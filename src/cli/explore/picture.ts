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
  const { L, S, leading } = heads;
  const size = Math.min(show, L);
  const all = await weightsOf(heads, head, size, engine);
  const strongest: { token: string; position: number; weight: number }[] = [];
  for (let row = 0; row < size; row++) {
    const ofRow = all.subarray(row * S, (row + 1) * S);
    const weight = ofRow.reduce((most, value) => Math.max(most, value), 0);
    const position = ofRow.indexOf(weight) - leading;
    strongest.push({ token: position < 0 ? "bias_k" : texts[position]!, position, weight });
  }
  return { head, tokens: texts.slice(0, size), weights: firstColumns(all, heads, size), strongest };
}

/** The same weights of several heads: `[heads, size, size]`, NaN where causality excludes a key. */
export async function takeMaps(
  heads: Heads,
  which: readonly number[],
  show: number,
  engine: Engine,
): Promise<TensorLike & { readonly shape: readonly number[] }> {
  const size = Math.min(show, heads.L);
  const data = new Float32Array(which.length * size * size);
  for (const [n, head] of which.entries())
    data.set(firstColumns(await weightsOf(heads, head, size, engine), heads, size), n * size * size);
  return { data, shape: [which.length, size, size] };
}

/** `[size, S]` of one head. */
async function weightsOf(heads: Heads, head: number, size: number, engine: Engine): Promise<Float32Array> {
  const { S, E, leading, causal } = heads;
  const rows = (tensor: TensorLike, count: number): TensorLike => ({
    data: headRows(tensor.data, heads, head, 0, count),
    shape: [count, E],
  });
  const { weights } = await engine.scaledDotProductAttention(
    rows(heads.query, size),
    rows(heads.key, S),
    rows(heads.value, S),
    { causal, queryOffset: leading, returnWeights: true },
  );
  return weights!.data;
}

/** `[size, size]` of `[size, S]`. */
function firstColumns(all: Float32Array, { S, leading, causal }: Heads, size: number): Float32Array {
  const weights = new Float32Array(size * size);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++)
      weights[row * size + column] = causal && column > row ? Number.NaN : all[row * S + leading + column]!;
  return weights;
}
