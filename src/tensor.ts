/// <reference lib="esnext.disposable" preserve="true" />
import { allocateFloats } from "./allocate.ts";
import { describe } from "./describe.ts";
import { AttentionError } from "./errors.ts";
import { readTensor, sizeOf, type TensorData, unreadable } from "./tensor-like.ts";
import { isArray } from "./typed-array.ts";

/**
 * Row-major data with its sizes. `data` is always a valid view: read it anew each time rather than keeping it, as the
 * data of an engine's tensor moves with the engine's memory.
 */
export class Tensor<D extends TensorData = Float32Array> {
  readonly shape: readonly number[];
  readonly #data: D;

  static {
    const show = { value: inspect, configurable: true, writable: true };
    Object.defineProperty(Tensor.prototype, Symbol.for("nodejs.util.inspect.custom"), show);
  }

  constructor(data: D, shape: readonly number[]) {
    this.#data = data;
    this.shape = shape;
  }

  /** The elements, last dimension contiguous. */
  get data(): D {
    return this.#data;
  }

  /** What `JSON.stringify` writes: sizes, and the elements as numbers, where a typed array would become an object. */
  toJSON(): { shape: readonly number[]; data: readonly (number | string)[] } {
    const elements = Array.from<number | bigint>(this.data as ArrayLike<number | bigint>);
    return { shape: this.shape, data: elements.map((x) => (typeof x === "bigint" ? `${x}` : x)) };
  }

  /** Gives the memory of an engine's tensor back; without effect on others. Twice is fine. */
  dispose(): void {}

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Node's `console.log` shows a tensor's elements: they lie behind a getter, which it would not ask. */
function inspect(this: Tensor<TensorData>, _depth: number, options: unknown, show: Show): string {
  const { shape } = this;
  return `Tensor ${show({ shape, data: readable(this) }, options)}`;
}
type Show = (value: unknown, options: unknown) => string;

/** The elements, or why there are none. */
function readable(tensor: Tensor<TensorData>): unknown {
  try {
    return tensor.data;
  } catch (error) {
    return error;
  }
}

/**
 * Makes a tensor of data and sizes. The data is not copied; an array of numbers becomes a `Float32Array`.
 *
 * @param data as many elements as the shape says
 * @throws AttentionError `ERR_SHAPE` where sizes and data disagree, `ERR_DTYPE` for data of another kind
 *
 * @example
 * ```ts
 * import { tensor } from "wasm-attention";
 * const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
 * console.log(x.shape, x.data[5]); // [ 2, 3 ] 6
 * ```
 */
export function tensor(data: readonly number[], shape: readonly number[]): Tensor;
export function tensor<D extends TensorData>(data: D, shape: readonly number[]): Tensor<D>;
export function tensor(data: TensorData | readonly number[], shape: readonly number[]): Tensor<TensorData> {
  const elements = (isArray(data) ? floatsOf(data) : data) as TensorData;
  const read = readTensor<TensorData>("data", { data: elements, shape }, dataTypes);
  return new Tensor(elements, read.shape);
}

function floatsOf(list: readonly unknown[]): Float32Array {
  const numbers: number[] = [];
  try {
    const { length } = list;
    for (let i = 0; i < length; i++) {
      const n = list[i];
      if (typeof n !== "number")
        throw new AttentionError("ERR_DTYPE", `"data" expected numbers, got ${describe(n)} in place ${i}`);
      numbers.push(n);
    }
  } catch (cause) {
    throw unreadable("data", cause);
  }
  return Float32Array.from(numbers);
}

/** A tensor of zeros, for a result. */
export function zeros(shape: readonly number[], purpose: string = "a result"): Tensor {
  return new Tensor(allocateFloats(sizeOf(shape), purpose, shape), shape);
}

const dataTypes = [
  "Float32Array",
  "Float64Array",
  "Uint8Array",
  "Int8Array",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "BigInt64Array",
  "BigUint64Array",
] as const;

/** Refuses the shape of an argument that must fit others. */
export function shapeError(name: string, expected: string, shape: readonly number[]): AttentionError {
  return new AttentionError("ERR_SHAPE", `"${name}" expected ${expected}, got [${shape.join(", ")}]`);
}
