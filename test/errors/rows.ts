/**
 * Wrong calls as rows: the tests make them, and docs/errors.md shows them. What every tensor can have wrong is one list of
 * its own, which the tests try in the place of every tensor.
 */
import { type AttentionError, createEngine, type Engine } from "wasm-attention";
import { type FloatTensor, sizeOf } from "../support/random-tensors.ts";

export type Code = AttentionError["code"];
export type Args = readonly unknown[];

/** What is wrong, the arguments (the last one are the options, where there are any), the code, the text. */
export type Wrong = readonly [what: string, args: Args, code: Code, message: string];

/** Wrong calls of one function. */
export interface Group {
  readonly title: string;
  /** What the page says before the table. */
  readonly note?: string;
  readonly rows: readonly Wrong[];
  /** The tensors of the call, in whose places all that is no tensor is tried. */
  readonly tensors?: readonly Wrong[];
  /** The shape of `out`, which a right call would write. */
  readonly out?: readonly number[];
  readonly sync: (args: Args, engine: Engine) => unknown;
  readonly async?: (args: Args, engine: Engine) => Promise<unknown>;
}

export const f32 = (...shape: number[]): FloatTensor => ({ data: new Float32Array(sizeOf(shape)), shape });
export const u8 = (...shape: number[]) => ({ data: new Uint8Array(sizeOf(shape)), shape });
export const f64 = (...shape: number[]) => ({ data: new Float64Array(sizeOf(shape)), shape });

/** Memory that inputs and `out` share. */
export const shared: Float32Array = new Float32Array(400);

export function boom(): never {
  throw new RangeError("boom");
}

export function detached(...shape: number[]): FloatTensor {
  const x = f32(...shape);
  structuredClone(x.data, { transfer: [x.data.buffer as ArrayBuffer] });
  return x;
}

function shrunk() {
  const options = { maxByteLength: 4 };
  const buffer = new (ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer)(4, options);
  const data = new Float32Array(buffer, 0, 1);
  (buffer as unknown as { resize(n: number): void }).resize(0);
  return { data, shape: [1] };
}

function disposed() {
  const engine = createEngine({ threads: 0 });
  const gone = engine.tensor([1]);
  gone.dispose();
  return gone;
}

function showShape(shape: unknown): string {
  return Array.isArray(shape) && shape.length > 9 ? `of ${shape.length} sizes` : String(shape);
}

/** Everything that is no tensor, as the argument of that name; `put` places it. */
export function noTensors(name: string, put: (x: unknown) => Args): Wrong[] {
  const nothing: [unknown, string][] = [
    [null, "null"],
    [5, "5"],
    ["text", '"text"'],
    [{}, "an object"],
    [{ shape: [1] }, "an object"],
    [new Float32Array(2), "a Float32Array; tensor(data, shape) makes one"],
    [() => 1, "a function"],
    [Symbol("x"), "a symbol"],
    [10n, "10n"],
    [[1, 2], "an Array; tensor(data, shape) makes one"],
    [new Map(), "an object"],
  ];
  const data: [unknown, string][] = [
    [[1], "Array"],
    [new Float64Array(1), "Float64Array"],
    [new Uint8Array(1), "Uint8Array"],
    [new DataView(new ArrayBuffer(4)), "DataView"],
    [undefined, "undefined"],
    [new Proxy(new Float32Array(1), {}), "object"],
    [new Float32Array(1).buffer, "object"],
  ];
  const shapes: [unknown, Code, string][] = [
    [undefined, "ERR_DTYPE", `"${name}" expected a shape that is an array, got undefined`],
    [1, "ERR_DTYPE", `"${name}" expected a shape that is an array, got 1`],
    [[2, -1], "ERR_SHAPE", `"${name}" expected sizes that are whole numbers, got [2, -1]`],
    [[1.5], "ERR_SHAPE", `"${name}" expected sizes that are whole numbers, got [1.5]`],
    [[2, 3], "ERR_SHAPE", `"${name}" of shape [2, 3] expected 6 elements, got 1`],
    [[0], "ERR_SHAPE", `"${name}" of shape [0] expected 0 elements, got 1`],
    [["1"], "ERR_SHAPE", `"${name}" expected sizes that are whole numbers, got ["1"]`],
    [[Number.NaN], "ERR_SHAPE", `"${name}" expected sizes that are whole numbers, got [NaN]`],
    [
      new Array(2),
      "ERR_SHAPE",
      `"${name}" expected sizes that are whole numbers, got [undefined, undefined]`,
    ],
    [
      [2 ** 32, 2 ** 32],
      "ERR_SHAPE",
      `"${name}" of shape [4294967296, 4294967296] expected 18446744073709552000 elements, got 1`,
    ],
    [new Array(65).fill(1), "ERR_SHAPE", `"${name}" expected at most 64 dimensions, got 65`],
    [
      new DataView(new ArrayBuffer(8)),
      "ERR_DTYPE",
      `"${name}" expected a shape that is an array, got a DataView`,
    ],
  ];
  return [
    ...nothing.map(([x, got]): Wrong => {
      const message = `"${name}" expected a tensor { data, shape }, got ${got}`;
      return [`${name}: ${got}`, put(x), "ERR_DTYPE", message];
    }),
    ...data.map(([x, got]): Wrong => {
      const message = `"${name}" expected data of type Float32Array, got ${got}`;
      return [`${name}: data of ${got}`, put({ data: x, shape: [1] }), "ERR_DTYPE", message];
    }),
    ...shapes.map(([shape, code, message]): Wrong => {
      return [`${name}: shape ${showShape(shape)}`, put({ data: new Float32Array(1), shape }), code, message];
    }),
    [
      `${name}: no sizes at all`,
      put({ data: new Float32Array(1) }),
      "ERR_DTYPE",
      `"${name}" expected a shape that is an array, got undefined`,
    ],
    [
      `${name}: a detached buffer`,
      put(detached(2, 3)),
      "ERR_DISPOSED",
      `"${name}" is backed by a detached buffer`,
    ],
    [
      `${name}: a buffer that has shrunk`,
      put(shrunk()),
      "ERR_DISPOSED",
      `"${name}" is backed by a buffer that has shrunk`,
    ],
    [
      `${name}: a length that is a lie`,
      put({ data: Object.defineProperty(new Float32Array(1), "length", { value: 6 }), shape: [6] }),
      "ERR_SHAPE",
      `"${name}" of shape [6] expected 6 elements, got 1`,
    ],
    [
      `${name}: a getter that throws`,
      put(Object.defineProperty({ shape: [1] }, "data", { get: boom })),
      "ERR_DTYPE",
      `"${name}" cannot be read: boom`,
    ],
    [
      `${name}: sizes that throw`,
      put({ data: new Float32Array(1), shape: Object.defineProperty([1], 0, { get: boom }) }),
      "ERR_DTYPE",
      `"${name}" cannot be read: boom`,
    ],
    [`${name}: a disposed tensor`, put(disposed()), "ERR_DISPOSED", `"${name}": this tensor is disposed`],
  ];
}
