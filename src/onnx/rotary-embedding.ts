import { engineFor } from "../default-engine.ts";
import { AttentionError } from "../errors.ts";
import { applyRotary } from "../rotary.ts";
import { Tensor } from "../tensor.ts";
import { checkTensor, shapeOf, type TensorData, type TensorLike } from "../tensor-like.ts";
import { checkChoice, checkWhole, readOptions } from "../validate/options.ts";
import { checkShape } from "./check-shape.ts";
import { type RunOptions, readRunOptions } from "./run-options.ts";

/** Inputs of ONNX's RotaryEmbedding, by ONNX's names. Absent ones may be left out or `null`. */
export interface RotaryEmbeddingInputs {
  /** `[B, H, L, E]`, or `[B, L, H*E]` with `num_heads`. */
  readonly X: TensorLike;
  /** `[positions, R/2]` with `position_ids`, `[B, L, R/2]` without. */
  readonly cos_cache: TensorLike;
  readonly sin_cache: TensorLike;
  /** `[B, L]`: the row of the caches for each token. */
  readonly position_ids?: TensorLike<BigInt64Array> | TensorLike<Int32Array> | null | undefined;
}

/** Attributes of ONNX's RotaryEmbedding, by ONNX's names. */
export interface RotaryEmbeddingAttributes {
  /** 1: pairs are neighbours; 0 (the default): one of each half. */
  readonly interleaved?: number | boolean | undefined;
  /** H; needed in rank 3. */
  readonly num_heads?: number | undefined;
  /** R, how many of the E numbers are rotated. Default 0, which means all. */
  readonly rotary_embedding_dim?: number | undefined;
}

/** Outputs of ONNX's RotaryEmbedding, by ONNX's names. */
export interface RotaryEmbeddingOutputs {
  /** Of X's shape. */
  readonly Y: Tensor;
}

const inputNames: ReadonlySet<string> = new Set(["X", "cos_cache", "sin_cache", "position_ids"]);
const attributeNames: ReadonlySet<string> = new Set(["interleaved", "num_heads", "rotary_embedding_dim"]);

/**
 * Rotary positions as ONNX defines them (https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html), opset 23, here and
 * now: a pair (a, b) of a head becomes (a cos - b sin, b cos + a sin) with the angles of its token.
 *
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` for what does not fit, by ONNX's names, `ERR_MEMORY`
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * import { rotaryEmbedding } from "wasm-attention/onnx";
 * const cos_cache = tensor([1, 0], [2, 1]); // positions 0 and 1: angles of 0 and 90 degrees
 * const sin_cache = tensor([0, 1], [2, 1]);
 * const position_ids = tensor(BigInt64Array.of(1n, 0n), [1, 2]);
 * const X = tensor([3, 4, 3, 4], [1, 1, 2, 2]);
 * const { Y } = rotaryEmbedding({ X, cos_cache, sin_cache, position_ids });
 * console.log(Y.data); // Float32Array(4) [ -4, 3, 3, 4 ]
 * ```
 */
export function rotaryEmbedding(
  given: RotaryEmbeddingInputs,
  chosen: RotaryEmbeddingAttributes = {},
  options: RunOptions = {},
): RotaryEmbeddingOutputs {
  const inputs = readOptions(given, inputNames, "inputs");
  const attributes = readOptions(chosen, attributeNames, "attributes");
  const run = readRunOptions(options);
  const { interleaved = 0 } = attributes;
  checkChoice("interleaved", interleaved, [0, 1, false, true]);
  const sizes = readSizes(inputs.X, attributes);
  const { data } = inputs.X;
  const { B, H, L, E, flat } = sizes;
  const [cos, sin] = readTables(inputs, sizes);
  const engine = engineFor(run);
  // In rank 3 the heads of a token lie side by side and share its angles: each token is then an entry of H rows.
  const shape = flat ? [B * L, H, E] : [B, H, L, E];
  const rotated = applyRotary(
    { data, shape },
    { cos: cos!, sin: sin!, interleaved: Boolean(interleaved), engine },
  );
  return { Y: new Tensor(rotated.data, [...shapeOf(inputs.X)]) };
}

interface Sizes {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly E: number;
  readonly R: number;
  readonly flat: boolean;
}

function readSizes(X: TensorLike, attributes: RotaryEmbeddingAttributes): Sizes {
  const { num_heads = 0, rotary_embedding_dim: dim = 0 } = attributes;
  checkTensor("X", X);
  const shape = shapeOf(X);
  if (shape.length !== 3 && shape.length !== 4)
    throw new AttentionError("ERR_SHAPE", `"X" expected a tensor of rank 3 or 4, got rank ${shape.length}`);
  const flat = shape.length === 3;
  checkWhole("num_heads", num_heads, flat ? 1 : 0);
  checkWhole("rotary_embedding_dim", dim);
  const [B, second, third, fourth] = shape as [number, number, number, number?];
  const H = flat ? num_heads : second;
  if (flat ? third % num_heads !== 0 : num_heads !== 0 && num_heads !== H)
    throw new AttentionError(
      "ERR_OPTION",
      flat
        ? `"num_heads" expected a divisor of the ${third} columns of "X", got ${num_heads}`
        : `"num_heads" expected the ${H} heads of "X", got ${num_heads}`,
    );
  const E = fourth ?? third / num_heads;
  const R = dim || E;
  if (R > E || R % 2 !== 0)
    throw new AttentionError(
      "ERR_OPTION",
      `"rotary_embedding_dim" expected an even number up to E=${E}, got ${R}`,
    );
  return { B, H, L: flat ? second : third, E, R, flat };
}

/** A row of angles for each token, `[B, L, R/2]`; in rank 3 for each of its heads, `[B * L, H, R/2]`. */
function readTables(inputs: RotaryEmbeddingInputs, { B, H, L, R, flat }: Sizes): TensorLike[] {
  const { cos_cache, sin_cache, position_ids } = inputs;
  const byPosition = position_ids !== undefined && position_ids !== null;
  const letters = byPosition ? ["positions", "R/2"] : ["B", "L", "R/2"];
  checkTensor("cos_cache", cos_cache);
  checkTensor("sin_cache", sin_cache);
  const positions = shapeOf(cos_cache)[0]!;
  checkShape("cos_cache", shapeOf(cos_cache), letters, { B, L, "R/2": R / 2 });
  checkShape("sin_cache", shapeOf(sin_cache), letters, { B, L, "R/2": R / 2, positions });
  const rows = byPosition ? readPositions(position_ids, B, L, positions) : undefined;
  const repeats = flat ? H : 1;
  const shape = flat ? [B * L, H, R / 2] : [B, L, R / 2];
  if (rows === undefined && repeats === 1) return [cos_cache, sin_cache].map(({ data }) => ({ data, shape }));
  return [cos_cache, sin_cache].map(({ data }) => ({
    data: gatherRows(data, rows, { tokens: B * L, width: R / 2, repeats }),
    shape,
  }));
}

function readPositions(
  ids: NonNullable<RotaryEmbeddingInputs["position_ids"]>,
  B: number,
  L: number,
  positions: number,
): number[] {
  checkTensor("position_ids", ids, ["BigInt64Array", "Int32Array"]);
  checkShape("position_ids", shapeOf(ids as TensorLike<TensorData>), ["B", "L"], { B, L });
  return Array.from(ids.data as ArrayLike<number | bigint>, (id) => {
    const row = Number(id);
    if (row >= 0 && row < positions) return row;
    throw new AttentionError(
      "ERR_OPTION",
      `"position_ids" expected rows of the caches, 0 to ${positions - 1}, got ${id}`,
    );
  });
}

function gatherRows(
  table: Float32Array,
  rows: readonly number[] | undefined,
  { tokens, width, repeats }: { tokens: number; width: number; repeats: number },
): Float32Array {
  const gathered = new Float32Array(tokens * repeats * width);
  for (let token = 0; token < tokens; token++) {
    const from = (rows ? rows[token]! : token) * width;
    for (let n = 0; n < repeats; n++)
      gathered.set(table.subarray(from, from + width), (token * repeats + n) * width);
  }
  return gathered;
}
