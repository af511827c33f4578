/** The matrix product against ONNX's cases and the reference: shapes, transposes, broadcasting, blocks of depth. */
import { describe, expect, it } from "vitest";
import { type MatmulOptions, tensor } from "wasm-attention";
import { matmul, type ReferenceTensor } from "wasm-attention/reference";
import { expectAccurate, expectSameBits, plainTolerance } from "../support/accuracy.ts";
import { type Backend, forEachBackend, forEachEngine, type What } from "../support/backends.ts";
import { describeOnnx, onnxCases } from "../support/onnx.ts";
import { plainMatmul } from "../support/plain-float32.ts";
import { type FloatTensor, normal, uniform } from "../support/random-tensors.ts";
import { expectTensorClose, onnxTolerance, type Tolerance } from "../support/tolerance.ts";

interface Problem {
  readonly a: FloatTensor;
  readonly b: FloatTensor;
  readonly options: What<MatmulOptions>;
  readonly exact: ReferenceTensor;
  readonly tolerance: Tolerance;
}

function problem(
  a: readonly number[],
  b: readonly number[],
  options: What<MatmulOptions> = {},
  seed = 1,
): Problem {
  const [x, y] = [normal(a, 2 * seed), normal(b, 2 * seed + 1)];
  const exact = matmul(x, y, options);
  const plain = plainMatmul(x, y, options as Parameters<typeof plainMatmul>[2]);
  return { a: x, b: y, options, exact, tolerance: plainTolerance(exact.data, plain) };
}

/** Products whose largest errors count together: those of a few numbers each are a matter of luck. */
function family(problems: readonly Problem[]): Problem[] {
  const absolute = Math.max(...problems.map(({ tolerance }) => tolerance.absolute));
  return problems.map((member) => ({ ...member, tolerance: { absolute, relative: 0 } }));
}

async function expectProduct(backend: Backend, { a, b, options, exact, tolerance }: Problem): Promise<void> {
  const product = await backend.matmul(a, b, options);
  expectAccurate(product, exact, tolerance, `[${a.shape}] x [${b.shape}]`);
}

describeOnnx("ONNX's MatMul", () => {
  forEachBackend((backend) => {
    for (const { name, inputs, outputs } of onnxCases("MatMul"))
      it(name, async () => {
        const [a, b] = inputs as unknown as [FloatTensor, FloatTensor];
        const y = outputs[0]!;
        const actual = await backend.matmul(a, b);
        expectTensorClose(actual, y as unknown as FloatTensor, onnxTolerance(y.dtype), name);
      });
  });
});

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);
const depths = [1, 2, 3, 4, 5, 7, 8, 13, 20];
const small = upTo(20).map((M) =>
  family(upTo(20).flatMap((N) => depths.map((K) => problem([M, K], [K, N], {}, M * 31 + N)))),
);

const transposes = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;
const sides = [1, 2, 3, 7, 8, 9, 17, 33, 61];
const transposed = transposes.map(([transposeA, transposeB]) => ({
  name: `transposeA: ${transposeA}, transposeB: ${transposeB}`,
  problems: family(
    sides.flatMap((M) =>
      sides.flatMap((N) =>
        [3, 20].map((K) =>
          problem(
            transposeA ? [K, M] : [M, K],
            transposeB ? [N, K] : [K, N],
            { transposeA, transposeB },
            M * N,
          ),
        ),
      ),
    ),
  ),
}));

const large: [string, Problem][] = [
  ["one block of depth", problem([33, 384], [384, 17])],
  ["one more than a block", problem([33, 385], [385, 17])],
  ["several blocks of depth", problem([13, 1200], [1200, 21])],
  ["several blocks of depth, few rows", problem([2, 1200], [1200, 130])],
  [
    "several blocks of depth, both transposed",
    problem([900, 35], [43, 900], { transposeA: true, transposeB: true }),
  ],
  [
    "several blocks of depth, scale and bias",
    problem([7, 800], [800, 13], { scale: 0.3, bias: normal([13], 5) }),
  ],
  ["several tiles of rows", problem([500, 40], [40, 24])],
  ["several tiles of columns", problem([250, 200], [200, 300])],
  ["a tall one", problem([1000, 3], [3, 5])],
  ["a wide one", problem([3, 5], [5, 1000])],
];

const batches: [a: number[], b: number[]][] = [
  [
    [3, 5, 4],
    [4, 6],
  ],
  [
    [3, 5, 4],
    [3, 4, 6],
  ],
  [
    [5, 4],
    [3, 4, 6],
  ],
  [
    [3, 1, 5, 4],
    [1, 2, 4, 6],
  ],
  [
    [2, 3, 5, 4],
    [3, 4, 6],
  ],
  [
    [1, 5, 4],
    [4, 1, 4, 6],
  ],
  [
    [2, 1, 3, 1, 4],
    [5, 1, 4, 2],
  ],
  [
    [20, 1, 9],
    [20, 9, 1],
  ],
  [
    [1, 1, 5, 4],
    [4, 6],
  ],
];
const broadcast = batches.flatMap(([a, b]) => {
  const swapped = (shape: number[]) => [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
  const N = b.at(-1)!;
  return [
    problem(a, b),
    problem(swapped(a), b, { transposeA: true }),
    problem(a, swapped(b), { transposeB: true, scale: -2, bias: normal([N], 7) }),
  ];
});

const vectors: [a: number[], b: number[], options?: What<MatmulOptions>][] = [
  [[9], [9]],
  [[9], [9, 5]],
  [[5, 9], [9]],
  [[9], [3, 9, 5]],
  [[3, 5, 9], [9]],
  [[2, 1, 5, 9], [9]],
  [[9], [5, 9], { transposeB: true }],
  [[9, 5], [9], { transposeA: true }],
  [[3, 9, 5], [9], { transposeA: true }],
  [[9], [9], { transposeA: true, transposeB: true }],
  // Matrices of one row each once transposed: their rows are no tall matrix.
  [[3, 2, 11, 1], [18, 11], { transposeA: true, transposeB: true }],
  [[6, 11, 1], [11, 5], { transposeA: true }],
  [[500], [500, 40]],
  [[40, 500], [500]],
  [[500], [500]],
];
const vectorProblems = vectors.flatMap(([a, b, options], seed) => {
  const plain = problem(a, b, options, seed);
  const N = plain.exact.shape.at(-1) ?? 1;
  return [plain, problem(a, b, { ...options, scale: 0.5, bias: normal([N], seed) }, seed)];
});

const empties: [a: number[], b: number[]][] = [
  [
    [0, 3],
    [3, 4],
  ],
  [
    [3, 4],
    [4, 0],
  ],
  [
    [3, 0],
    [0, 4],
  ],
  [
    [0, 0],
    [0, 0],
  ],
  [[0], [0]],
  [[0], [0, 3]],
  [[3, 0], [0]],
  [
    [0, 2, 3],
    [3, 4],
  ],
  [
    [2, 3],
    [0, 3, 4],
  ],
  [
    [2, 0, 3],
    [2, 3, 4],
  ],
];
const emptyProblems = empties.map(([a, b]) => problem(a, b));

describe("matmul", () => {
  forEachBackend((backend) => {
    it("every product of 1 to 20 rows and columns", async () => {
      for (const problems of small)
        await Promise.all(problems.map((problem) => expectProduct(backend, problem)));
    });
    for (const { name, problems } of transposed)
      it(name, async () => {
        await Promise.all(problems.map((problem) => expectProduct(backend, problem)));
      });
    for (const [name, problem] of large) it(name, () => expectProduct(backend, problem));
    it("batch dimensions broadcast", async () => {
      for (const problem of family(broadcast)) await expectProduct(backend, problem);
    });
    it("vectors lose their dimension", async () => {
      for (const problem of family(vectorProblems)) await expectProduct(backend, problem);
    });
    it("nothing, and sums over nothing", async () => {
      for (const problem of emptyProblems) await expectProduct(backend, problem);
      const bias = normal([4], 1);
      const { data } = await backend.matmul(normal([3, 0], 1), normal([0, 4], 1), { bias, scale: 3 });
      expect([...data]).toEqual([...bias.data, ...bias.data, ...bias.data]);
    });
    it("scales of 0 and below", async () => {
      for (const scale of [0, -1, 1e-3, 1e6])
        await expectProduct(backend, problem([7, 9], [9, 5], { scale, bias: normal([5], 2) }));
    });
    it("whole numbers come out exact", async () => {
      const [a, b] = [uniform([31, 500], 1, -20, 20), uniform([500, 29], 2, -20, 20)];
      const whole = ({ data, shape }: FloatTensor) => ({ data: data.map(Math.round), shape });
      const { data } = await backend.matmul(whole(a), whole(b));
      expectSameBits(data, matmul(whole(a), whole(b)).data, "product");
    });
    it("NaN and infinity reach their own rows and columns only", async () => {
      const [a, b] = [normal([9, 20], 1), normal([20, 11], 2)];
      a.data[3 * 20 + 5] = Number.NaN;
      b.data[7 * 11 + 4] = Infinity;
      const { data } = await backend.matmul(a, b);
      data.forEach((x, n) => {
        const [i, j] = [Math.floor(n / 11), n % 11];
        expect([i, j, Number.isFinite(x)]).toEqual([i, j, i !== 3 && j !== 4]);
      });
    });
  });
});

describe("a row of a product", () => {
  forEachBackend((backend) => {
    it("has the same bits alone, in any number of rows, in a batch", async () => {
      for (const [K, N] of [
        [40, 33],
        [900, 20],
        [7, 300],
      ] as const) {
        const a = normal([12, K], K);
        const b = normal([K, N], N);
        const options = { scale: 0.7, bias: normal([N], 3) };
        const whole = await backend.matmul(a, b, options);
        for (const rows of [1, 2, 3, 5, 7]) {
          const part = { data: a.data.subarray(5 * K, (5 + rows) * K), shape: [rows, K] };
          const expected = whole.data.subarray(5 * N, (5 + rows) * N);
          expectSameBits((await backend.matmul(part, b, options)).data, expected, `${rows} rows`);
          const flipped = { data: transposeOf(part), shape: [K, rows] };
          const byColumns = await backend.matmul(flipped, b, { ...options, transposeA: true });
          expectSameBits(byColumns.data, expected, `${rows} rows, transposed`);
        }
        const vector = { data: a.data.subarray(5 * K, 6 * K), shape: [K] };
        const row = whole.data.subarray(5 * N, 6 * N);
        expectSameBits((await backend.matmul(vector, b, options)).data, row, "a vector");
        const stacked = { data: a.data, shape: [4, 3, K] };
        expectSameBits((await backend.matmul(stacked, b, options)).data, whole.data, "a stack");
        const columns = { data: transposeOf(b), shape: [N, K] };
        const byRows = await backend.matmul(a, columns, { ...options, transposeB: true });
        expectSameBits(byRows.data, whole.data, "b transposed");
      }
    });

    it("times a vector has the bits of a matrix of one column", async () => {
      const a = normal([50, 500], 1);
      const x = normal([500, 1], 2);
      const column = await backend.matmul(a, x);
      const vector = await backend.matmul(a, { data: x.data, shape: [500] });
      expectSameBits(vector.data, column.data, "product");
    });
  });
});

function transposeOf({ data, shape }: FloatTensor): Float32Array {
  const [rows, columns] = shape as [number, number];
  return data.map((_, n) => data[(n % rows) * columns + Math.floor(n / rows)]!);
}

describe("out", () => {
  forEachEngine((_, engine) => {
    it("takes the product, plain or in the engine", async () => {
      const { a, b } = problem([3, 9, 20], [20, 11]);
      const expected = engine().matmulSync(a, b).data;
      const plain = tensor(new Float32Array(3 * 9 * 11).fill(5), [3, 9, 11]);
      expect(engine().matmulSync(a, b, { out: plain })).toBe(plain);
      expectSameBits(plain.data, expected, "plain");
      using x = engine().tensor(a.shape);
      x.data.set(a.data);
      using out = engine().tensor([3, 9, 11]);
      out.data.fill(5);
      expect(await engine().matmul(x, b, { out })).toBe(out);
      expectSameBits(out.data, expected, "in the engine");
    });
  });
});
