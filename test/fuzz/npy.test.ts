// NumPy's files from strangers: right ones with bytes, sizes and words of their headers changed. The reader gives the array
// that a file describes, which can be written again, or refuses it with an AttentionError, whatever the bytes are.

import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { AttentionError, createEngine, type TensorLike } from "wasm-attention";
import { readNpy, writeNpy } from "wasm-attention/npy";
import type { World } from "./attempt.ts";
import { damaged } from "./damages.ts";
import { Draws } from "./draws.ts";
import { CALLS, SEEDS } from "./run.ts";

const arrays = [
  ...[Float32Array, Float64Array, Uint8Array, Int8Array, Int16Array, Uint16Array],
  ...[Int32Array, Uint32Array, BigInt64Array, BigUint64Array],
] as const;
type Numbers = InstanceType<(typeof arrays)[number]>;

/** A typed array of any kind, its numbers in order. */
const right = fc
  .tuple(fc.constantFrom(...arrays), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }))
  .map(([type, shape]) => {
    const count = shape.reduce((product, n) => product * n, 1);
    const isBig = type === BigInt64Array || type === BigUint64Array;
    const data = (type as Int8ArrayConstructor).from(
      { length: count },
      (_, i: number) => (isBig ? BigInt(i) : i) as number,
    );
    return { data: data as unknown as Float32Array, shape };
  });

/** What replaces a number, or a word, of a header. */
const odd = fc.constantFrom(
  ...["-1", "0", "1", "0.5", "1e3", "9007199254740993", "9".repeat(400), "(2)", "", "1, 1", "L", "None"],
  ...["True", "'<f4'", "'>i2'", "'|O'", "'<U5'", "[('a', '<f4')]", "'<f16'", '"|b1"', "{", "}", "\\x00", "é"],
  `${"1, ".repeat(70)}`,
  " ".repeat(3000),
);
const changes = fc.oneof(
  fc.record({ at: fc.nat(200), byte: fc.nat(255) }),
  fc.record({ cut: fc.nat(200) }),
  fc.record({ grow: fc.nat(20) }),
  fc.record({ word: fc.nat(7), by: odd }),
  fc.record({ version: fc.constantFrom(0, 1, 2, 3, 4, 255) }),
  fc.record({ length: fc.nat(2 ** 16 - 1) }),
  fc.record({ order: fc.constantFrom(">", "=", "|", "@") }),
);
type Change = typeof changes extends fc.Arbitrary<infer T> ? T : never;

function changed(bytes: Uint8Array, change: Change): Uint8Array {
  if ("at" in change) return bytes.map((byte, i) => (i === change.at % bytes.length ? change.byte : byte));
  if ("cut" in change) return bytes.slice(0, bytes.length - (change.cut % (bytes.length + 1)));
  if ("grow" in change) return new Uint8Array([...bytes, ...new Uint8Array(change.grow)]);
  if (bytes.length < 10) return bytes;
  const copy = bytes.slice();
  if ("version" in change) return copy.fill(change.version, 6, 7);
  if ("length" in change) {
    new DataView(copy.buffer).setUint16(8, change.length, true);
    return copy;
  }
  return withHeader(bytes, (text) => {
    if ("order" in change) return text.replace(/'[<|]/, `'${change.order}`);
    let n = 0;
    return text.replace(/'[^']*'|\w+|[(){}]/g, (word) => (n++ === change.word ? change.by : word));
  });
}

/** The same file with another header, its length put right. */
function withHeader(bytes: Uint8Array, change: (text: string) => string): Uint8Array {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  const end = Math.min(bytes.length, 10 + length);
  const header = Buffer.from(change(Buffer.from(bytes.subarray(10, end)).toString("latin1")), "latin1");
  const copy = new Uint8Array([...bytes.subarray(0, 10), ...header, ...bytes.subarray(end)]);
  new DataView(copy.buffer).setUint16(8, Math.min(header.length, 2 ** 16 - 1), true);
  return copy;
}

/** What a call gives; nothing where it is refused. */
function resultOf<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof AttentionError)) throw error;
    expect(error.message.length, error.message).toBeLessThan(1000);
    return undefined;
  }
}

const listed = (data: ArrayLike<unknown>) => Array.from(data);

const engine = createEngine({ threads: 0 });
afterAll(() => engine.dispose());

describe.each(SEEDS)("seed %i", (seed) => {
  const how = { numRuns: Math.round((0.04 * CALLS) / SEEDS.length), seed, endOnFailure: true };

  it("reads or refuses", { timeout: 560_000 }, () => {
    fc.assert(
      fc.property(right, fc.array(changes, { maxLength: 3 }), (array, all) => {
        const file = all.reduce(changed, writeNpy(array));
        const before = file.slice();
        const read = resultOf(() => readNpy(file));
        expect(file).toEqual(before);
        if (all.length === 0) expect(read).toMatchObject({ data: array.data, shape: array.shape });
        if (read === undefined) return;
        expect(read.data.length).toBe(read.shape.reduce((product, n) => product * n, 1));
        const again = readNpy(writeNpy(read as never));
        expect(again.shape).toEqual(read.shape);
        expect(listed(again.data)).toEqual(listed(read.data));
      }),
      how,
    );
  });

  it("writes or refuses", { timeout: 560_000 }, () => {
    fc.assert(
      fc.property(right, fc.gen(), ({ data, shape }, g) => {
        const world = { draws: new Draws(g), engine } as World;
        const { value, how } = damaged({ data: Float32Array.from(data, Number), shape } as TensorLike, world);
        const bytes = resultOf(() => writeNpy(value as never));
        if (bytes === undefined) return;
        expect(["data of doubles"], "not refused").toContain(how);
        expect(listed(readNpy(bytes).data)).toEqual(listed((value as { data: Numbers }).data));
      }),
      how,
    );
  });
});
