/** Wrong calls of the matrix product. */
import { f32, noTensors, shared, u8, type Wrong } from "./rows.ts";

const [a, b] = [f32(2, 3), f32(3, 4)];
const matmulNames = "transposeA, transposeB, bias, scale, out, engine, signal";
export const matmuls: readonly Wrong[] = [
  ...noTensors("a", (x) => [x, b, {}]),
  ...noTensors("b", (x) => [a, x, {}]),
  ["a scalar a", [f32(), b, {}], "ERR_SHAPE", '"a" expected a tensor of rank 1 or more, got a scalar'],
  ["a scalar b", [a, f32(), {}], "ERR_SHAPE", '"b" expected a tensor of rank 1 or more, got a scalar'],
  ["another K", [a, f32(4, 3), {}], "ERR_SHAPE", '"b" expected K=3 as in "a" [2, 3], got 4 in [4, 3]'],
  ["another K of vectors", [f32(3), f32(4), {}], "ERR_SHAPE", '"b" expected K=3 as in "a" [3], got 4 in [4]'],
  [
    "another K once transposed",
    [a, b, { transposeA: true }],
    "ERR_SHAPE",
    '"b" expected K=2 as in "a" [2, 3], got 3 in [3, 4]',
  ],
  [
    "another batch",
    [f32(2, 5, 1, 1), f32(3, 1, 1), {}],
    "ERR_SHAPE",
    '"b" expected batch dimensions that broadcast with [2, 5], got [3]',
  ],
  ["bias: another N", [a, b, { bias: f32(3) }], "ERR_SHAPE", '"bias" expected shape [N=4], got [3]'],
  ["bias: another rank", [a, b, { bias: f32(1, 4) }], "ERR_SHAPE", '"bias" expected shape [N=4], got [1, 4]'],
  [
    "bias: another type",
    [a, b, { bias: u8(4) }],
    "ERR_DTYPE",
    '"bias" expected data of type Float32Array, got Uint8Array',
  ],
  ["scale", [a, b, { scale: Number.NaN }], "ERR_OPTION", '"scale" expected a finite number, got NaN'],
  ["transposeA", [a, b, { transposeA: 1 }], "ERR_OPTION", '"transposeA" expected true or false, got 1'],
  [
    "transposeB",
    [a, b, { transposeB: "yes" }],
    "ERR_OPTION",
    '"transposeB" expected true or false, got "yes"',
  ],
  [
    "an option that does not exist",
    [a, b, { axis: 1 }],
    "ERR_OPTION",
    `"axis" is no option here; expected ${matmulNames}`,
  ],
  ["out: another shape", [a, b, { out: f32(4, 2) }], "ERR_SHAPE", '"out" expected shape [2, 4], got [4, 2]'],
  [
    "out: in a",
    [
      { data: shared.subarray(0, 6), shape: [2, 3] },
      b,
      { out: { data: shared.subarray(5, 13), shape: [2, 4] } },
    ],
    "ERR_OPTION",
    '"out" shares memory with an input',
  ],
  [
    "out: in b",
    [
      a,
      { data: shared.subarray(0, 12), shape: [3, 4] },
      { out: { data: shared.subarray(4, 12), shape: [2, 4] } },
    ],
    "ERR_OPTION",
    '"out" shares memory with an input',
  ],
  ["options: null", [a, b, null], "ERR_OPTION", '"options" expected an object, got null'],
  [
    "scale: infinite in float32",
    [a, b, { scale: 1e300 }],
    "ERR_OPTION",
    '"scale" expected a number that float32 can hold, got 1e+300',
  ],
  [
    "out: in the bias",
    [
      a,
      b,
      {
        bias: { data: shared.subarray(0, 4), shape: [4] },
        out: { data: shared.subarray(0, 8), shape: [2, 4] },
      },
    ],
    "ERR_OPTION",
    '"out" shares memory with an input',
  ],
];
