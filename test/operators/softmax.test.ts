/** Softmax and its logarithm against ONNX's cases and the reference: every axis, masks, slices without anything. */
import { describe, expect, it } from "vitest";
import { type SoftmaxOptions, tensor } from "wasm-attention";
import { type ReferenceTensor, softmax } from "wasm-attention/reference";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { type Backend, forEachBackend, forEachEngine, type What } from "../support/backends.ts";
import { describeOnnx, onnxCases } from "../support/onnx.ts";
import { plainSoftmax } from "../support/plain-float32.ts";
import { bytes, changed, type FloatTensor, normal, sizeOf } from "../support/random-tensors.ts";
import { expectTensorClose, onnxTolerance, type Tolerance } from "../support/tolerance.ts";

interface Problem {
  readonly x: FloatTensor;
  readonly options: What<SoftmaxOptions>;
  readonly exact: ReferenceTensor;
  readonly tolerance: Tolerance;
}

function problemOf(x: FloatTensor, options: What<SoftmaxOptions> = {}): Problem {
  const exact = softmax(x, options);
  return { x, options, exact, tolerance: plainTolerance(exact.data, plainSoftmax(x, options)) };
}

const problem = (shape: readonly number[], options: What<SoftmaxOptions> = {}, seed = 1) =>
  problemOf(normal(shape, seed, 3), options);

async function expectSoftmax(backend: Backend, { x, options, exact, tolerance }: Problem): Promise<void> {
  expectAccurate(
    await backend.softmax(x, options),
    exact,
    tolerance,
    `[${x.shape}] ${JSON.stringify(options)}`,
  );
}

describeOnnx("ONNX's Softmax", () => {
  forEachBackend((backend) => {
    for (const { name, attributes, inputs, outputs } of onnxCases("Softmax"))
      it(name, async () => {
        const y = outputs[0]!;
        const axis = (attributes.axis as number | undefined) ?? -1;
        const actual = await backend.softmax(inputs[0] as unknown as FloatTensor, { axis });
        expectTensorClose(actual, y as unknown as FloatTensor, onnxTolerance(y.dtype), name);
      });
  });
});

/** Shapes whose rows, and whose neighbours along an inner axis, do not fit the lanes. */
const shapes = [
  [1],
  [3],
  [1000],
  [7, 1],
  [1, 7],
  [5, 6],
  [33, 130],
  [3, 4, 5],
  [2, 9, 4],
  [2, 3, 4, 5],
  [6, 1, 7, 3],
  [2, 1000, 3],
];
const axes = shapes.flatMap((shape, seed) =>
  shape.flatMap((_, axis) =>
    [false, true].flatMap((log) => [
      problem(shape, { axis, log }, seed),
      problem(shape, { axis: axis - shape.length, log, scale: -0.5 }, seed),
    ]),
  ),
);

const maskShapes = [[], [5], [1], [4, 1], [4, 5], [3, 1, 1], [3, 1, 5], [3, 4, 1], [3, 4, 5], [1, 4, 5]];
const masked = maskShapes.flatMap((shape, seed) =>
  [0, 1, 2].flatMap((axis) =>
    [false, true].flatMap((log) => [
      problem([3, 4, 5], { axis, log, mask: bytes(shape, seed) }, seed),
      problem([3, 4, 5], { axis, log, mask: normal(shape, seed, 2), scale: 2 }, seed),
    ]),
  ),
);

const lengths = [1, 2, 3, 4, 5, 7, 8, 9, 31, 127, 130, 257, 4099];
const rows = lengths.flatMap((length) => [
  problem([9, length], {}, length),
  problem([9, length], { log: true }, length),
  problem([9, length], { mask: bytes([9, length], length) }, length),
  problem([length, 9], { axis: 0 }, length),
]);

const x = normal([20, 50], 1);
const near = (value: number) => changed(x, (y) => y + value);
const hard: [string, FloatTensor][] = [
  ["near 95, where e^x overflows", near(95)],
  ["near -95, where e^x underflows", near(-95)],
  ["near 1e4", near(1e4)],
  ["near -1e4", near(-1e4)],
  ["near 1e30", changed(x, (y) => y * 1e30)],
  ["one outlier x20", changed(x, (y, i) => (i === 333 ? 20 * y : y))],
  ["all equal", changed(x, () => 0.1)],
  ["far apart", changed(x, (y) => 100 * y)],
  ["tiny", changed(x, (y) => 1e-30 * y)],
  ["float32's lowest beside others", changed(x, (y, i) => (i % 3 ? y : -3.4028234663852886e38))],
  ["-infinity beside others", changed(x, (y, i) => (i % 3 ? y : -Infinity))],
  ["slices of -infinity", changed(x, (y, i) => (Math.floor(i / 50) % 3 ? y : -Infinity))],
  ["NaN in one slice", changed(x, (y, i) => (i === 333 ? Number.NaN : y))],
  ["infinity in one slice", changed(x, (y, i) => (i === 333 ? Infinity : y))],
];
const hardProblems = hard.map(([name, input]) => ({
  name,
  problems: [
    problemOf(input),
    problemOf(input, { log: true }),
    problemOf({ data: transposed(input), shape: [50, 20] }, { axis: 0 }),
    problemOf({ data: transposed(input), shape: [50, 20] }, { axis: 0, log: true }),
  ],
}));

function transposed({ data, shape }: FloatTensor): Float32Array {
  const [m, n] = shape as [number, number];
  return data.map((_, i) => data[(i % m) * n + Math.floor(i / m)]!);
}

const lowest = changed(x, () => -3.4028234663852886e38);

describe("slices of float32's lowest are uniform", () => {
  forEachBackend((backend) => {
    it("and so are their logarithms", async () => {
      const [uniform, logarithm] = [Math.fround(1 / 50), Math.fround(-Math.log(50))];
      expect(new Set((await backend.softmax(lowest)).data)).toEqual(new Set([uniform]));
      expect(new Set((await backend.softmax(lowest, { log: true })).data)).toEqual(new Set([logarithm]));
    });
  });

  it("in the reference", () => {
    expect(softmax(lowest).data[0]).toBe(1 / 50);
  });
  // The logarithm of the sum must not be lost beside the maximum.
  it("and their logarithms in the reference", () => {
    expect(softmax(lowest, { log: true }).data[0]).toBe(-Math.log(50));
  });
});

describe("softmax", () => {
  forEachBackend((backend) => {
    it("along every axis, and its logarithm", async () => {
      for (const problem of axes) await expectSoftmax(backend, problem);
    });
    it("masks of every shape", async () => {
      for (const problem of masked) await expectSoftmax(backend, problem);
    });
    it("every length", async () => {
      for (const problem of rows) await expectSoftmax(backend, problem);
    });
    for (const { name, problems } of hardProblems)
      it(name, async () => {
        for (const problem of problems) await expectSoftmax(backend, problem);
      });

    it("many slices: several tiles", async () => {
      await expectSoftmax(backend, problem([3000, 40]));
      await expectSoftmax(backend, problem([30, 40, 101], { axis: 1 }));
    });

    it("nothing", async () => {
      for (const shape of [[0], [3, 0], [0, 3], [2, 0, 3]])
        for (const [axis] of shape.entries()) {
          const { data, shape: result } = await backend.softmax(normal(shape, 1), { axis });
          expect([data.length, result]).toEqual([0, shape]);
        }
    });

    it("a slice with nothing to keep is 0, its logarithm -infinity", async () => {
      for (const axis of [0, 1]) {
        const mask = { data: new Uint8Array(5 * 6), shape: [5, 6] };
        const input = normal([5, 6], 1);
        expect([...(await backend.softmax(input, { axis, mask })).data]).toEqual(new Array(30).fill(0));
        const log = await backend.softmax(input, { axis, mask, log: true });
        expect([...log.data]).toEqual(new Array(30).fill(-Infinity));
      }
    });

    it("an infinite mask, and NaN that a boolean mask drops", async () => {
      const mask = { data: Uint8Array.from({ length: 50 }, (_, j) => (j % 3 ? 1 : 0)), shape: [50] };
      const infinite = {
        data: Float32Array.from(mask.data, (keep) => (keep ? 0 : -Infinity)),
        shape: [50],
      };
      const dirty = changed(x, (y, i) => (mask.data[i % 50] ? y : Number.NaN));
      const expected = await backend.softmax(x, { mask });
      expectSameBits((await backend.softmax(x, { mask: infinite })).data, expected.data, "-infinity");
      expectSameBits((await backend.softmax(dirty, { mask })).data, expected.data, "NaN");
    });

    // Its 0 must not be divided by a sum of NaN.
    it("what a mask drops is 0 beside NaN too", async () => {
      const mask = { data: Uint8Array.of(1, 0, 1), shape: [3] };
      const nan = { data: Float32Array.of(Number.NaN, 1, 2), shape: [3] };
      expect([...(await backend.softmax(nan, { mask })).data]).toEqual([Number.NaN, 0, Number.NaN]);
    });

    it("a row has the same bits alone and in a batch", async () => {
      for (const options of [{}, { log: true }, { scale: 3 }]) {
        const whole = await backend.softmax(x, options);
        for (const i of [0, 7, 19]) {
          const row = { data: x.data.subarray(i * 50, (i + 1) * 50), shape: [50] };
          expectSameBits(
            (await backend.softmax(row, options)).data,
            whole.data.subarray(i * 50, (i + 1) * 50),
            `row ${i}`,
          );
        }
      }
    });

    it("a column has the same bits alone and among any others", async () => {
      const whole = await backend.softmax(x, { axis: 0 });
      for (const columns of [1, 2, 3, 5, 49]) {
        const part = { data: x.data.filter((_, i) => i % 50 < columns), shape: [20, columns] };
        const expected = whole.data.filter((_, i) => i % 50 < columns);
        if (columns > 1)
          expectSameBits((await backend.softmax(part, { axis: 0 })).data, expected, `${columns} columns`);
      }
    });
  });
});

describe("out", () => {
  forEachEngine((_, engine) => {
    it("takes the result, plain or in the engine", async () => {
      const expected = engine().softmaxSync(x).data;
      const plain = tensor(new Float32Array(sizeOf(x.shape)).fill(5), x.shape);
      expect(engine().softmaxSync(x, { out: plain })).toBe(plain);
      expectSameBits(plain.data, expected, "plain");
      using input = engine().tensor(x.shape);
      input.data.set(x.data);
      using out = engine().tensor(x.shape);
      expect(await engine().softmax(input, { out })).toBe(out);
      expectSameBits(out.data, expected, "in the engine");
    });
  });
});
