import type { LinformerScoreOptions } from "../efficient-options.ts";
import { shapeError } from "../tensor.ts";
import { type AttentionHeads, readHeads } from "./attention.ts";
import { type FloatTensor, float32or64, readFloats } from "./floats.ts";
import { checkFloat } from "./options.ts";
import { checkOptions } from "./score-options.ts";

/** A projection `[P, S]`, or one for each key/value head, `[K, P, S]`. */
export interface Projection {
  readonly data: Float32Array | Float64Array;
  readonly perHead: boolean;
}

/** A checked call of Linformer's attention. */
export interface LinformerProblem extends AttentionHeads {
  readonly scale: number;
  /** P. */
  readonly projected: number;
  readonly keyProjection: Projection;
  readonly valueProjection: Projection;
}

/** Checks the arguments of Linformer's attention against each other. */
export function readLinformer(
  query: FloatTensor,
  key: FloatTensor,
  value: FloatTensor,
  options: LinformerScoreOptions,
  types: readonly string[] = float32or64,
): LinformerProblem {
  checkOptions({ layout: options.layout });
  const heads = readHeads(query, key, value, options.layout ?? "BHLE", types);
  const { K, S, E } = heads;
  const scale = options.scale ?? 1 / Math.sqrt(E || 1);
  checkFloat("scale", scale);
  const keys = readProjection("keyProjection", options.keyProjection, K, S, undefined, types);
  const values =
    options.valueProjection === undefined
      ? keys
      : readProjection("valueProjection", options.valueProjection, K, S, keys.P, types);
  return { ...heads, scale, projected: keys.P, keyProjection: keys, valueProjection: values };
}

function readProjection(
  name: string,
  tensor: FloatTensor,
  K: number,
  S: number,
  P: number | undefined,
  types: readonly string[],
): Projection & { readonly P: number } {
  const { data, shape } = readFloats(name, tensor, types);
  const perHead = shape.length === 3;
  const fits =
    (shape.length === 2 || (perHead && shape[0] === K)) &&
    shape.at(-1) === S &&
    (P ?? shape.at(-2)) === shape.at(-2);
  const rows = P === undefined ? "P" : `P=${P}`;
  if (!fits) throw shapeError(name, `shape [${rows}, S=${S}] or [K=${K}, ${rows}, S=${S}]`, shape);
  return { data, perHead, P: shape.at(-2)! };
}
