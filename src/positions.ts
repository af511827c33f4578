import { describe } from "./describe.ts";
import { cosine, power, sine } from "./elementary.ts";
import {
  checkSize,
  checkTable,
  Embedding,
  type IdsLike,
  keptTensor,
  lookUpRows,
  readTable,
} from "./embedding.ts";
import { AttentionError } from "./errors.ts";
import { Tensor, zeros } from "./tensor.ts";
import type { TensorLike } from "./tensor-like.ts";
import { readOptions } from "./validate/options.ts";

/**
 * The sinusoidal positions of "Attention Is All You Need" (Vaswani and others 2017, section 3.5):
 * column 2i of row p is sin(p / 10000^(2i / embedDim)), column 2i + 1 the cosine of the same angle.
 * An odd embedDim ends on a sine. They are added to the embeddings.
 *
 * The same bits on every machine and in every version of Node, so without `Math.sin`, `cos` and `pow`.
 *
 * @returns A tensor `[length, embedDim]`.
 * @throws AttentionError `ERR_OPTION` for sizes that are no whole numbers.
 *
 * @example
 * ```ts
 * import { sinusoidalPositions } from "wasm-attention";
 * const positions = sinusoidalPositions(128, 64);
 * console.log(positions.shape); // [ 128, 64 ]
 * console.log(positions.data[0], positions.data[1]); // 0 1
 * ```
 */
export function sinusoidalPositions(length: number, embedDim: number): Tensor {
  checkLength("length", length);
  checkSize("embedDim", embedDim);
  const result = zeros([length, embedDim]);
  const { data } = result;
  for (let column = 0; column < embedDim; column += 2) {
    const wavelength = power(10000, column / embedDim);
    for (let position = 0; position < length; position++) {
      const angle = position / wavelength;
      data[position * embedDim + column] = sine(angle);
      if (column + 1 < embedDim) data[position * embedDim + column + 1] = cosine(angle);
    }
  }
  return result;
}

/** How {@link LearnedPositions} are made: by their sizes, with seeded weights, or from a table. */
export type LearnedPositionsOptions =
  | {
      /** Positions go from 0 to maxLength - 1. */
      readonly maxLength: number;
      /** How many numbers each position becomes. */
      readonly embedDim: number;
      /** Seed of the table. Default 0. */
      readonly seed?: number | undefined;
    }
  | {
      /** `[maxLength, embedDim]`. Kept, not copied. */
      readonly table: TensorLike;
    };

/**
 * A learned vector for each position up to a greatest length, as in BERT and GPT-2: an embedding
 * whose ids are positions. Without a table it starts from seeded numbers of mean 0 and variance 1.
 *
 * @example
 * ```ts
 * import { LearnedPositions } from "wasm-attention";
 * const positions = new LearnedPositions({ maxLength: 512, embedDim: 64, seed: 1 });
 * // Positions 0 to 9, and a chunk that starts at 7.
 * console.log(positions.forward(10).shape); // [ 10, 64 ]
 * console.log(positions.forward([7, 8]).shape); // [ 2, 64 ]
 * ```
 */
export class LearnedPositions {
  readonly maxLength: number;
  readonly embedDim: number;
  /** `[maxLength, embedDim]`. */
  readonly table: Tensor;

  /**
   * @throws AttentionError `ERR_OPTION` for sizes that are no positive whole numbers, `ERR_SHAPE` for
   *   a table that is no matrix, `ERR_DTYPE` for one that is not float32.
   */
  constructor(given: LearnedPositionsOptions) {
    const table = keptTensor(given, "table");
    const options = readOptions(given, table === undefined ? sizeNames : tableNames);
    if ("table" in options) {
      const { data, shape } = checkTable("table", options.table, "[maxLength, embedDim]");
      [this.maxLength, this.embedDim] = shape;
      this.table = table instanceof Tensor ? table : new Tensor(data, shape);
    } else {
      this.maxLength = checkSize("maxLength", options.maxLength);
      this.embedDim = checkSize("embedDim", options.embedDim);
      const { maxLength, embedDim, seed } = options;
      this.table = new Embedding({ numEmbeddings: maxLength, embedDim, seed }).weight;
    }
  }

  /**
   * The vectors of the first `positions` positions, `[length, embedDim]`, or of the positions given,
   * `[...]` to `[..., embedDim]`.
   *
   * @throws AttentionError `ERR_OPTION` for a length beyond maxLength, or a position outside 0 to
   *   maxLength - 1, naming it and where it stands.
   */
  forward(positions: number | IdsLike): Tensor {
    const { maxLength, embedDim, table } = this;
    if (typeof positions !== "number")
      return lookUpRows(
        ["positions", positions],
        ["table", table],
        [maxLength, embedDim],
        (position, at) =>
          `"positions" expected positions from 0 to ${maxLength - 1} (maxLength ${maxLength}), got ${position} at position ${at}`,
      );
    checkLength("length", positions);
    if (positions > maxLength)
      throw new AttentionError(
        "ERR_OPTION",
        `"length" expected at most maxLength ${maxLength}, got ${positions}`,
      );
    const data = readTable("table", table, maxLength * embedDim).slice(0, positions * embedDim);
    return new Tensor(data, [positions, embedDim]);
  }
}

const sizeNames: ReadonlySet<string> = new Set(["maxLength", "embedDim", "seed"]);
const tableNames: ReadonlySet<string> = new Set(["table"]);

function checkLength(name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw new AttentionError("ERR_OPTION", `"${name}" expected a whole number, got ${describe(value)}`);
}
