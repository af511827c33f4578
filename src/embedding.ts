import { allocateFloats } from "./allocate.ts";
import { describe } from "./describe.ts";
import { AttentionError } from "./errors.ts";
import { Random } from "./random.ts";
import { Tensor } from "./tensor.ts";
import { readTensor, type TensorData, type TensorLike, unreadable, type VectorLike } from "./tensor-like.ts";
import { arrayType, isArray } from "./typed-array.ts";
import { readOptions } from "./validate/options.ts";
import { readNumbers } from "./validate/vector.ts";

/** Whole numbers that name rows of a table: an array, a typed array, or a tensor of any rank. */
export type IdsLike = VectorLike;

/** How an {@link Embedding} is made: by its sizes, with seeded weights, or from a weight. */
export type EmbeddingOptions =
  | {
      /** How many ids there are; they go from 0 to numEmbeddings - 1. */
      readonly numEmbeddings: number;
      /** How many numbers each id becomes. */
      readonly embedDim: number;
      /** Seed of the weights. Default 0. */
      readonly seed?: number | undefined;
    }
  | {
      /** `[numEmbeddings, embedDim]`. Kept, not copied. */
      readonly weight: TensorLike;
    };

/**
 * A table of learned vectors, one a row, looked up by id: PyTorch's `nn.Embedding` at inference.
 * Without a weight it starts as PyTorch does, from numbers of mean 0 and variance 1, the same for a
 * seed on every machine.
 *
 * @example
 * ```ts
 * import { Embedding } from "wasm-attention";
 * const embedding = new Embedding({ numEmbeddings: 1000, embedDim: 64, seed: 1 });
 * const x = embedding.forward([12, 7, 12]);
 * console.log(x.shape); // [ 3, 64 ]
 * ```
 */
export class Embedding {
  readonly numEmbeddings: number;
  readonly embedDim: number;
  /** `[numEmbeddings, embedDim]`. */
  readonly weight: Tensor;

  /**
   * @throws AttentionError `ERR_OPTION` for sizes that are no positive whole numbers, `ERR_SHAPE` for
   *   a weight that is no matrix, `ERR_DTYPE` for one that is not float32.
   */
  constructor(given: EmbeddingOptions) {
    const weight = keptTensor(given, "weight");
    const options = readOptions(given, weight === undefined ? sizeNames : weightNames);
    if ("weight" in options) {
      const { data, shape } = checkTable("weight", options.weight, "[numEmbeddings, embedDim]");
      [this.numEmbeddings, this.embedDim] = shape;
      this.weight = weight instanceof Tensor ? weight : new Tensor(data, shape);
    } else {
      this.numEmbeddings = checkSize("numEmbeddings", options.numEmbeddings);
      this.embedDim = checkSize("embedDim", options.embedDim);
      const data = new Random(options.seed).fillNormal(this.numEmbeddings * this.embedDim);
      this.weight = new Tensor(data, [this.numEmbeddings, this.embedDim]);
    }
  }

  /**
   * The rows of the ids: `[...]` becomes `[..., embedDim]`.
   *
   * @param ids Whole numbers from 0 to numEmbeddings - 1, `[...]`; integers may come as `BigInt64Array`.
   * @throws AttentionError `ERR_OPTION` for an id outside the table, naming it and where it stands;
   *   `ERR_DTYPE` and `ERR_SHAPE` for ids that are no such array or tensor.
   */
  forward(ids: IdsLike): Tensor {
    const { numEmbeddings, embedDim, weight } = this;
    return lookUpRows(
      ["ids", ids],
      ["weight", weight],
      [numEmbeddings, embedDim],
      (id, at) => `"ids" expected ids from 0 to ${numEmbeddings - 1}, got ${id} at position ${at}`,
    );
  }
}

const idTypes: readonly string[] = [
  "Int32Array",
  "Uint32Array",
  "BigInt64Array",
  "Uint8Array",
  "Int8Array",
  "Uint16Array",
  "Int16Array",
  "Float32Array",
  "Float64Array",
];

const sizeNames: ReadonlySet<string> = new Set(["numEmbeddings", "embedDim", "seed"]);
const weightNames: ReadonlySet<string> = new Set(["weight"]);

/** A table that is kept stays the caller's tensor: where an engine's memory grows, it moves along. */
export function keptTensor(options: object, name: string): unknown {
  try {
    return typeof options === "object" && options !== null && name in options
      ? (options as Record<string, unknown>)[name]
      : undefined;
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

/** Copies the rows that `ids` name out of a table of `columns` wide rows; `refuse` words the error. */
export function lookUpRows(
  [name, ids]: readonly [name: string, ids: IdsLike],
  [tableName, table]: readonly [name: string, table: Tensor],
  [rows, columns]: readonly [number, number],
  refuse: (id: string, at: string) => string,
): Tensor {
  const { list, shape } = readIds(name, ids);
  list.forEach((id, i) => {
    if (!Number.isInteger(id) || id < 0 || id >= rows)
      throw new AttentionError("ERR_OPTION", refuse(describe(id), where(i, shape)));
  });
  const source = readTable(tableName, table, rows * columns);
  const data = allocateFloats(list.length * columns, "a look-up");
  list.forEach((id, i) => {
    data.set(source.subarray(id * columns, (id + 1) * columns), i * columns);
  });
  return new Tensor(data, [...shape, columns]);
}

/** The table may have been kept for long: its buffer may have been transferred meanwhile. */
export function readTable(name: string, table: Tensor, size: number): Float32Array {
  const { data } = readTensor(name, table);
  if (data.length !== size) throw new AttentionError("ERR_SHAPE", `"${name}" has changed its size`);
  return data;
}

function readIds(name: string, ids: IdsLike): { list: number[]; shape: readonly number[] } {
  const isList = isArray(ids) || (ArrayBuffer.isView(ids) && idTypes.includes(arrayType(ids)));
  const { data, shape } = isList
    ? { data: ids, shape: undefined }
    : readTensor<TensorData>(name, ids, idTypes);
  const list = readNumbers(name, data);
  return { list, shape: shape ?? [list.length] };
}

/** Where the i-th element of a shape stands: `5`, or `[1, 5]` in a higher rank. */
function where(i: number, shape: readonly number[]): string {
  if (shape.length < 2) return String(i);
  const index: number[] = [];
  for (let axis = shape.length - 1, rest = i; axis >= 0; axis--) {
    index.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return `[${index.join(", ")}]`;
}

/** A float32 matrix with at least one column, as a table of rows. */
export function checkTable(
  name: string,
  table: TensorLike,
  letters: string,
): { data: Float32Array; shape: readonly [number, number] } {
  const { data, shape } = readTensor(name, table);
  if (shape.length !== 2 || shape[1] === 0)
    throw new AttentionError("ERR_SHAPE", `"${name}" expected shape ${letters}, got [${shape.join(", ")}]`);
  return { data, shape: [shape[0]!, shape[1]!] };
}

/** A size: a positive whole number. */
export function checkSize(name: string, value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1)
    throw new AttentionError(
      "ERR_OPTION",
      `"${name}" expected a positive whole number, got ${describe(value)}`,
    );
  return value as number;
}
