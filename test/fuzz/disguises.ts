/** The same tensor, or the same options, in another guise: the call must not notice. */
import { runInNewContext } from "node:vm";
import type { TensorLike } from "wasm-attention";
import type { World } from "./attempt.ts";

type Any = TensorLike<Float32Array> | TensorLike<Uint8Array>;
type Disguise = (x: { data: Float32Array | Uint8Array; shape: readonly number[] }, world: World) => unknown;

const context: {
  Float32Array: Float32ArrayConstructor;
  Uint8Array: Uint8ArrayConstructor;
  Array: ArrayConstructor;
} = runInNewContext("({ Float32Array, Uint8Array, Array })");

class Own32 extends Float32Array {
  override subarray(): never {
    throw new RangeError("nobody calls this");
  }
}

/** Gives what is right once, then what is wrong. */
function once(right: unknown, ...wrong: unknown[]): () => unknown {
  let reads = 0;
  return () => (reads++ === 0 ? right : wrong[(reads - 2) % wrong.length]);
}

const disguises: Record<string, Disguise> = {
  dims: ({ data, shape }) => ({ data, dims: shape }),
  frozen: ({ data, shape }) => Object.freeze({ data, shape: Object.freeze([...shape]) }),
  "without prototype": ({ data, shape }) => Object.assign(Object.create(null), { data, shape }),
  "typed sizes": ({ data, shape }) => ({ data, shape: Int32Array.from(shape) }),
  proxy: (x) => new Proxy(x, {}),
  "proxied sizes": ({ data, shape }) => ({ data, shape: new Proxy([...shape], {}) }),
  "getters that change": ({ data, shape }) =>
    Object.defineProperties(
      {},
      {
        data: { get: once(data, null, new Float32Array(1), new Float32Array(2 ** 12)) },
        shape: { get: once(shape, [2 ** 20], [], null) },
      },
    ),
  "sizes that change": ({ data, shape }) => {
    const sizes: number[] = [];
    shape.forEach((size, d) => {
      Object.defineProperty(sizes, d, { get: once(size, size + 1, 2 ** 31) as () => number });
    });
    return { data, shape: sizes };
  },
  shared: ({ data, shape }, { ledger }) => ({ data: ledger.place(data, "SharedArrayBuffer"), shape }),
  growable: ({ data, shape }, { ledger }) => ({ data: ledger.place(data, "growable"), shape }),
  resizable: ({ data, shape }, { ledger }) => ({ data: ledger.place(data, "resizable"), shape }),
  "of another context": ({ data, shape }, { ledger }) => {
    const placed = ledger.place(data);
    const type = placed.BYTES_PER_ELEMENT === 1 ? context.Uint8Array : context.Float32Array;
    const view = new type(placed.buffer as ArrayBuffer, placed.byteOffset, placed.length);
    return { data: view, shape: context.Array.from(shape) };
  },
  subclass: ({ data, shape }) =>
    data.BYTES_PER_ELEMENT === 1
      ? { data, shape }
      : { data: new Own32(data.buffer as ArrayBuffer, data.byteOffset, data.length), shape },
  "in the engine": (x, { engine, cleanUp }) => inEngine(x, engine, cleanUp),
  "in another engine": (x, { engines, draws, cleanUp }) => inEngine(x, draws.pick(engines), cleanUp),
};

function inEngine(
  { data, shape }: { data: Float32Array | Uint8Array; shape: readonly number[] },
  engine: World["engine"],
  cleanUp: World["cleanUp"],
): unknown {
  if (data.BYTES_PER_ELEMENT === 1) return { data, shape };
  const moved = engine.tensor(shape);
  moved.data.set(data);
  cleanUp.push(() => moved.dispose());
  return moved;
}

const kinds = Object.keys(disguises);

export function disguised(x: Any, world: World): { value: unknown; how: string } {
  const how = world.draws.pick(kinds);
  const { data } = x;
  const shape = "shape" in x ? x.shape : x.dims;
  return { value: disguises[how]!({ data, shape }, world), how };
}

const bags: Record<string, (options: Record<string, unknown>) => unknown> = {
  frozen: (options) => Object.freeze({ ...options }),
  "without prototype": (options) => Object.assign(Object.create(null), options),
  proxy: (options) => new Proxy(options, {}),
  "getters that change": (options) => {
    const bag = {};
    for (const [name, value] of Object.entries(options))
      Object.defineProperty(bag, name, {
        enumerable: true,
        // Which engine it is, is asked twice: by the function, and by the engine. So is all that comes with `out`, by
        // which a call that was made before is found again.
        get: name === "engine" || "out" in options ? () => value : once(value, Symbol("late"), Number.NaN),
      });
    return bag;
  },
  inherited: (options) => Object.create(options),
  "getters of a class": (options) => {
    const prototype = {};
    for (const [name, value] of Object.entries(options))
      Object.defineProperty(prototype, name, { get: () => value });
    return Object.create(prototype);
  },
};

export function disguisedOptions(
  options: Record<string, unknown>,
  world: World,
): { value: unknown; how: string } {
  const how = world.draws.pick(Object.keys(bags));
  return { value: bags[how]!(options), how };
}
