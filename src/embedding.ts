import { AttentionError } from "./errors.ts";
import { Random } from "./random.ts";
import { Tensor } from "./tensor.ts";
import {
  arrayType,
  checkTensor,
  describe,
  shapeOf,
  type TensorData,
  type TensorLike,
  type VectorLike,
} from "./tensor-like.ts";

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
  constructor(options: EmbeddingOptions) {
    if ("weight" in options) {
      const { data, shape } = checkTable("weight", options.weight, "[numEmbeddings, embedDim]");
      [this.numEmbeddings, this.embedDim] = shape;
      this.weight = new Tensor(data, shape);
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
    const { numEmbeddings } = this;
    return lookUpRows(
      "ids",
      ids,
      this.weight.data,
      this.embedDim,
      (id, at) => `"ids" expected ids from 0 to ${numEmbeddings - 1}, got ${id} at position ${at}`,
    );
  }
}

const idTypes = [
  "Int32Array",
  "Uint32Array",
  "BigInt64Array",
  "Uint8Array",
  "Int8Array",
  "Uint16Array",
  "Int16Array",
  "Float32Array",
  "Float64Array",
] as const;

/** Copies the rows that `ids` name out of a table of `columns` wide rows; `refuse` words the error. */
export function lookUpRows(
  name: string,
  ids: IdsLike,
  table: Float32Array,
  columns: number,
  refuse: (id: number | bigint, at: string) => string,
): Tensor {
  const { list, shape } = readIds(name, ids);
  const rows = table.length / columns;
  const data = new Float32Array(list.length * columns);
  for (let i = 0; i < list.length; i++) {
    const id = Number(list[i]);
    if (!Number.isInteger(id) || id < 0 || id >= rows)
      throw new AttentionError("ERR_OPTION", refuse(list[i]!, where(i, shape)));
    data.set(table.subarray(id * columns, (id + 1) * columns), i * columns);
  }
  return new Tensor(data, [...shape, columns]);
}

function readIds(name: string, ids: IdsLike): { list: ArrayLike<number | bigint>; shape: readonly number[] } {
  if (
    Array.isArray(ids) ||
    (ArrayBuffer.isView(ids) && (idTypes as readonly string[]).includes(arrayType(ids)))
  ) {
    const list = ids as ArrayLike<number | bigint>;
    return { list, shape: [list.length] };
  }
  checkTensor(name, ids, idTypes);
  const tensor = ids as TensorLike<TensorData>;
  return { list: tensor.data, shape: [...shapeOf(tensor)] };
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
  checkTensor(name, table);
  const shape = shapeOf(table);
  if (shape.length !== 2 || shape[1] === 0)
    throw new AttentionError("ERR_SHAPE", `"${name}" expected shape ${letters}, got [${shape.join(", ")}]`);
  return { data: table.data as Float32Array, shape: [shape[0]!, shape[1]!] };
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
