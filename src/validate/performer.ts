import { describe } from "../describe.ts";
import { orthogonalRandomFeatures } from "../efficient/orthogonal-random-features.ts";
import type { PerformerScoreOptions } from "../efficient-options.ts";
import { AttentionError } from "../errors.ts";
import { shapeError } from "../tensor.ts";
import { ReadTensor, takeTensor } from "../tensor-like.ts";
import { type AttentionHeads, readHeads } from "./attention.ts";
import { type FloatTensor, float32or64, readFloats } from "./floats.ts";
import { checkFlag, checkFloat, checkWhole, readOptions } from "./options.ts";
import { checkOptions, readLengths } from "./score-options.ts";

/** A checked call of the Performer's attention. */
export interface PerformerProblem extends AttentionHeads {
  /** `[count, E]`. */
  readonly features: Float32Array | Float64Array;
  readonly count: number;
  readonly causal: boolean;
  readonly epsilon: number;
  readonly scale: number;
  /** Valid keys of each batch entry. */
  readonly lengths: readonly number[];
}

/** Checks the arguments of the Performer's attention against each other. */
export function readPerformer(
  query: FloatTensor,
  key: FloatTensor,
  value: FloatTensor,
  options: PerformerScoreOptions,
  types: readonly string[] = float32or64,
): PerformerProblem {
  const { layout = "BHLE", causal = false, epsilon = 1e-6 } = options;
  checkOptions({ layout });
  checkFlag("causal", causal);
  checkFloat("epsilon", epsilon, 0);
  const heads = readHeads(query, key, value, layout, types);
  const { B, L, S, E } = heads;
  if (causal && L !== S)
    throw new AttentionError(
      "ERR_SHAPE",
      `"key" expected S=${L} as there are queries, for "causal", got ${S}`,
    );
  const scale = options.scale ?? 1 / Math.sqrt(E || 1);
  checkFloat("scale", scale);
  if (!(Math.fround(scale) > 0))
    throw new AttentionError("ERR_OPTION", `"scale" expected a number above 0, got ${scale}`);
  const features = readFeatures(options.features, E, types);
  return { ...heads, ...features, causal, epsilon, scale, lengths: readLengths(options.kvLengths, B, S) };
}

const names: ReadonlySet<string> = new Set(["count", "seed"]);

function readFeatures(
  features: PerformerScoreOptions["features"],
  E: number,
  types: readonly string[],
): Pick<PerformerProblem, "features" | "count"> {
  if (typeof features !== "object" || features === null)
    throw new AttentionError(
      "ERR_DTYPE",
      `"features" expected a tensor [m, E] or { count, seed }, got ${describe(features)}`,
    );
  const taken = takeTensor("features", features);
  if (!ReadTensor.is(taken)) {
    const { count, seed } = readOptions(taken as { count: number; seed?: number }, names, "features");
    checkWhole("features.count", count, 1);
    return { features: orthogonalRandomFeatures(count, E, seed).data, count };
  }
  const { data, shape } = readFloats("features", taken, types);
  if (shape.length !== 2 || shape[1] !== E || shape[0] === 0)
    throw shapeError("features", `shape [m, E=${E}] of at least one row`, shape);
  return { features: data, count: shape[0]! };
}
