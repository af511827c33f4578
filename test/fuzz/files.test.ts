// Files from strangers: right ones with bytes, numbers or names changed. A reader gives the tensors that a file describes,
// or refuses it with an AttentionError; it does nothing else, whatever the bytes are.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AttentionError } from "wasm-attention";
import { readSafetensors, writeSafetensors } from "wasm-attention/safetensors";
import { CALLS, SEEDS } from "./run.ts";

const names = fc.constantFrom("a", "b.weight", "constructor", "é", "\u0000", "", "toJSON");
const shapes = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });
const right = fc.dictionary(names, shapes, { maxKeys: 4 }).map((tensors) =>
  writeSafetensors(
    Object.fromEntries(
      Object.entries(tensors).map(([name, shape]) => {
        const count = shape.reduce((product, n) => product * n, 1);
        return [name, { data: Float32Array.from({ length: count }, (_, i) => i), shape }];
      }),
    ),
  ),
);

/** What replaces a number of a header, or is put into it. */
const odd = fc.constantFrom(
  "-1",
  "1e3",
  "0.5",
  "9007199254740993",
  "1e400",
  "null",
  '"x"',
  "[]",
  "{}",
  "[[[[0]]]]",
  "",
);
const changes = fc.oneof(
  fc.record({ at: fc.nat(400), byte: fc.nat(255) }),
  fc.record({ cut: fc.nat(400) }),
  fc.record({ grow: fc.nat(20) }),
  fc.record({ number: fc.nat(12), by: odd }),
  fc.record({ length: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ repeat: fc.nat(4) }),
);
type Change = typeof changes extends fc.Arbitrary<infer T> ? T : never;

function changed(bytes: Uint8Array, change: Change): Uint8Array {
  if ("at" in change) return bytes.map((byte, i) => (i === change.at % bytes.length ? change.byte : byte));
  if ("cut" in change) return bytes.slice(0, bytes.length - (change.cut % (bytes.length + 1)));
  if ("grow" in change) return new Uint8Array([...bytes, ...new Uint8Array(change.grow)]);
  if ("length" in change) {
    const copy = bytes.slice();
    if (copy.length >= 8) new DataView(copy.buffer).setBigUint64(0, change.length, true);
    return copy;
  }
  return withHeader(bytes, (json) => {
    if ("repeat" in change)
      return json.replace(/^\{(.*)\}\s*$/s, (all, inner) => (inner ? `{${inner},${inner}}` : all));
    let n = 0;
    return json.replace(/\d+/g, (digits) => (n++ === change.number ? change.by : digits));
  });
}

/** The same file with another header, its length put right. */
function withHeader(bytes: Uint8Array, change: (json: string) => string): Uint8Array {
  if (bytes.length < 8) return bytes;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (8 + length > bytes.length) return bytes;
  const json = new TextEncoder().encode(change(new TextDecoder().decode(bytes.subarray(8, 8 + length))));
  const copy = new Uint8Array(8 + json.length + bytes.length - 8 - length);
  new DataView(copy.buffer).setBigUint64(0, BigInt(json.length), true);
  copy.set(json, 8);
  copy.set(bytes.subarray(8 + length), 8 + json.length);
  return copy;
}

describe.each(SEEDS)("seed %i", (seed) => {
  it("reads or refuses", { timeout: 560_000 }, () => {
    fc.assert(
      fc.property(right, fc.array(changes, { maxLength: 3 }), (bytes, all) => {
        const file = all.reduce(changed, bytes);
        const before = file.slice();
        try {
          const { tensors } = readSafetensors(file);
          let size = 0;
          for (const { data, shape } of Object.values(tensors)) {
            expect(data.length).toBe(shape.reduce((product, n) => product * n, 1));
            size += data.byteLength;
          }
          // Nothing is made up: there are no more bytes of numbers than the file has.
          expect(size).toBeLessThanOrEqual(2 * file.length);
        } catch (error) {
          if (!(error instanceof AttentionError)) throw error;
          expect(error.message.length).toBeLessThan(1000);
          if (all.length === 0) throw error;
        }
        expect(file).toEqual(before);
      }),
      { numRuns: Math.round((0.1 * CALLS) / SEEDS.length), seed, endOnFailure: true },
    );
  });
});
