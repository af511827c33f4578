/**
 * Every error that a wrong call can reach, word for word. A refused call changes nothing: neither memory nor `out`.
 */
import { describe, expect, it } from "vitest";
import {
  AttentionError,
  type BlockMaskSizes,
  createBlockMask,
  createEngine,
  type Engine,
  type EngineOptions,
  scaledDotProductAttentionSync,
  softmax,
  softmaxSync,
  tensor,
} from "wasm-attention";
import { forEachEngine, kernelSets } from "./backends.ts";
import { type FloatTensor, sizeOf } from "./random-tensors.ts";

const f32 = (...shape: number[]): FloatTensor => ({ data: new Float32Array(sizeOf(shape)), shape });
const u8 = (...shape: number[]) => ({ data: new Uint8Array(sizeOf(shape)), shape });
const f64 = (...shape: number[]) => ({ data: new Float64Array(sizeOf(shape)), shape });

type Code = AttentionError["code"];
type Args = readonly unknown[];

/** What is wrong, the arguments (the last one are the options), the code, the text. */
type Wrong = [name: string, args: Args, code: Code, message: string];

function detached(...shape: number[]): FloatTensor {
  const x = f32(...shape);
  structuredClone(x.data, { transfer: [x.data.buffer as ArrayBuffer] });
  return x;
}

/** Everything that is no tensor, as the argument of that name; `put` places it. */
function noTensors(name: string, put: (x: unknown) => Args): Wrong[] {
  const nothing: [unknown, string][] = [
    [null, "null"],
    [5, "5"],
    ["text", '"text"'],
    [{}, "an object"],
    [{ shape: [1] }, "an object"],
    [new Float32Array(2), "a Float32Array; tensor(data, shape) makes one"],
    [() => 1, "a function"],
  ];
  const data: [unknown, string][] = [
    [[1], "Array"],
    [new Float64Array(1), "Float64Array"],
    [new Uint8Array(1), "Uint8Array"],
    [new DataView(new ArrayBuffer(4)), "DataView"],
    [undefined, "undefined"],
  ];
  const shapes: [unknown, Code, string][] = [
    [undefined, "ERR_DTYPE", `"${name}" expected a shape that is an array, got undefined`],
    [1, "ERR_DTYPE", `"${name}" expected a shape that is an array, got 1`],
    [[2, -1], "ERR_SHAPE", `"${name}" expected sizes that are whole numbers, got [2, -1]`],
    [[1.5], "ERR_SHAPE", `"${name}" expected sizes that are whole numbers, got [1.5]`],
    [[2, 3], "ERR_SHAPE", `"${name}" of shape [2, 3] expected 6 elements, got 1`],
  ];
  return [
    ...nothing.map(([x, got]): Wrong => {
      const message = `"${name}" expected a tensor { data, shape }, got ${got}`;
      return [`${name}: ${got}`, put(x), "ERR_DTYPE", message];
    }),
    ...data.map(([x, got]): Wrong => {
      const message = `"${name}" expected data of type Float32Array, got ${got}`;
      return [`${name}: data of ${got}`, put({ data: x, shape: [1] }), "ERR_DTYPE", message];
    }),
    ...shapes.map(([shape, code, message]): Wrong => {
      return [`${name}: shape ${shape}`, put({ data: new Float32Array(1), shape }), code, message];
    }),
    [
      `${name}: no sizes at all`,
      put({ data: new Float32Array(1) }),
      "ERR_DTYPE",
      `"${name}" expected a shape that is an array, got undefined`,
    ],
    [
      `${name}: a detached buffer`,
      put(detached(2, 3)),
      "ERR_DISPOSED",
      `"${name}" is backed by a detached buffer`,
    ],
  ];
}

const [q, k, v] = [f32(2, 4, 3, 8), f32(2, 2, 5, 8), f32(2, 2, 5, 6)];
/** Options of an attention whose tensors are right. */
const options = (name: string, wrong: object, code: Code, message: string): Wrong => [
  name,
  [q, k, v, wrong],
  code,
  message,
];
const arguments_ = (name: string, args: FloatTensor[], message: string, wrong: object = {}): Wrong => [
  name,
  [...args, wrong],
  "ERR_SHAPE",
  message,
];
/** Options of an attention over packed sequences. */
const packed = (
  name: string,
  wrong: object,
  code: Code,
  message: string,
  [query, key, value] = [f32(7, 4, 8), f32(9, 2, 8), f32(9, 2, 6)],
): Wrong => [
  `packed: ${name}`,
  [query, key, value, { cuSeqlens: { query: [0, 3, 7], key: [0, 5, 9] }, ...wrong }],
  code,
  message,
];
const shared = new Float32Array(400);

const attentionNames =
  "mask, bias, causal, queryOffset, window, kvLengths, cuSeqlens, softcap, alibiSlopes, relativeBias, sinks, " +
  "blockMask, returnScores, scale, similarity, layout, returnWeights, returnLogSumExp, out, signal, engine";
const oneOf = {
  causal: '"causal" expected one of false, true, "top-left", "bottom-right", got',
  layout: '"layout" expected one of "BHLE", "BLHE", got',
  similarity: '"similarity" expected one of "dot", "cosine", "root-norm", got',
  returnScores: '"returnScores" expected one of "scaled", "capped", "biased", got',
};
const windowText = '"window" expected [left, right] of at least -1, got';

const attention: Wrong[] = [
  ...noTensors("query", (x) => [x, k, v, {}]),
  ...noTensors("key", (x) => [q, x, v, {}]),
  ...noTensors("value", (x) => [q, k, x, {}]),
  [
    "no query",
    [undefined, undefined, undefined],
    "ERR_DTYPE",
    '"query" expected a tensor { data, shape }, got undefined',
  ],
  arguments_("a query of rank 1", [f32(3), k, v], '"query" expected a tensor of rank 2, 3 or 4, got rank 1'),
  arguments_(
    "a query of rank 5",
    [f32(1, 1, 1, 1, 1), k, v],
    '"query" expected a tensor of rank 2, 3 or 4, got rank 5',
  ),
  arguments_(
    "a key of another rank",
    [q, f32(2, 5, 8), v],
    '"key" expected shape [B=2, K, S, E=8], got [2, 5, 8]',
  ),
  arguments_(
    "another batch",
    [q, f32(1, 2, 5, 8), v],
    '"key" expected shape [B=2, K, S, E=8], got [1, 2, 5, 8]',
  ),
  arguments_(
    "another head size",
    [q, f32(2, 2, 5, 4), v],
    '"key" expected shape [B=2, K, S, E=8], got [2, 2, 5, 4]',
  ),
  arguments_(
    "another S",
    [q, k, f32(2, 2, 4, 6)],
    '"value" expected shape [B=2, K=2, S=5, V], got [2, 2, 4, 6]',
  ),
  arguments_(
    "another K",
    [q, k, f32(2, 4, 5, 6)],
    '"value" expected shape [B=2, K=2, S=5, V], got [2, 4, 5, 6]',
  ),
  arguments_(
    "K that does not divide H",
    [q, f32(2, 3, 5, 8), f32(2, 3, 5, 6)],
    '"key" expected K heads that divide H=4, got 3',
  ),
  arguments_(
    "no key heads",
    [q, f32(2, 0, 5, 8), f32(2, 0, 5, 6)],
    '"key" expected K heads that divide H=4, got 0',
  ),
  arguments_(
    "rank 3",
    [f32(4, 3, 8), f32(2, 5, 8), f32(2, 4, 6)],
    '"value" expected shape [K=2, S=5, V], got [2, 4, 6]',
  ),
  arguments_("rank 2", [f32(3, 8), f32(5, 7), f32(5, 6)], '"key" expected shape [S, E=8], got [5, 7]'),
  arguments_(
    "BLHE",
    [f32(2, 3, 4, 8), f32(2, 5, 2, 7), v],
    '"key" expected shape [B=2, S, K, E=8], got [2, 5, 2, 7]',
    { layout: "BLHE" },
  ),

  options("mask: no tensor", { mask: 5 }, "ERR_DTYPE", '"mask" expected a tensor { data, shape }, got 5'),
  options(
    "mask: another type",
    { mask: f64(5) },
    "ERR_DTYPE",
    '"mask" expected data of type Uint8Array or Float32Array, got Float64Array',
  ),
  options(
    "mask: another S",
    { mask: u8(4) },
    "ERR_SHAPE",
    '"mask" expected a shape that broadcasts to [2, 4, 3, 5], got [4]',
  ),
  options(
    "mask: one more dimension",
    { mask: f32(1, 2, 4, 3, 5) },
    "ERR_SHAPE",
    '"mask" expected a shape that broadcasts to [2, 4, 3, 5], got [1, 2, 4, 3, 5]',
  ),
  options(
    "mask: a detached buffer",
    { mask: detached(5) },
    "ERR_DISPOSED",
    '"mask" is backed by a detached buffer',
  ),
  options(
    "bias: boolean",
    { bias: u8(5) },
    "ERR_DTYPE",
    '"bias" expected data of type Float32Array, got Uint8Array',
  ),
  options(
    "bias: another S",
    { bias: f32(3, 4) },
    "ERR_SHAPE",
    '"bias" expected a shape that broadcasts to [2, 4, 3, 5], got [3, 4]',
  ),

  options("causal: left", { causal: "left" }, "ERR_OPTION", `${oneOf.causal} left`),
  options("causal: 1", { causal: 1 }, "ERR_OPTION", `${oneOf.causal} 1`),
  options("causal: null", { causal: null }, "ERR_OPTION", `${oneOf.causal} null`),
  options("layout", { layout: "BHEL" }, "ERR_OPTION", `${oneOf.layout} BHEL`),
  options("similarity", { similarity: "l2" }, "ERR_OPTION", `${oneOf.similarity} l2`),
  options("returnScores", { returnScores: true }, "ERR_OPTION", `${oneOf.returnScores} true`),

  options(
    "queryOffset: a fraction",
    { queryOffset: 0.5 },
    "ERR_OPTION",
    '"queryOffset" expected whole numbers, got 0.5',
  ),
  options(
    "queryOffset: NaN",
    { queryOffset: Number.NaN },
    "ERR_OPTION",
    '"queryOffset" expected numbers, got NaN',
  ),
  options(
    "queryOffset: infinite",
    { queryOffset: Infinity },
    "ERR_OPTION",
    '"queryOffset" expected whole numbers, got Infinity',
  ),
  options(
    "queryOffset: a word",
    { queryOffset: "left" },
    "ERR_DTYPE",
    '"queryOffset" expected an array or a rank-1 tensor, got "left"',
  ),
  options(
    "queryOffset: too few",
    { queryOffset: [1] },
    "ERR_SHAPE",
    '"queryOffset" expected 2 elements, got 1',
  ),
  options(
    "queryOffset: one a fraction",
    { queryOffset: [1, 2.5] },
    "ERR_OPTION",
    '"queryOffset" expected whole numbers, got 2.5',
  ),
  options(
    "queryOffset: rank 2",
    { queryOffset: f32(2, 1) },
    "ERR_SHAPE",
    '"queryOffset" expected a rank-1 tensor, got shape [2, 1]',
  ),
  options(
    "kvLengths: a number",
    { kvLengths: 5 },
    "ERR_DTYPE",
    '"kvLengths" expected an array or a rank-1 tensor, got 5',
  ),
  options("kvLengths: too few", { kvLengths: [5] }, "ERR_SHAPE", '"kvLengths" expected 2 elements, got 1'),
  options("kvLengths: beyond S", { kvLengths: [5, 6] }, "ERR_OPTION", '"kvLengths" expected 0 to S=5, got 6'),
  options(
    "kvLengths: negative",
    { kvLengths: [5, -1] },
    "ERR_OPTION",
    '"kvLengths" expected 0 to S=5, got -1',
  ),
  options(
    "kvLengths: a fraction",
    { kvLengths: [5, 1.5] },
    "ERR_OPTION",
    '"kvLengths" expected whole numbers, got 1.5',
  ),
  options(
    "kvLengths: a word",
    { kvLengths: [5, "a"] },
    "ERR_OPTION",
    '"kvLengths" expected numbers, got NaN',
  ),
  options("window: a number", { window: 5 }, "ERR_OPTION", `${windowText} [5]`),
  options("window: one side", { window: [1] }, "ERR_OPTION", `${windowText} [1]`),
  options("window: below -1", { window: [-2, 0] }, "ERR_OPTION", `${windowText} [-2,0]`),
  options("window: a fraction", { window: [0, 1.5] }, "ERR_OPTION", `${windowText} [0,1.5]`),

  options("scale: NaN", { scale: Number.NaN }, "ERR_OPTION", '"scale" expected a finite number, got NaN'),
  options(
    "scale: infinite",
    { scale: Infinity },
    "ERR_OPTION",
    '"scale" expected a finite number, got Infinity',
  ),
  options("scale: a word", { scale: "1" }, "ERR_OPTION", '"scale" expected a finite number, got 1'),
  options(
    "softcap: negative",
    { softcap: -1 },
    "ERR_OPTION",
    '"softcap" expected a finite number of at least 0, got -1',
  ),
  options(
    "alibiSlopes: too few",
    { alibiSlopes: [1] },
    "ERR_SHAPE",
    '"alibiSlopes" expected 4 elements, got 1',
  ),
  options(
    "alibiSlopes: NaN",
    { alibiSlopes: [1, 1, 1, Number.NaN] },
    "ERR_OPTION",
    '"alibiSlopes" expected numbers, got NaN',
  ),
  options(
    "sinks: a number",
    { sinks: 1 },
    "ERR_DTYPE",
    '"sinks" expected an array or a rank-1 tensor, got 1',
  ),
  options("sinks: too many", { sinks: [1, 2, 3, 4, 5] }, "ERR_SHAPE", '"sinks" expected 4 elements, got 5'),
  options(
    "relativeBias: no table",
    { relativeBias: {} },
    "ERR_DTYPE",
    '"relativeBias.table" expected a tensor { data, shape }, got undefined',
  ),
  options(
    "relativeBias: another H",
    { relativeBias: { table: f32(32, 2) } },
    "ERR_SHAPE",
    '"relativeBias.table" expected shape [buckets, H=4], got [32, 2]',
  ),
  options(
    "relativeBias: too few buckets",
    { relativeBias: { table: f32(3, 4) } },
    "ERR_SHAPE",
    '"relativeBias.table" expected at least 4 buckets, got 3',
  ),
  options(
    "relativeBias: maxDistance",
    { relativeBias: { table: f32(32, 4), maxDistance: 3 } },
    "ERR_OPTION",
    '"relativeBias.maxDistance" expected a finite number of at least 9, got 3',
  ),
  options(
    "blockMask: none",
    { blockMask: {} },
    "ERR_DTYPE",
    '"blockMask" expected what createBlockMask returns, got an object',
  ),
  options(
    "blockMask: another S",
    { blockMask: createBlockMask(() => true, { L: 3, S: 4 }) },
    "ERR_SHAPE",
    '"blockMask" expected [B=2 or 1, H=4 or 1, L=3, S=5], got [1, 1, 3, 4]',
  ),
  ["options: null", [q, k, v, null], "ERR_OPTION", '"options" expected an object, got null'],
  ["options: a word", [q, k, v, "causal"], "ERR_OPTION", '"options" expected an object, got causal'],
  options("mask: null", { mask: null }, "ERR_DTYPE", '"mask" expected a tensor { data, shape }, got null'),
  options("bias: null", { bias: null }, "ERR_DTYPE", '"bias" expected a tensor { data, shape }, got null'),
  options("window: null", { window: null }, "ERR_OPTION", `${windowText} [null]`),
  options("window: a word", { window: "ab" }, "ERR_OPTION", `${windowText} [ab]`),
  options(
    "returnWeights",
    { returnWeights: 1 },
    "ERR_OPTION",
    '"returnWeights" expected true or false, got 1',
  ),
  options(
    "returnLogSumExp",
    { returnLogSumExp: "no" },
    "ERR_OPTION",
    '"returnLogSumExp" expected true or false, got no',
  ),
  options(
    "scale: infinite in float32",
    { scale: 1e300 },
    "ERR_OPTION",
    '"scale" expected a number that float32 can hold, got 1e+300',
  ),
  options(
    "an option that does not exist",
    { dropout: 0.5 },
    "ERR_OPTION",
    `"dropout" is no option here; expected ${attentionNames}`,
  ),

  options("out: no tensor", { out: 5 }, "ERR_DTYPE", '"out" expected a tensor { data, shape }, got 5'),
  options(
    "out: another type",
    { out: f64(2, 4, 3, 6) },
    "ERR_DTYPE",
    '"out" expected data of type Float32Array, got Float64Array',
  ),
  options(
    "out: another shape",
    { out: f32(2, 4, 3, 8) },
    "ERR_SHAPE",
    '"out" expected shape [2, 4, 3, 6], got [2, 4, 3, 8]',
  ),
  options(
    "out: a detached buffer",
    { out: detached(2, 4, 3, 6) },
    "ERR_DISPOSED",
    '"out" is backed by a detached buffer',
  ),
  [
    "out: in the query",
    [
      { data: shared.subarray(143, 335), shape: q.shape },
      k,
      v,
      { out: { data: shared.subarray(0, 144), shape: [2, 4, 3, 6] } },
    ],
    "ERR_OPTION",
    '"out" shares memory with an input',
  ],
  [
    "out: in the mask",
    [
      q,
      k,
      v,
      {
        mask: { data: shared.subarray(0, 5), shape: [5] },
        out: { data: shared.subarray(0, 144), shape: [2, 4, 3, 6] },
      },
    ],
    "ERR_OPTION",
    '"out" shares memory with an input',
  ],
  [
    "out: in the bias",
    [
      q,
      k,
      v,
      {
        bias: { data: shared.subarray(143, 148), shape: [5] },
        out: { data: shared.subarray(0, 144), shape: [2, 4, 3, 6] },
      },
    ],
    "ERR_OPTION",
    '"out" shares memory with an input',
  ],
  [
    "out: in the value",
    [
      q,
      k,
      { data: shared.subarray(0, 120), shape: v.shape },
      { out: { data: shared.subarray(119, 263), shape: [2, 4, 3, 6] } },
    ],
    "ERR_OPTION",
    '"out" shares memory with an input',
  ],

  packed(
    "no starts",
    { cuSeqlens: {} },
    "ERR_DTYPE",
    '"cuSeqlens.query" expected an array or a rank-1 tensor, got undefined',
  ),
  packed(
    "starts that end early",
    { cuSeqlens: { query: [0, 3], key: [0, 5, 9] } },
    "ERR_OPTION",
    '"cuSeqlens.query" expected numbers that rise from 0 to total=7, got [0, 3]',
  ),
  packed(
    "starts that begin late",
    { cuSeqlens: { query: [1, 7], key: [0, 9] } },
    "ERR_OPTION",
    '"cuSeqlens.query" expected numbers that rise from 0 to total=7, got [1, 7]',
  ),
  packed(
    "starts that fall",
    { cuSeqlens: { query: [0, 3, 2, 7], key: [0, 9] } },
    "ERR_OPTION",
    '"cuSeqlens.query" expected numbers that rise from 0 to total=7, got [0, 3, 2, 7]',
  ),
  packed(
    "another number of sequences",
    { cuSeqlens: { query: [0, 3, 7], key: [0, 9] } },
    "ERR_SHAPE",
    '"cuSeqlens.key" expected 3 numbers as in "cuSeqlens.query", got 2',
  ),
  ...(["mask", "bias", "blockMask", "returnWeights", "returnScores"] as const).map((name) =>
    packed(
      name,
      {
        [name]: { mask: u8(1), bias: f32(1), blockMask: {}, returnWeights: true, returnScores: "biased" }[
          name
        ],
      },
      "ERR_OPTION",
      `"${name}" cannot be combined with "cuSeqlens"`,
    ),
  ),
  packed("layout", { layout: "BHLE" }, "ERR_OPTION", '"layout" cannot be combined with "cuSeqlens"'),
  packed("rank 4", {}, "ERR_SHAPE", '"query" expected shape [total, H, E], got [2, 4, 3, 8]', [q, k, v]),
  packed("another total", {}, "ERR_SHAPE", '"value" expected shape [total=9, K=2, V], got [8, 2, 6]', [
    f32(7, 4, 8),
    f32(9, 2, 8),
    f32(8, 2, 6),
  ]),
];

const part = { output: f32(2, 4, 3, 6), logSumExp: f32(2, 4, 3) };
const partsText = '"parts" expected an array of { output, logSumExp }, got';
/** Parts of which one is wrong. */
const wrongPart = (name: string, wrong: unknown, code: Code, message: string, options = {}): Wrong => [
  name,
  [[part, wrong], options],
  code,
  message,
];
const merges: Wrong[] = [
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
  wrongPart("layout", part, "ERR_OPTION", `${oneOf.layout} LBHE`, { layout: "LBHE" }),
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

const [a, b] = [f32(2, 3), f32(3, 4)];
const matmulNames = "transposeA, transposeB, bias, scale, out, engine, signal";
const matmul: Wrong[] = [
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
  ["transposeB", [a, b, { transposeB: "yes" }], "ERR_OPTION", '"transposeB" expected true or false, got yes'],
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

const softmaxNames = "axis, scale, mask, log, out, engine, signal";
const softmaxes: Wrong[] = [
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
  ["axis: a word", [a, { axis: "1" }], "ERR_OPTION", '"axis" expected a whole number from -2 to 1, got 1'],
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

const operators = [
  ["scaledDotProductAttention", attention, [2, 4, 3, 6]],
  ["mergeAttention", merges, [2, 4, 3, 6]],
  ["matmul", matmul, [2, 4]],
  ["softmax", softmaxes, [2, 3]],
] as const;

/** Both forms of an operator on an engine, untyped: these arguments would not compile. */
function formsOf(engine: Engine, name: (typeof operators)[number][0]) {
  const call = (method: string, args: Args) =>
    (engine as unknown as Record<string, (...args: Args) => unknown>)[method]!(...args);
  return {
    sync: (args: Args) => call(`${name}Sync`, args),
    async: (args: Args) => call(name, args) as Promise<unknown>,
  };
}

describe.each(operators)("%s", (name, wrongs, shape) => {
  forEachEngine((_, engine) => {
    for (const [what, args, code, message] of wrongs)
      it(what, async () => {
        const { sync, async } = formsOf(engine(), name);
        const out = tensor(new Float32Array(sizeOf(shape)).fill(7), shape);
        const given = args.at(-1) as { out?: FloatTensor } | undefined | null;
        // Options that are options get an out, which must stay as it is.
        const all = isRecord(given) ? [...args.slice(0, -1), { out, ...given }] : args;
        const before = code !== "ERR_DISPOSED" && given?.out?.data && Float64Array.from(given.out.data);
        const { memory } = engine().info();

        const error = errorOf(() => sync(all));
        expect([error.name, error.code, error.message]).toEqual(["AttentionError", code, message]);
        expect(error).toBeInstanceOf(AttentionError);
        await expect(async(all)).rejects.toMatchObject({ name: "AttentionError", code, message });

        expect(engine().info()).toMatchObject({ running: 0, queued: 0, memory });
        expect(out.data.every((x) => x === 7)).toBe(true);
        if (before && given?.out) expect(Float64Array.from(given.out.data)).toEqual(before);
      });
  });
});

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !("data" in value);
}

function errorOf(call: () => unknown): AttentionError {
  try {
    call();
  } catch (error) {
    return error as AttentionError;
  }
  return expect.fail("no error");
}

describe("createEngine", () => {
  const wrong: [EngineOptions | object, Code, string][] = [
    [{ threads: -1 }, "ERR_OPTION", '"threads" expected "auto" or a whole number from 0 to 64, got -1'],
    [{ threads: 65 }, "ERR_OPTION", '"threads" expected "auto" or a whole number from 0 to 64, got 65'],
    [{ threads: 1.5 }, "ERR_OPTION", '"threads" expected "auto" or a whole number from 0 to 64, got 1.5'],
    [{ threads: "2" }, "ERR_OPTION", '"threads" expected "auto" or a whole number from 0 to 64, got 2'],
    [{ kernels: "fast" }, "ERR_OPTION", '"kernels" expected one of auto, strict, relaxed, wide, got "fast"'],
    [{ maxMemory: -1 }, "ERR_OPTION", '"maxMemory" expected a number of bytes, got -1'],
    [{ maxMemory: 0.5 }, "ERR_OPTION", '"maxMemory" expected a number of bytes, got 0.5'],
    [{ queueLimit: 1.5 }, "ERR_OPTION", '"queueLimit" expected a whole number, got 1.5'],
    [{ queueLimit: -1 }, "ERR_OPTION", '"queueLimit" expected a whole number, got -1'],
    [
      { thread: 2 },
      "ERR_OPTION",
      '"thread" is no option here; expected threads, kernels, maxMemory, queueLimit',
    ],
    [null as never, "ERR_OPTION", '"options" expected an object, got null'],
  ];
  it.each(wrong)("%j", (options, code, message) => {
    const error = errorOf(() => createEngine(options));
    expect([error.name, error.code, error.message]).toEqual(["AttentionError", code, message]);
  });

  it.runIf(!kernelSets.includes("relaxed"))("relaxed kernels where there are none", () => {
    const error = errorOf(() => createEngine({ kernels: "relaxed" }));
    expect([error.code, error.message]).toEqual([
      "ERR_UNSUPPORTED",
      '"kernels" asks for relaxed kernels, but this JavaScript engine has no relaxed SIMD',
    ]);
  });
});

describe("tensors", () => {
  const types =
    "Float32Array or Float64Array or Uint8Array or Int8Array or Int16Array or Uint16Array or Int32Array or Uint32Array or BigInt64Array";
  const wrong: [string, () => unknown, Code, string][] = [
    [
      "too many elements",
      () => tensor([1, 2, 3], [2]),
      "ERR_SHAPE",
      '"data" of shape [2] expected 2 elements, got 3',
    ],
    [
      "a fraction",
      () => tensor([1], [1.5]),
      "ERR_SHAPE",
      '"data" expected sizes that are whole numbers, got [1.5]',
    ],
    [
      "no shape",
      () => tensor([1], undefined as never),
      "ERR_DTYPE",
      '"data" expected a shape that is an array, got undefined',
    ],
    [
      "words for numbers",
      () => tensor([1, "2"] as never, [2]),
      "ERR_DTYPE",
      '"data" expected numbers, got "2" in place 1',
    ],
    [
      "a word",
      () => tensor("1" as never, [1]),
      "ERR_DTYPE",
      `"data" expected data of type ${types}, got string`,
    ],
    [
      "clamped",
      () => tensor(new Uint8ClampedArray(1) as never, [1]),
      "ERR_DTYPE",
      `"data" expected data of type ${types}, got Uint8ClampedArray`,
    ],
  ];
  it.each(wrong)("tensor: %s", (_, call, code, message) => {
    const error = errorOf(call);
    expect([error.name, error.code, error.message]).toEqual(["AttentionError", code, message]);
  });

  forEachEngine((_, engine) => {
    it.each([5, null, undefined])("engine.tensor(%j)", (shape) => {
      const error = errorOf(() => engine().tensor(shape as never));
      expect([error.code, error.message]).toEqual(["ERR_OPTION", `"shape" expected an array, got ${shape}`]);
    });

    it.each([[[-1]], [[1.5]], [["2"]], [[3, Number.NaN]]])("engine.tensor(%j)", (shape) => {
      const error = errorOf(() => engine().tensor(shape as number[]));
      const got = String(shape.at(-1));
      expect([error.code, error.message]).toEqual([
        "ERR_OPTION",
        `"shape" expected a whole number of at least 0, got ${got}`,
      ]);
      expect(engine().info().memory.used).toBe(0);
    });
  });
});

describe("block masks", () => {
  const mask = (sizes: Partial<BlockMaskSizes>) => createBlockMask(() => true, { L: 3, S: 4, ...sizes });
  const wrong: [string, () => unknown, Code, string][] = [
    ["L", () => mask({ L: -1 }), "ERR_OPTION", '"L" expected a whole number of at least 0, got -1'],
    ["S", () => mask({ S: 0.5 }), "ERR_OPTION", '"S" expected a whole number of at least 0, got 0.5'],
    ["B", () => mask({ B: 0 }), "ERR_OPTION", '"B" expected a whole number of at least 1, got 0'],
    [
      "blockSize",
      () => mask({ blockSize: 0 }),
      "ERR_OPTION",
      '"blockSize" expected a whole number of at least 1, got 0',
    ],
    [
      "and: sizes",
      () => mask({}).and(mask({ L: 4 })),
      "ERR_SHAPE",
      '"other" expected a block mask of L=3, S=4, got L=4, S=4',
    ],
    ["or: B", () => mask({ B: 2 }).or(mask({ B: 3 })), "ERR_SHAPE", '"other" expected B of 1 or 2, got 3'],
    ["or: H", () => mask({ H: 2 }).or(mask({ H: 3 })), "ERR_SHAPE", '"other" expected H of 1 or 2, got 3'],
  ];
  it.each(wrong)("%s", (_, call, code, message) => {
    const error = errorOf(call);
    expect([error.name, error.code, error.message]).toEqual(["AttentionError", code, message]);
  });
});

describe("the functions of the default engine", () => {
  it("an engine that is none", async () => {
    const message = '"engine" expected what createEngine returns, got an object';
    expect(errorOf(() => softmaxSync(a, { engine: {} as never }))).toMatchObject({
      code: "ERR_OPTION",
      message,
    });
    await expect(softmax(a, { engine: {} as never })).rejects.toMatchObject({ code: "ERR_OPTION", message });
  });

  it("a controller for its signal", async () => {
    const signal = new AbortController() as never;
    const message = '"signal" expected an AbortSignal, got an object that has one: controller.signal';
    await expect(softmax(a, { signal })).rejects.toMatchObject({ code: "ERR_OPTION", message });
    await expect(softmax(a, { signal: 5 as never })).rejects.toMatchObject({
      code: "ERR_OPTION",
      message: '"signal" expected an AbortSignal, got 5',
    });
  });

  it("a block mask without sizes", () => {
    expect(errorOf(() => createBlockMask(() => true, undefined as never))).toMatchObject({
      code: "ERR_OPTION",
      message: '"sizes" expected { L, S }, got undefined',
    });
  });

  it("refuse alike", async () => {
    expect(() => scaledDotProductAttentionSync(q, v, v)).toThrow('"key" expected shape [B=2, K, S, E=8]');
    await expect(softmax(a, { axis: 7 })).rejects.toMatchObject({ code: "ERR_OPTION" });
  });
});
