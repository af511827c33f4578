import type { Layout } from "../attention-options.ts";
import { AttentionError } from "../errors.ts";
import { shapeError } from "../tensor.ts";
import { type FloatTensor, float32or64, readFloats } from "./floats.ts";
import { type HeadView, headLayout, viewHeads } from "./heads.ts";
import { checkFloat } from "./options.ts";

/** What a linear attention takes beside query, key and value. Which gates there are makes the update rule. */
export interface LinearAttentionTerms<T extends FloatTensor = FloatTensor> {
  /** `[B, K, E, V]`: the state before the first token. Default: zeros. */
  readonly state?: T;
  /** Logarithm of what each token leaves of the state: `[B, K, L, E]`, or `[B, K, L]` for all of a head's keys. */
  readonly decay?: T;
  /** How much of the difference to what is stored a token writes, `[B, K, L]`: with it the delta rule holds. */
  readonly beta?: T;
  /** `[B, K, L, E]`, with `beta`: factor on the key with which the delta rule reads what is stored. Default 1. */
  readonly eraseGate?: T;
  /** Factor on the output. Default 1/sqrt(E). */
  readonly scale?: number;
  /** Dimension order of everything but the state: heads before tokens (default), or behind them. */
  readonly layout?: Layout;
}

/** A checked linear attention: sizes, and tensors as heads of rows. K key/value heads have a state each. */
export interface LinearAttentionProblem {
  readonly B: number;
  readonly H: number;
  readonly K: number;
  readonly L: number;
  readonly E: number;
  readonly V: number;
  readonly layout: Layout;
  readonly query: HeadView;
  readonly key: HeadView;
  readonly value: HeadView;
  readonly state: Float32Array | Float64Array | undefined;
  /** Rows of E numbers, or of 1. */
  readonly decay: HeadView | undefined;
  /** Rows of 1. */
  readonly beta: HeadView | undefined;
  readonly eraseGate: HeadView | undefined;
  readonly scale: number;
}

/** Checks the arguments of a linear attention against each other. */
export function readLinearAttention(
  query: FloatTensor,
  key: FloatTensor,
  value: FloatTensor,
  terms: LinearAttentionTerms,
  types: readonly string[] = float32or64,
): LinearAttentionProblem {
  const { layout = "BHLE", beta, eraseGate } = terms;
  const q = viewHeads("query", readFloats("query", query, types), ["B", "H", "L", "E"], layout, 4, {});
  const { batch: B, heads: H, length: L, size: E } = q;
  const keys = readFloats("key", key, types);
  const k = viewHeads("key", keys, ["B", "K", "L", "E"], layout, 4, { B, L, E });
  const K = k.heads;
  const values = readFloats("value", value, types);
  const v = viewHeads("value", values, ["B", "K", "L", "V"], layout, 4, { B, K, L });
  const V = v.size;
  if (H > 0 && H % K !== 0)
    throw new AttentionError("ERR_SHAPE", `"key" expected K heads that divide H=${H}, got ${K}`);
  if (eraseGate !== undefined && beta === undefined)
    throw new AttentionError("ERR_OPTION", '"beta" is missing: "eraseGate" is part of the delta rule');
  // Heads of size 0 give 0, whatever the scale.
  const scale = terms.scale ?? 1 / Math.sqrt(E || 1);
  checkFloat("scale", scale);
  const sizes = { B, K, L, E, layout };
  const decay = terms.decay === undefined ? undefined : readFloats("decay", terms.decay, types);
  const viewDecay = decay?.shape.length === 3 ? viewNumbers : viewRows;
  return {
    B,
    H,
    K,
    L,
    E,
    V,
    layout,
    query: q,
    key: k,
    value: v,
    state: terms.state && readState(terms.state, [B, K, E, V], types),
    decay: viewDecay("decay", decay as FloatTensor | undefined, sizes, types),
    beta: viewNumbers("beta", beta, sizes, types),
    eraseGate: viewRows("eraseGate", eraseGate, sizes, types),
    scale,
  };
}

type GateSizes = Pick<LinearAttentionProblem, "B" | "K" | "L" | "E" | "layout">;

/** A gate with a row of E numbers for each token of each key/value head. */
function viewRows(
  name: string,
  tensor: FloatTensor | undefined,
  { B, K, L, E, layout }: GateSizes,
  types: readonly string[],
): HeadView | undefined {
  if (tensor === undefined) return undefined;
  return viewHeads(name, readFloats(name, tensor, types), ["B", "K", "L", "E"], layout, 4, { B, K, L, E });
}

/** A gate with one number for each token of each key/value head. */
function viewNumbers(
  name: string,
  tensor: FloatTensor | undefined,
  { B, K, L, layout }: GateSizes,
  types: readonly string[],
): HeadView | undefined {
  if (tensor === undefined) return undefined;
  const { data, shape } = readFloats(name, tensor, types);
  const [heads, tokens] = [`K=${K}`, `L=${L}`];
  const expected = layout === "BHLE" ? [`B=${B}`, heads, tokens] : [`B=${B}`, tokens, heads];
  if (shape.join() !== expected.map((size) => size.slice(2)).join())
    throw shapeError(name, `shape [${expected.join(", ")}]`, shape);
  return { ...headLayout(layout, [B, K, L, 1]), data };
}

function readState(
  state: FloatTensor,
  [B, K, E, V]: readonly [number, number, number, number],
  types: readonly string[],
): Float32Array | Float64Array {
  const { data, shape } = readFloats("state", state, types);
  if (shape.join() !== [B, K, E, V].join())
    throw shapeError("state", `shape [B=${B}, K=${K}, E=${E}, V=${V}]`, shape);
  return data;
}
