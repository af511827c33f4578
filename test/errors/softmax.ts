/** Wrong calls of the softmax. */
import { f32, f64, noTensors, shared, u8, type Wrong } from "./rows.ts";

const a = f32(2, 3);
const softmaxNames = "axis, scale, mask, log, out, engine, signal";
export const softmaxes: readonly Wrong[] = [
  ...noTensors("x", (x) => [x, {}]),
  [
    "a scalar",
    [f32(), {}],
    "ERR_OPTION",
    '"x" expected at least one dimension to take the softmax along, got a scalar',
  ],
  ["axis: too large", [a, { axis: 2 }], "ERR_OPTION", '"axis" expected a whole number from -2 to 1, got 2'],
  ["axis: too small", [a, { axis: -3 }], "ERR_OPTION", '"axis" expected a whole number from -2 to 1, got -3'],
  [
    "axis: a fraction",
    [a, { axis: 0.5 }],
    "ERR_OPTION",
    '"axis" expected a whole number from -2 to 1, got 0.5',
  ],
  ["axis: a word", [a, { axis: "1" }], "ERR_OPTION", '"axis" expected a whole number from -2 to 1, got "1"'],
  ["scale", [a, { scale: Infinity }], "ERR_OPTION", '"scale" expected a finite number, got Infinity'],
  ["log", [a, { log: 1 }], "ERR_OPTION", '"log" expected true or false, got 1'],
  [
    "mask: another shape",
    [a, { mask: u8(4) }],
    "ERR_SHAPE",
    '"mask" expected a shape that broadcasts to [2, 3], got [4]',
  ],
  [
    "mask: another type",
    [a, { mask: f64(3) }],
    "ERR_DTYPE",
    '"mask" expected data of type Uint8Array or Float32Array, got Float64Array',
  ],
  [
    "an option that does not exist",
    [a, { dim: 1 }],
    "ERR_OPTION",
    `"dim" is no option here; expected ${softmaxNames}`,
  ],
  ["out: another shape", [a, { out: f32(3, 2) }], "ERR_SHAPE", '"out" expected shape [2, 3], got [3, 2]'],
  ["options: null", [a, null], "ERR_OPTION", '"options" expected an object, got null'],
  ["mask: null", [a, { mask: null }], "ERR_DTYPE", '"mask" expected a tensor { data, shape }, got null'],
  [
    "out: in the mask",
    [
      a,
      {
        mask: { data: shared.subarray(0, 3), shape: [3] },
        out: { data: shared.subarray(0, 6), shape: [2, 3] },
      },
    ],
    "ERR_OPTION",
    '"out" shares memory with an input',
  ],
  [
    "out: x itself",
    [{ data: shared.subarray(0, 6), shape: [2, 3] }, { out: { data: shared.subarray(0, 6), shape: [2, 3] } }],
    "ERR_OPTION",
    '"out" shares memory with an input',
  ],
];
