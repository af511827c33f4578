/** Wrong calls of the merge of parts. */
import { oneOf } from "./attention.ts";
import { type Code, f32, f64, noTensors, shared, type Wrong } from "./rows.ts";

const part = { output: f32(2, 4, 3, 6), logSumExp: f32(2, 4, 3) };
const partsText = '"parts" expected an array of { output, logSumExp }, got';
/** Parts of which one is wrong. */
const wrongPart = (name: string, wrong: unknown, code: Code, message: string, options = {}): Wrong => [
  name,
  [[part, wrong], options],
  code,
  message,
];
export const merges: readonly Wrong[] = [
  ...noTensors("parts[0].output", (x) => [[{ ...part, output: x }, part], {}]),
  ...noTensors("parts[1].output", (x) => [[part, { ...part, output: x }], {}]),
  ...noTensors("parts[1].logSumExp", (x) => [[part, { ...part, logSumExp: x }], {}]),
  ["no parts", [[], {}], "ERR_SHAPE", '"parts" expected at least one part, got none'],
  ["parts: undefined", [undefined, {}], "ERR_DTYPE", `${partsText} undefined`],
  ["parts: one part", [part, {}], "ERR_DTYPE", `${partsText} an object`],
  ["parts: a word", ["ab", {}], "ERR_DTYPE", `${partsText} "ab"`],
  ["the first part: null", [[null], {}], "ERR_DTYPE", '"parts[0]" expected { output, logSumExp }, got null'],
  wrongPart("a part: a number", 5, "ERR_DTYPE", '"parts[1]" expected { output, logSumExp }, got 5'),
  [
    "a part left out",
    [[part, undefined, part], {}],
    "ERR_DTYPE",
    '"parts[1]" expected { output, logSumExp }, got undefined',
  ],
  wrongPart(
    "without logSumExp",
    { output: part.output },
    "ERR_DTYPE",
    '"parts[1].logSumExp" expected a tensor { data, shape }, got undefined; attention returns it with "returnLogSumExp"',
  ),
  [
    "an output of rank 1",
    [[{ output: f32(3), logSumExp: f32(3) }], {}],
    "ERR_SHAPE",
    '"parts[0].output" expected a tensor of rank 2, 3 or 4, got rank 1',
  ],
  [
    "an output of rank 5",
    [[{ ...part, output: f32(1, 1, 1, 1, 1) }], {}],
    "ERR_SHAPE",
    '"parts[0].output" expected a tensor of rank 2, 3 or 4, got rank 5',
  ],
  [
    "the first logSumExp of another shape",
    [[{ ...part, logSumExp: f32(2, 3, 4) }, part], {}],
    "ERR_SHAPE",
    '"parts[0].logSumExp" expected shape [B=2, H=4, L=3], got [2, 3, 4]',
  ],
  wrongPart(
    "an output of another shape",
    { ...part, output: f32(2, 4, 2, 6) },
    "ERR_SHAPE",
    '"parts[1].output" expected shape [B=2, H=4, L=3, V=6], got [2, 4, 2, 6]',
  ),
  wrongPart(
    "an output of another rank",
    { ...part, output: f32(8, 3, 6) },
    "ERR_SHAPE",
    '"parts[1].output" expected shape [B=2, H=4, L=3, V=6], got [8, 3, 6]',
  ),
  wrongPart(
    "a logSumExp of another shape",
    { ...part, logSumExp: f32(2, 4, 3, 1) },
    "ERR_SHAPE",
    '"parts[1].logSumExp" expected shape [B=2, H=4, L=3], got [2, 4, 3, 1]',
  ),
  [
    "rank 3",
    [[{ output: f32(4, 3, 6), logSumExp: f32(3, 4) }], {}],
    "ERR_SHAPE",
    '"parts[0].logSumExp" expected shape [H=4, L=3], got [3, 4]',
  ],
  [
    "rank 3, BLHE",
    [[{ output: f32(3, 4, 6), logSumExp: f32(3, 4) }], { layout: "BLHE" }],
    "ERR_SHAPE",
    '"parts[0].logSumExp" expected shape [H=4, L=3], got [3, 4]',
  ],
  [
    "rank 2",
    [[{ output: f32(3, 6), logSumExp: f32(1, 3) }], {}],
    "ERR_SHAPE",
    '"parts[0].logSumExp" expected shape [L=3], got [1, 3]',
  ],
  wrongPart("layout", part, "ERR_OPTION", `${oneOf.layout} "LBHE"`, { layout: "LBHE" }),
  wrongPart(
    "an option that does not exist",
    part,
    "ERR_OPTION",
    '"scale" is no option here; expected layout, out, signal, engine',
    { scale: 1 },
  ),
  ["options: null", [[part], null], "ERR_OPTION", '"options" expected an object, got null'],
  wrongPart("out: another shape", part, "ERR_SHAPE", '"out" expected shape [2, 4, 3, 6], got [2, 3, 4, 6]', {
    out: f32(2, 3, 4, 6),
  }),
  wrongPart(
    "out: another type",
    part,
    "ERR_DTYPE",
    '"out" expected data of type Float32Array, got Float64Array',
    { out: f64(2, 4, 3, 6) },
  ),
  wrongPart(
    "out: a part's output",
    { ...part, output: { data: shared.subarray(0, 144), shape: part.output.shape } },
    "ERR_OPTION",
    '"out" shares memory with an input',
    { out: { data: shared.subarray(0, 144), shape: part.output.shape } },
  ),
  wrongPart(
    "out: in a part's logSumExp",
    { ...part, logSumExp: { data: shared.subarray(143, 167), shape: [2, 4, 3] } },
    "ERR_OPTION",
    '"out" shares memory with an input',
    { out: { data: shared.subarray(0, 144), shape: part.output.shape } },
  ),
];
