import { describe, expect, test } from "vitest";
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from "../src/safetensors.ts";
import type { TensorData } from "../src/tensor-like.ts";

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
    const { tensors } = readSafetensors(file(`{"__proto__":${JSON.stringify(f32([1], 0, 4))}}`, 4));
    expect(Object.keys(tensors)).toEqual(["__proto__"]);
    expect(({} as Record<string, unknown>).data).toBeUndefined();
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
      `"a" in the safetensors file expected ${4 * 2 ** 118} bytes for shape [1099511627776, 1099511627776, 274877906944] of F32, got 4`,
    ],
    [
      "offsets in reverse",
      file({ a: f32([1], 4, 0) }, 4),
      "ERR_OPTION",
      `the safetensors file has offsets [4,0] for "a"`,
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
      file({ a: { dtype: "F8_E4M3", shape: [4], data_offsets: [0, 4] } }, 4),
      "ERR_UNSUPPORTED",
      `"a" in the safetensors file has elements of type F8_E4M3, not read here`,
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
    expect(() => readSafetensors("x" as never)).toThrow(`"bytes" expected a Uint8Array, got string`);
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
