/** What makes a right argument wrong: the call must be refused. */
import type { TensorLike } from "wasm-attention";
import type { World } from "./attempt.ts";

type Plain = { data: Float32Array | Uint8Array; shape: readonly number[] };
type Damage = (x: Plain, world: World) => unknown;

const boom = () => {
  throw new RangeError("boom");
};

function revoked(x: object): object {
  const { proxy, revoke } = Proxy.revocable(x, {});
  revoke();
  return proxy;
}

/** A copy whose buffer is gone. */
function detached({ data, shape }: Plain): unknown {
  const copy = data.slice();
  structuredClone(copy, { transfer: [copy.buffer as ArrayBuffer] });
  return { data: copy, shape };
}

/** A view of a buffer that has shrunk since. */
function shrunk({ data, shape }: Plain): unknown {
  const bytes = data.byteLength;
  const buffer = new (ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer)(bytes, {
    maxByteLength: bytes,
  });
  const type = data.BYTES_PER_ELEMENT === 1 ? Uint8Array : Float32Array;
  const view = new type(buffer, 0, data.length);
  (buffer as unknown as { resize(n: number): void }).resize(Math.max(0, bytes - data.BYTES_PER_ELEMENT));
  return { data: view, shape };
}

const always: Record<string, Damage> = {
  null: () => null,
  "a number": () => 5,
  "a text": () => "tensor",
  "a function": () => boom,
  "a symbol": () => Symbol("x"),
  "a bigint": () => 10n,
  "an object": () => ({}),
  "an array": ({ data }) => Array.from(data),
  "a typed array": ({ data }) => data,
  "a view of bytes": ({ data }) => new DataView(data.buffer as ArrayBuffer),
  "data of doubles": ({ data, shape }) => ({ data: Float64Array.from(data), shape }),
  "data in an array": ({ data, shape }) => ({ data: Array.from(data), shape }),
  "data behind a proxy": ({ data, shape }) => ({ data: new Proxy(data, {}), shape }),
  "no data": ({ shape }) => ({ data: undefined, shape }),
  "no sizes": ({ data }) => ({ data }),
  "sizes in a text": ({ data, shape }) => ({ data, shape: shape.join() }),
  "sizes in a DataView": ({ data }) => ({ data, shape: new DataView(new ArrayBuffer(8)) }),
  "one size more": ({ data, shape }) => ({ data, shape: [...shape, 2 ** 32] }),
  "a negative size": ({ data, shape }) => ({ data, shape: [...shape, -1] }),
  "negative sizes": ({ data, shape }) => ({ data, shape: [-1, -1, ...shape] }),
  "a fraction": ({ data, shape }) => ({ data, shape: [...shape, 1.5] }),
  "not a number": ({ data, shape }) => ({ data, shape: [...shape, Number.NaN] }),
  "a symbol for a size": ({ data, shape }) => ({ data, shape: [...shape, Symbol("size")] }),
  "an object for a size": ({ data, shape }) => ({ data, shape: [...shape, Object.create(null)] }),
  "a hole among the sizes": ({ data, shape }) => ({ data, shape: Object.assign([...shape], { length: 5 }) }),
  "nothing but holes": ({ data }) => ({ data, shape: new Array(2 ** 32 - 1) }),
  "a product of 2^64": ({ data, shape }) => ({ data, shape: [2 ** 32, 2 ** 32, ...shape.slice(2)] }),
  "a product that is no number": ({ data }) => ({ data, shape: [1e200, 1e200, 0] }),
  "65 dimensions": ({ data, shape }) => ({ data, shape: [...shape, ...new Array<number>(65).fill(1)] }),
  "one element too many": ({ data, shape }) => ({
    data: Object.assign(new (data.constructor as Float32ArrayConstructor)(data.length + 1)),
    shape,
  }),
  detached,
  "a getter that throws": ({ shape }) => Object.defineProperty({ shape }, "data", { get: boom }),
  "sizes that throw": ({ data }) => Object.defineProperty({ data }, "shape", { get: boom }),
  "one size that throws": ({ data, shape }) => ({
    data,
    shape: Object.defineProperty([...shape], 0, { get: boom }),
  }),
  "a revoked proxy": (x) => revoked(x),
  "a proxy that throws": (x) => new Proxy(x, { has: boom, get: boom }),
  "revoked sizes": ({ data }) => ({ data, shape: revoked([]) }),
  "a proxy for ever": ({ data }) => ({
    data,
    shape: new Proxy([], { get: (_, name) => (name === "length" ? Infinity : 0) }),
  }),
  "a lie about the length": ({ data, shape }) =>
    data.length === 0
      ? null
      : {
          data: Object.defineProperty(new Float32Array(1), "length", { value: data.length + 1 }),
          shape: [data.length + 1, ...shape.filter(() => false)],
        },
  "disposed memory": ({ shape }, { engine }) => {
    const gone = engine.tensor(shape);
    gone.dispose();
    return gone;
  },
};

const withElements: Record<string, Damage> = { shrunk };

const withSizes: Record<string, Damage> = {
  "a size in a text": ({ data, shape }) => ({ data, shape: shape.map(String) }),
};

/** Wrong in a way that no call takes. */
export function damaged(x: TensorLike<Float32Array> | TensorLike<Uint8Array>, world: World) {
  const { data } = x;
  const shape = "shape" in x ? x.shape : x.dims;
  const kinds = { ...always, ...(data.length > 0 && withElements), ...(shape.length > 0 && withSizes) };
  const how = world.draws.pick(Object.keys(kinds));
  return { value: kinds[how]!({ data, shape }, world), how };
}

/** What stands for an option now and then; whether it is right, the reference says. */
const odd: readonly (() => unknown)[] = [
  () => null,
  () => Number.NaN,
  () => Infinity,
  () => -Infinity,
  () => -1,
  () => 0,
  () => 1,
  () => 0.5,
  () => 2,
  () => 2 ** 31,
  () => 2 ** 53,
  () => 1e300,
  () => 10n,
  () => true,
  () => false,
  () => "",
  () => "1",
  () => "x".repeat(1e5),
  () => Symbol("s"),
  () => boom,
  () => ({}),
  () => Object.create(null),
  () => [],
  () => [1],
  () => [0, 0],
  () => [1, 1],
  () => new Array(2),
  () => new Array(2 ** 32 - 1),
  () => ["1", null],
  () => [Symbol("s"), {}],
  () => new Int32Array(2),
  () => BigInt64Array.of(2n ** 62n, 1n),
  () => new DataView(new ArrayBuffer(8)),
  () => ({ data: new Float32Array(2), shape: [2] }),
  () => ({ data: new Float32Array(0), shape: [0, 2 ** 30] }),
  () => new Proxy([1, 1], {}),
  () => new Proxy([1], { get: boom }),
  () => revoked([]),
  () => new Map(),
  () => ({ toString: boom, valueOf: boom }),
];

export function oddValue({ draws }: World): unknown {
  return draws.pick(odd)();
}

/** Options that no call takes. */
export const wrongBags: readonly (() => unknown)[] = [
  () => null,
  () => 5,
  () => "causal",
  () => Symbol("options"),
  () => boom,
  () => ({ misspelt: 1 }),
  () => ({ constructor: 1 }),
  () => JSON.parse('{ "__proto__": 1 }'),
  () => Object.defineProperty({}, "engine", { enumerable: true, get: boom }),
  () => revoked({}),
  () => new Proxy({}, { ownKeys: boom }),
  () => ({ signal: 5 }),
  () => ({ signal: { throwIfAborted: () => {} } }),
  () => ({ engine: {} }),
];
