import { describe, expect, test } from "vitest";
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from "../../src/safetensors/index.ts";
import type { TensorData } from "../../src/tensor-like.ts";
import { generator } from "../support/random-tensors.ts";

/**
 * Written by safetensors.torch.save (safetensors 0.8, PyTorch 2.13): every element type read here that
 * PyTorch has, with infinities, NaN, subnormals, -0, a scalar, and a tensor without elements.
 */
const fromPyTorch = Buffer.from(
  "AAIAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJsb25nIjp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZz" +
    "ZXRzIjpbMCwxNl19LCJmbG9hdCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwyXSwiZGF0YV9vZmZzZXRzIjpbMTYsMzJdfSwibm90aGluZyI6" +
    "eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMCwzXSwiZGF0YV9vZmZzZXRzIjpbMzIsMzJdfSwiaW50Ijp7ImR0eXBlIjoiSTMyIiwic2hhcGUiOltd" +
    "LCJkYXRhX29mZnNldHMiOlszMiwzNl19LCJicmFpbiI6eyJkdHlwZSI6IkJGMTYiLCJzaGFwZSI6WzVdLCJkYXRhX29mZnNldHMiOlszNiw0Nl19" +
    "LCJoYWxmIjp7ImR0eXBlIjoiRjE2Iiwic2hhcGUiOls4XSwiZGF0YV9vZmZzZXRzIjpbNDYsNjJdfSwiYnl0ZXMiOnsiZHR5cGUiOiJVOCIsInNo" +
    "YXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzYyLDY0XX0sImZsYWdzIjp7ImR0eXBlIjoiQk9PTCIsInNoYXBlIjpbMSwzXSwiZGF0YV9vZmZzZXRz" +
    "IjpbNjQsNjddfX0gICAgIP//////////AQAAAAAAIAAAAMA/AAAQwAAAgH/IqiAABwAAAIA/qr5/fwEAwH8APFW1/3sBAACEAPwAfgCAAP8BAAE=",
  "base64",
);

/** A file of this header and this much data. */
function file(header: unknown, dataBytes: number, headerLength?: number): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength ?? json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const f32 = (shape: number[], begin: number, end: number) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

describe("readSafetensors", () => {
  test("reads what PyTorch wrote", () => {
    const { tensors, metadata } = readSafetensors(fromPyTorch);
    expect(metadata).toEqual({ format: "pt" });
    const values = (name: string) => [...(tensors[name]!.data as Float32Array)];
    expect(tensors.float).toEqual({ data: Float32Array.of(1.5, -2.25, Infinity, 3e-39), shape: [2, 2] });
    expect(values("half")).toEqual([
      1,
      -0.333251953125,
      65504,
      2 ** -24,
      -(2 ** -14),
      -Infinity,
      Number.NaN,
      -0,
    ]);
    expect(values("brain")).toEqual([1, -0.33203125, 2 ** 128 - 2 ** 120, 2 ** -133, Number.NaN]);
    expect(tensors.half!.data).toBeInstanceOf(Float32Array);
    expect(tensors.long).toEqual({ data: BigInt64Array.of(-1n, 2n ** 53n + 1n), shape: [2] });
    expect(tensors.int).toEqual({ data: Int32Array.of(7), shape: [] });
    expect(tensors.bytes).toEqual({ data: Uint8Array.of(0, 255), shape: [2] });
    expect(tensors.flags).toEqual({ data: Uint8Array.of(1, 0, 1), shape: [1, 3] });
    expect(tensors.nothing).toEqual({ data: new Float32Array(0), shape: [0, 3] });
  });

  test("gives each tensor a buffer of its own", () => {
    for (const { data } of Object.values(readSafetensors(fromPyTorch).tensors))
      expect(data.buffer.byteLength).toBe(data.byteLength);
  });

  test("widens every half exactly", () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const bytes = writeSafetensors({ x: { data: halves, shape: [65536] } });
    const text = Buffer.from(bytes.buffer, 8, 64);
    text.write(text.toString("latin1").replace(`"U16"`, `"F16"`), "latin1");
    const { data } = readSafetensors(bytes).tensors.x!;
    for (const half of halves) {
      const exponent = (half >> 10) & 31;
      const fraction = half & 1023;
      const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
      const magnitude = exponent < 31 ? size : fraction === 0 ? Infinity : Number.NaN;
      if (!Object.is(data[half], half >> 15 ? -magnitude : magnitude))
        expect.soft(data[half], `half ${half}`).toBe(half >> 15 ? -magnitude : magnitude);
    }
  });

  test("reads a header without the tensors", () => {
    const { entries } = readSafetensorsHeader(fromPyTorch.subarray(0, 520), fromPyTorch.length);
    expect(entries.map((entry) => entry.name)).toEqual([
      "long",
      "float",
      "nothing",
      "int",
      "brain",
      "half",
      "bytes",
      "flags",
    ]);
    expect(entries[1]).toEqual({ name: "float", dtype: "F32", shape: [2, 2], begin: 536, end: 552 });
  });

  test("takes names that objects have", () => {
    const { tensors } = readSafetensors(file({ constructor: f32([1], 0, 4) }, 4));
    expect(Object.keys(tensors)).toEqual(["constructor"]);
    expect(readSafetensors(file("{}", 0)).tensors.constructor).toBeUndefined();
  });

  test("takes strings that look like the header's own parts", () => {
    const name = 'a":{"b\\"}[';
    const written = writeSafetensors({ [name]: { data: Float32Array.of(1), shape: [1] } }, { '{"x': '":[' });
    expect(readSafetensors(written)).toMatchObject({ metadata: { '{"x': '":[' } });
    expect(readSafetensors(written).tensors[name]!.data).toEqual(Float32Array.of(1));
  });

  test("widens every float of 8 bits exactly", () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    const bytes = file(
      {
        e4m3: { dtype: "F8_E4M3", shape: [256], data_offsets: [0, 256] },
        e5m2: { dtype: "F8_E5M2", shape: [256], data_offsets: [256, 512] },
      },
      512,
    );
    bytes.set(all, bytes.length - 512);
    bytes.set(all, bytes.length - 256);
    const { e4m3, e5m2 } = readSafetensors(bytes).tensors;
    for (const bits of all) {
      const sign = bits >> 7 ? -1 : 1;
      const four = { exponent: (bits >> 3) & 15, fraction: (bits & 7) / 8 };
      const five = { exponent: (bits >> 2) & 31, fraction: (bits & 3) / 4 };
      const value = ({ exponent, fraction }: typeof four, bias: number) =>
        sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
      expect(e4m3!.data[bits]).toBe((bits & 127) === 127 ? Number.NaN : value(four, 7));
      const special = five.fraction === 0 ? sign * Infinity : Number.NaN;
      expect(e5m2!.data[bits]).toBe(five.exponent === 31 ? special : value(five, 15));
    }
  });
});

describe("readSafetensors refuses", () => {
  test.each<[string, Uint8Array, string, string]>([
    [
      "an empty file",
      new Uint8Array(0),
      "ERR_OPTION",
      "the safetensors file has 0 bytes, too few for a header",
    ],
    [
      "a header longer than the file",
      file("{}", 0, 1000),
      "ERR_OPTION",
      "the safetensors file is cut short: 1000 bytes of header, 2 are there",
    ],
    [
      "a header of 2^63 bytes",
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128, 123, 125),
      "ERR_OPTION",
      "the safetensors file says that its header has 9223372036854775808 bytes, more than 100000000",
    ],
    [
      "what is no JSON",
      file("{nonsense", 0),
      "ERR_OPTION",
      "the safetensors file has a header that is no JSON",
    ],
    [
      "JSON nested beyond all measure",
      file("[".repeat(1_000_000), 0),
      "ERR_OPTION",
      "the safetensors file has a header that is no JSON",
    ],
    [
      "bytes that are no UTF-8",
      Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 123, 34, 255, 125),
      "ERR_OPTION",
      "the safetensors file has a header that is no JSON",
    ],
    [
      "a byte order mark",
      file("\ufeff{}", 0),
      "ERR_OPTION",
      "the safetensors file has a header that is no JSON",
    ],
    [
      "metadata in an array",
      file({ __metadata__: ["a"] }, 0),
      "ERR_OPTION",
      "safetensors metadata expected an object of strings",
    ],
    [
      "a name that objects give their prototype",
      file(`{"__proto__":${JSON.stringify(f32([1], 0, 4))}}`, 4),
      "ERR_OPTION",
      "the safetensors file has a tensor named __proto__",
    ],
    [
      "a tensor twice, in the same place",
      file(`{"a":${JSON.stringify(f32([1], 0, 4))},"a" :${JSON.stringify(f32([1], 0, 4))}}`, 4),
      "ERR_OPTION",
      "the safetensors file has a header that has a name twice",
    ],
    [
      "a tensor twice, spelt in two ways",
      file(`{"a":${JSON.stringify(f32([1], 0, 4))},"\\u0061":${JSON.stringify(f32([0], 4, 4))}}`, 4),
      "ERR_OPTION",
      "the safetensors file has a header that has a name twice",
    ],
    [
      "two shapes of a tensor",
      file(`{"a":{"shape":[2,2],"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 4),
      "ERR_OPTION",
      "the safetensors file has a header that has a name twice",
    ],
    [
      "metadata twice",
      file(`{"__metadata__":{"a":"1"},"__metadata__":{"a":"2"}}`, 0),
      "ERR_OPTION",
      "the safetensors file has a header that has a name twice",
    ],
    ["an array", file("[1]", 0), "ERR_OPTION", "the safetensors file has a header that is no JSON object"],
    [
      "metadata that are no strings",
      file({ __metadata__: { a: 1 } }, 0),
      "ERR_OPTION",
      "safetensors metadata expected an object of strings",
    ],
    [
      "an entry that is null",
      file({ a: null }, 0),
      "ERR_OPTION",
      `the safetensors file describes "a" otherwise than by dtype, shape and data_offsets`,
    ],
    [
      "a negative size",
      file({ a: f32([-1, -1], 0, 4) }, 4),
      "ERR_OPTION",
      `the safetensors file describes "a" otherwise than by dtype, shape and data_offsets`,
    ],
    [
      "a size that is no whole number",
      file({ a: f32([0.5, 2], 0, 4) }, 4),
      "ERR_OPTION",
      `the safetensors file describes "a" otherwise than by dtype, shape and data_offsets`,
    ],
    [
      "sizes whose product overflows",
      file({ a: f32([2 ** 40, 2 ** 40, 0.25 * 2 ** 40], 0, 4) }, 4),
      "ERR_SHAPE",
      `"a" in the safetensors file has too large a shape, [1099511627776, 1099511627776, 274877906944]`,
    ],
    [
      "sizes whose product overflows beside a 0",
      file({ a: f32([2 ** 50, 2 ** 50, 0], 0, 0) }, 0),
      "ERR_SHAPE",
      `"a" in the safetensors file has too large a shape, [1125899906842624, 1125899906842624, 0]`,
    ],
    [
      "offsets in reverse",
      file({ a: f32([1], 4, 0) }, 4),
      "ERR_OPTION",
      `the safetensors file has offsets [4, 0] for "a"`,
    ],
    [
      "fewer bytes than the shape needs",
      file({ a: f32([2, 3], 0, 20) }, 20),
      "ERR_SHAPE",
      `"a" in the safetensors file expected 24 bytes for shape [2, 3] of F32, got 20`,
    ],
    [
      "data beyond the end of the file",
      file({ a: f32([2], 0, 8) }, 4),
      "ERR_OPTION",
      "the safetensors file is cut short: 8 bytes of data, 4 are there",
    ],
    [
      "data after the last tensor",
      file({ a: f32([1], 0, 4) }, 7),
      "ERR_OPTION",
      "the safetensors file has 3 bytes after its last tensor",
    ],
    [
      "tensors that overlap",
      file({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12),
      "ERR_OPTION",
      `the safetensors file has overlapping tensors at "b"`,
    ],
    [
      "a hole",
      file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
      "ERR_OPTION",
      `the safetensors file has a hole in its data at "b"`,
    ],
    [
      "an element type it does not know",
      file({ a: { dtype: "F8_E8M0", shape: [4], data_offsets: [0, 4] } }, 4),
      "ERR_UNSUPPORTED",
      `"a" in the safetensors file has elements of type F8_E8M0, not read here`,
    ],
    [
      "an element type that objects have",
      file({ a: { dtype: "constructor", shape: [4], data_offsets: [0, 4] } }, 4),
      "ERR_UNSUPPORTED",
      `"a" in the safetensors file has elements of type constructor, not read here`,
    ],
  ])("%s", (_, bytes, code, message) => {
    expect(() => readSafetensors(bytes)).toThrow(expect.objectContaining({ code, message }));
  });

  test("every file cut short", () => {
    for (let length = 0; length < fromPyTorch.length; length++)
      expect(() => readSafetensors(fromPyTorch.subarray(0, length))).toThrow(/the safetensors file/);
  });

  test("what are no bytes", () => {
    expect(() => readSafetensors("x" as never)).toThrow(`"bytes" expected a Uint8Array, got "x"`);
  });
});

describe("writeSafetensors", () => {
  const tensors: Record<string, { data: TensorData; shape: number[] }> = {
    "self.weight": { data: Float32Array.of(1, 2, 3, 4, 5, 6).subarray(2), shape: [2, 2] },
    double: { data: Float64Array.of(Math.PI), shape: [] },
    long: { data: BigInt64Array.of(-5n), shape: [1] },
    int: { data: Int32Array.of(-5, 6), shape: [2, 1] },
    word: { data: Uint32Array.of(2 ** 31), shape: [1] },
    short: { data: Int16Array.of(-1), shape: [1] },
    huge: { data: BigUint64Array.of(2n ** 64n - 1n), shape: [1] },
    ushort: { data: Uint16Array.of(65535), shape: [1] },
    tiny: { data: Int8Array.of(-1, 0, 1), shape: [3] },
    byte: { data: Uint8Array.of(7), shape: [1] },
    none: { data: new Float32Array(0), shape: [0] },
  };

  test("is read back as it was, and aligned", () => {
    const bytes = writeSafetensors(tensors, { made: "by a test — with ünïcode" });
    const read = readSafetensors(bytes);
    expect(read.metadata).toEqual({ made: "by a test — with ünïcode" });
    expect({ ...read.tensors }).toEqual(tensors);
    for (const { name, begin } of readSafetensorsHeader(bytes).entries)
      expect(begin % tensors[name]!.data.BYTES_PER_ELEMENT).toBe(0);
  });

  test("writes the very bytes that safetensors.torch.save writes", () => {
    const state = {
      weight: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] },
      bias: { data: Float32Array.of(5, 6), shape: [2] },
      steps: { data: BigInt64Array.of(7n), shape: [1] },
      mask: { data: Uint8Array.of(1, 0, 1), shape: [3] },
    };
    expect(Buffer.from(writeSafetensors(state, { format: "pt" })).toString("base64")).toBe(
      "EAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJzdGVwcyI6eyJkdHlwZSI6Ikk2NCIsInNoYXBlIjpbMV0sImRhdGFf" +
        "b2Zmc2V0cyI6WzAsOF19LCJiaWFzIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbOCwxNl19LCJ3ZWlnaHQi" +
        "OnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsMl0sImRhdGFfb2Zmc2V0cyI6WzE2LDMyXX0sIm1hc2siOnsiZHR5cGUiOiJVOCIsInNoYXBl" +
        "IjpbM10sImRhdGFfb2Zmc2V0cyI6WzMyLDM1XX19ICAgICAgIAcAAAAAAAAAAACgQAAAwEAAAIA/AAAAQAAAQEAAAIBAAQAB",
    );
  });

  test("writes back what PyTorch wrote, byte for byte", () => {
    const { tensors, metadata } = readSafetensors(fromPyTorch);
    const types = new Map(readSafetensorsHeader(fromPyTorch).entries.map(({ name, dtype }) => [name, dtype]));
    const written = writeSafetensors(tensors, metadata as Record<string, string>, {
      dtype: (name) => types.get(name),
    });
    expect(Buffer.from(written).equals(fromPyTorch)).toBe(true);
  });

  test("keeps names that are numbers in their place, and the header a multiple of 8", () => {
    const one = { data: Uint8Array.of(1), shape: [1] };
    const bytes = writeSafetensors({ "10": one, b: one, a: { data: Float32Array.of(2), shape: [1] } });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = Buffer.from(bytes.subarray(8, 8 + length)).toString();
    expect(header).toMatch(/^\{"a":\{.*,"10":\{.*,"b":\{.*\} *$/);
    expect([length % 8, bytes.length - length]).toEqual([0, 8 + 6]);
  });

  test.each<["F16" | "BF16", number, number, number]>([
    ["F16", 11, -14, 65504],
    ["BF16", 8, -126, 2 ** 128 - 2 ** 119],
  ])("rounds to %s to the nearest, ties to even", (dtype, bits, leastExponent, largest) => {
    const some = generator(3);
    const numbers = Float32Array.from({ length: 20_000 }, (_, n) => {
      const magnitude = (1 + some()) * 2 ** Math.floor(some() * 60 - 42);
      // Every third lies just on a tie, or next to one.
      const step = 2 ** (Math.max(Math.floor(Math.log2(magnitude)), leastExponent) - bits);
      const tie = (2 * Math.floor(magnitude / step / 2) + 1) * step;
      return (n % 2 ? -1 : 1) * (n % 3 ? magnitude : tie * (1 + (Math.floor(some() * 3) - 1) * 2 ** -23));
    });
    numbers.set([
      0,
      -0,
      Infinity,
      -Infinity,
      Number.NaN,
      largest,
      65519,
      65520,
      65536,
      2 ** -149,
      2 ** -25,
      3e38,
    ]);
    const { data } = readSafetensors(
      writeSafetensors({ x: { data: numbers, shape: [numbers.length] } }, {}, { dtype: () => dtype }),
    ).tensors.x!;
    for (const [i, x] of numbers.entries()) {
      const exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), leastExponent);
      const step = 2 ** (exponent - bits + 1);
      const low = Math.floor(x / step);
      const rest = x / step - low;
      const nearest = (rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low) * step;
      const bounded = Math.abs(nearest) > largest ? Math.sign(x) * Infinity : nearest;
      // Of -0 and of what rounds to it the sign stays.
      const expected = Number.isFinite(x) && x !== 0 ? (bounded === 0 ? Math.sign(x) * 0 : bounded) : x;
      expect.soft(data[i], `${x}`).toBe(expected);
    }
  });

  test("keeps every 16-bit float that it reads, NaN included", () => {
    for (const dtype of ["F16", "BF16"]) {
      const bytes = file({ x: { dtype, shape: [65536], data_offsets: [0, 131072] } }, 131072);
      const data = Uint16Array.from({ length: 65536 }, (_, i) => i);
      bytes.set(new Uint8Array(data.buffer), bytes.length - 131072);
      const written = writeSafetensors(readSafetensors(bytes).tensors, {}, { dtype: () => dtype });
      expect(Buffer.from(written.subarray(-131072)).equals(Buffer.from(data.buffer))).toBe(true);
    }
  });

  test("does not make infinity of a NaN", () => {
    const nan = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer);
    for (const dtype of ["F16", "BF16"]) {
      const written = writeSafetensors({ nan: { data: nan, shape: [2] } }, {}, { dtype: () => dtype });
      expect([...(readSafetensors(written).tensors.nan!.data as Float32Array)]).toEqual([
        Number.NaN,
        Number.NaN,
      ]);
    }
  });

  test("refuses a type that an array does not become", () => {
    const x = { data: Float32Array.of(1), shape: [1] };
    expect(() => writeSafetensors({ x }, {}, { dtype: () => "I8" })).toThrow(
      expect.objectContaining({
        code: "ERR_OPTION",
        message: '"dtype" of "x" expected F32 or BF16 or F16 for its Float32Array, got "I8"',
      }),
    );
    expect(() => writeSafetensors({ ["__proto__"]: x })).toThrow('"tensors" may not hold the name __proto__');
  });

  test("refuses what is no tensor and names that are taken", () => {
    expect(() => writeSafetensors({ __metadata__: tensors.int! })).toThrow(
      `"tensors" may not hold the name __metadata__`,
    );
    expect(() => writeSafetensors({ a: { data: [1] as never, shape: [1] } })).toThrow(
      expect.objectContaining({ code: "ERR_DTYPE" }),
    );
    expect(() => writeSafetensors({ a: { data: Int8Array.of(1), shape: [2] } })).toThrow(
      `"a" of shape [2] expected 2 elements, got 1`,
    );
    expect(() => writeSafetensors({}, { a: 1 } as never)).toThrow(
      "safetensors metadata expected an object of strings",
    );
  });
});
