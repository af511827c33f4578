import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { AttentionErrorCode } from "../../src/errors.ts";
import { readNpy, writeNpy } from "../../src/npy.ts";
import { noNumpy, python } from "../support/numpy.ts";

/** A file put together by hand: the header as it stands here, padded as NumPy pads it. */
function file(header: string, data: readonly number[], version = 1): Uint8Array {
  const prefix = version === 1 ? 10 : 12;
  const length = Math.ceil((prefix + header.length + 1) / 64) * 64 - prefix;
  const count = version === 1 ? [length & 255, length >> 8] : [length & 255, length >> 8, 0, 0];
  const text = Buffer.from(`${header.padEnd(length - 1)}\n`, "latin1");
  return Uint8Array.from([0x93, ...Buffer.from("NUMPY"), version, 0, ...count, ...text, ...data]);
}

const header = (descr: string, shape: string, fortran = "False") =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;

describe("readNpy", () => {
  test.each([
    ["float64", "<f8", [0, 0, 0, 0, 0, 0, 0xf8, 0xbf], Float64Array.of(-1.5)],
    ["float32", "<f4", [0, 0, 0xc0, 0xbf], Float32Array.of(-1.5)],
    ["float32, big-endian", ">f4", [0xbf, 0xc0, 0, 0], Float32Array.of(-1.5)],
    ["float16", "<f2", [0x00, 0xbe], Float32Array.of(-1.5)],
    ["float16, big-endian", ">f2", [0xbe, 0x00], Float32Array.of(-1.5)],
    ["bfloat16", "<V2", [0xc0, 0xbf], Float32Array.of(-1.5)],
    ["bfloat16, of another NumPy", "|V2", [0xc0, 0xbf], Float32Array.of(-1.5)],
    ["bool", "|b1", [2], Uint8Array.of(1)],
    ["uint8", "|u1", [0xfe], Uint8Array.of(254)],
    ["int8", "|i1", [0xfe], Int8Array.of(-2)],
    ["int16", "<i2", [0xfe, 0xff], Int16Array.of(-2)],
    ["uint16", "<u2", [0xfe, 0xff], Uint16Array.of(65534)],
    ["int32", ">i4", [0xff, 0xff, 0xff, 0xfe], Int32Array.of(-2)],
    ["uint32", "<u4", [0xfe, 0xff, 0xff, 0xff], Uint32Array.of(4294967294)],
    ["int64", "<i8", [0xfe, 255, 255, 255, 255, 255, 255, 255], BigInt64Array.of(-2n)],
    ["uint64", ">u8", [0, 0, 0, 0, 0, 0, 1, 0], BigUint64Array.of(256n)],
  ])("%s", (name, descr, data, expected) => {
    const array = readNpy(file(header(descr, "(1,)"), data));
    expect(array).toEqual({ data: expected, shape: [1], dtype: name.split(",")[0] });
  });

  test.each([1, 2, 3])("version %d", (version) => {
    const bytes = file(header("|u1", "(2, 3)"), [1, 2, 3, 4, 5, 6], version);
    expect(readNpy(bytes)).toMatchObject({ data: Uint8Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] });
  });

  test("Fortran order becomes C order", () => {
    // a[i][j] = 10 i + j, columns first
    const two = readNpy(file(header("|u1", "(2, 3)", "True"), [0, 10, 1, 11, 2, 12]));
    expect(two).toMatchObject({ data: Uint8Array.of(0, 1, 2, 10, 11, 12), shape: [2, 3] });
    const shape = [2, 3, 4];
    const fortran: number[] = [];
    for (let k = 0; k < 4; k++)
      for (let j = 0; j < 3; j++) for (let i = 0; i < 2; i++) fortran.push(100 * i + 10 * j + k);
    const three = readNpy(file(header("|u1", "(2, 3, 4)", "True"), fortran));
    const expected = Array.from(
      { length: 24 },
      (_, at) => 100 * Math.floor(at / 12) + 10 * (Math.floor(at / 4) % 3) + (at % 4),
    );
    expect(three).toMatchObject({ data: Uint8Array.from(expected), shape });
  });

  test("a scalar, an empty array, the spelling of Python 2, other quotes and another order of keys", () => {
    expect(readNpy(file(header("|u1", "()"), [7]))).toMatchObject({ data: Uint8Array.of(7), shape: [] });
    expect(readNpy(file(header("<f4", "(0, 3)", "True"), []))).toMatchObject({ shape: [0, 3] });
    expect(readNpy(file(header("|u1", "(1L, 2L)"), [7, 8])).shape).toEqual([1, 2]);
    expect(readNpy(file(`{"shape": (2,), "fortran_order": False, "descr": "|u1"}`, [7, 8])).shape).toEqual([
      2,
    ]);
  });

  test("in a Buffer of Node, which may lie anywhere in its pool", () => {
    const bytes = file(header("<f8", "(1,)"), [0, 0, 0, 0, 0, 0, 0xf8, 0xbf]);
    const shifted = Buffer.concat([Buffer.of(0), bytes]).subarray(1);
    expect(readNpy(shifted).data).toEqual(Float64Array.of(-1.5));
  });

  const good = file(header("<f4", "(2,)"), [0, 0, 0, 0, 0, 0, 0, 0]);
  test.each<[string, Uint8Array, AttentionErrorCode, string]>([
    ["no bytes", new Uint8Array(), "ERR_OPTION", "does not begin with \\x93NUMPY"],
    ["a zip", Uint8Array.of(0x50, 0x4b, 3, 4), "ERR_OPTION", "np.save writes .npy"],
    ["no more than the magic", good.subarray(0, 7), "ERR_OPTION", "has 7 bytes, too few for a header"],
    ["half a header", good.subarray(0, 40), "ERR_OPTION", "is cut short: 118 bytes of header, 30 are there"],
    [
      "half of its data",
      good.subarray(0, -3),
      "ERR_OPTION",
      "is cut short: 8 bytes of data for shape [2] of float32, 5 are there",
    ],
    ["more than its data", Uint8Array.of(...good, 0), "ERR_OPTION", "has 1 bytes after its data"],
    [
      "version 4",
      file(header("<f4", "()"), [0, 0, 0, 0], 4),
      "ERR_OPTION",
      "is of version 4.0, expected 1 to 3",
    ],
    ["a negative size", file(header("<f4", "(-1,)"), []), "ERR_OPTION", "has a header other than"],
    ["a size of words", file(header("<f4", "(n,)"), []), "ERR_OPTION", "has a header other than"],
    [
      "a key too many",
      file("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}", []),
      "ERR_OPTION",
      "has a header other than",
    ],
    [
      "no shape",
      file("{'descr': '<f4', 'fortran_order': False}", []),
      "ERR_OPTION",
      "has a header other than",
    ],
    [
      "code for a header",
      file("__import__('os').system('true')", []),
      "ERR_OPTION",
      "has a header other than",
    ],
    [
      "a header of a megabyte",
      file(header("<f4", `(${"1, ".repeat(20_000)})`), [], 2),
      "ERR_OPTION",
      "more than 10000",
    ],
    [
      "huge sizes",
      file(header("<f4", "(99999999999, 99999999999)"), []),
      "ERR_SHAPE",
      "more than any array has",
    ],
    [
      "huge sizes of nothing",
      file(header("<f4", "(0, 99999999999999999999)"), []),
      "ERR_SHAPE",
      "more than any array has",
    ],
    [
      "a terabyte that is not there",
      file(header("|u1", "(1099511627776,)"), []),
      "ERR_OPTION",
      "is cut short: 1099511627776 bytes",
    ],
    [
      "objects",
      file(header("|O", "(1,)"), [0]),
      "ERR_UNSUPPORTED",
      'type "|O", not read here: they are Python objects',
    ],
    ["text", file(header("<U3", "(1,)"), []), "ERR_UNSUPPORTED", 'type "<U3"'],
    ["complex numbers", file(header("<c8", "(1,)"), []), "ERR_UNSUPPORTED", '.astype("float32")'],
    [
      "a record",
      file("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}", []),
      "ERR_UNSUPPORTED",
      "structured array",
    ],
    ["an inherited name", file(header("<__proto__", "(1,)"), []), "ERR_UNSUPPORTED", "not read here"],
  ])("refuses %s", (_, bytes, code, message) => {
    expect(() => readNpy(bytes)).toThrow(
      expect.objectContaining({ name: "AttentionError", code, message: expect.stringContaining(message) }),
    );
  });

  test("never throws anything else, whatever a byte says", () => {
    const whole = file(header("<f4", "(1, 1)"), [0, 0, 0, 0]);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, value, end) => {
        const damaged = whole.slice(0, end);
        damaged[at] = value;
        try {
          readNpy(damaged);
        } catch (error) {
          expect(error).toMatchObject({ name: "AttentionError" });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("writeNpy", () => {
  test("writes what NumPy writes, byte for byte", () => {
    expect(writeNpy({ data: Float32Array.of(-1.5, 0), shape: [2] })).toEqual(
      file(header("<f4", "(2,)"), [0, 0, 0xc0, 0xbf, 0, 0, 0, 0]),
    );
    expect(writeNpy({ data: Uint8Array.of(7), dims: [] })).toEqual(file(header("|u1", "()"), [7]));
  });

  test.each([
    Float32Array.of(1, -2, 3, 4, 5, Number.NaN),
    Float64Array.of(1, 2, 3, 4, 5, Number.NEGATIVE_INFINITY),
    Int32Array.of(1, 2, 3, 4, 5, -6),
    Uint32Array.of(1, 2, 3, 4, 5, 6),
    Int16Array.of(1, 2, 3, 4, 5, -6),
    Uint16Array.of(1, 2, 3, 4, 5, 6),
    Int8Array.of(1, 2, 3, 4, 5, -6),
    Uint8Array.of(1, 2, 3, 4, 5, 6),
    BigInt64Array.of(1n, 2n, 3n, 4n, 5n, -6n),
    BigUint64Array.of(1n, 2n, 3n, 4n, 5n, 6n),
  ])("reads back %o", (data) => {
    const written = readNpy(writeNpy({ data, shape: [1, 2, 3] }));
    expect(written.data).toEqual(data);
    expect(written.shape).toEqual([1, 2, 3]);
  });

  test("has room for the header of as many dimensions as there may be", () => {
    const shape = Array.from({ length: 64 }, () => 1);
    const read = readNpy(writeNpy({ data: Float32Array.of(3), shape }));
    expect(read).toMatchObject({ data: Float32Array.of(3), shape });
    const sizes = `(${"1, ".repeat(65)})`;
    expect(() => readNpy(file(header("|u1", sizes), [1]))).toThrow("has 65 dimensions, more than the 64");
  });

  test("refuses what is no tensor", () => {
    expect(() => writeNpy({ data: Float32Array.of(1), shape: [2] })).toThrow(
      '"array" of shape [2] expected 2 elements, got 1',
    );
    // @ts-expect-error: not an array of numbers
    expect(() => writeNpy({ data: "1", shape: [1] })).toThrow('"array" expected data of type');
  });
});

describe.skipIf(noNumpy !== undefined)(
  `NumPy${noNumpy === undefined ? "" : ` (skipped: ${noNumpy})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), "npy-"));
    afterAll(() => rmSync(folder, { recursive: true }));
    const dtypes = [
      "f2",
      "f4",
      "f8",
      ">f2",
      ">f4",
      ">f8",
      "?",
      "i1",
      "i2",
      "i4",
      "i8",
      ">i8",
      "u1",
      "u2",
      "u4",
      "u8",
      ">u4",
    ];

    test("reads what it saves", () => {
      const printed = python(
        `
x = np.arange(24).reshape(2, 3, 4) % 7
for dtype in json.loads(sys.argv[1]):
    for order in "CF":
        name = "".join(c if c.isalnum() else "_" for c in dtype) + order + ".npy"
        np.save(name, np.asarray(x, dtype=dtype, order=order))
        print(json.dumps([name, np.dtype(dtype).name, np.asarray(x, dtype=dtype).astype(float).ravel().tolist()]))
with open("v3.npy", "wb") as f: np.lib.format.write_array(f, np.float32([1, 2]), version=(3, 0))
with open("v2.npy", "wb") as f: np.lib.format.write_array(f, np.float32([1, 2]), version=(2, 0))`,
        folder,
        JSON.stringify(dtypes),
      );
      const lines = printed.trim().split("\n");
      expect(lines).toHaveLength(2 * dtypes.length);
      for (const line of lines) {
        const [name, dtype, values] = JSON.parse(line) as [string, string, number[]];
        const array = readNpy(readFileSync(join(folder, name)));
        expect(array, name).toMatchObject({ dtype, shape: [2, 3, 4] });
        expect(Array.from(array.data, Number), name).toEqual(values);
      }
      for (const name of ["v2.npy", "v3.npy"])
        expect(readNpy(readFileSync(join(folder, name))).data).toEqual(Float32Array.of(1, 2));
    });

    test("loads what is written here", () => {
      writeFileSync(
        join(folder, "a.npy"),
        writeNpy({ data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] }),
      );
      writeFileSync(join(folder, "b.npy"), writeNpy({ data: BigInt64Array.of(-5n), shape: [] }));
      const printed = python(
        `
a, b = np.load("a.npy"), np.load("b.npy")
print(a.dtype, a.tolist(), a.flags.c_contiguous, b.dtype, b)`,
        folder,
      );
      expect(printed.trim()).toBe("float32 [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]] True int64 -5");
    });
  },
);
