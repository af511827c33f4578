/** Wrong calls of attention over tensors. */
import { createBlockMask } from "wasm-attention";
import type { FloatTensor } from "../support/random-tensors.ts";
import { boom, type Code, detached, f32, f64, noTensors, shared, u8, type Wrong } from "./rows.ts";

function changedMask() {
  const mask = createBlockMask((_b, _h, i, j) => i === j, { L: 3, S: 5 });
  mask.kinds[0] = 1000;
  return mask;
}

/** Query, key and value of a right call. */
export const [q, k, v] = [f32(2, 4, 3, 8), f32(2, 2, 5, 8), f32(2, 2, 5, 6)];
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

export const attentionNames =
  "mask, bias, causal, queryOffset, window, kvLengths, softcap, alibiSlopes, relativeBias, sinks, blockMask, " +
  "scale, similarity, layout, cuSeqlens, returnScores, returnWeights, returnLogSumExp, out, signal, engine";
export const oneOf = {
  causal: '"causal" expected one of false, true, "top-left", "bottom-right", got',
  layout: '"layout" expected one of "BHLE", "BLHE", got',
  similarity: '"similarity" expected one of "dot", "cosine", "root-norm", got',
  returnScores: '"returnScores" expected one of "scaled", "capped", "biased", got',
};
const windowText = '"window" expected [left, right] of at least -1, got';

export const attention: readonly Wrong[] = [
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

  options("causal: left", { causal: "left" }, "ERR_OPTION", `${oneOf.causal} "left"`),
  options("causal: 1", { causal: 1 }, "ERR_OPTION", `${oneOf.causal} 1`),
  options("causal: null", { causal: null }, "ERR_OPTION", `${oneOf.causal} null`),
  options("layout", { layout: "BHEL" }, "ERR_OPTION", `${oneOf.layout} "BHEL"`),
  options("similarity", { similarity: "l2" }, "ERR_OPTION", `${oneOf.similarity} "l2"`),
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
    '"kvLengths" expected numbers, got "a"',
  ),
  options("window: a number", { window: 5 }, "ERR_OPTION", `${windowText} 5`),
  options("window: one side", { window: [1] }, "ERR_OPTION", `${windowText} [1]`),
  options("window: below -1", { window: [-2, 0] }, "ERR_OPTION", `${windowText} [-2, 0]`),
  options("window: a fraction", { window: [0, 1.5] }, "ERR_OPTION", `${windowText} [0, 1.5]`),

  options("scale: NaN", { scale: Number.NaN }, "ERR_OPTION", '"scale" expected a finite number, got NaN'),
  options(
    "scale: infinite",
    { scale: Infinity },
    "ERR_OPTION",
    '"scale" expected a finite number, got Infinity',
  ),
  options("scale: a word", { scale: "1" }, "ERR_OPTION", '"scale" expected a finite number, got "1"'),
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
    '"relativeBias.maxDistance" expected a whole number of at least 9, got 3',
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
  ["options: a word", [q, k, v, "causal"], "ERR_OPTION", '"options" expected an object, got "causal"'],
  options("mask: null", { mask: null }, "ERR_DTYPE", '"mask" expected a tensor { data, shape }, got null'),
  options("bias: null", { bias: null }, "ERR_DTYPE", '"bias" expected a tensor { data, shape }, got null'),
  options("window: null", { window: null }, "ERR_OPTION", `${windowText} null`),
  options("window: a word", { window: "ab" }, "ERR_OPTION", `${windowText} "ab"`),
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
    '"returnLogSumExp" expected true or false, got "no"',
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
  options("window: a hole", { window: new Array(2) }, "ERR_OPTION", `${windowText} [undefined, undefined]`),
  options(
    "kvLengths: null",
    { kvLengths: null },
    "ERR_DTYPE",
    '"kvLengths" expected an array or a rank-1 tensor, got null',
  ),
  options(
    "kvLengths: null among numbers",
    { kvLengths: [5, null] },
    "ERR_OPTION",
    '"kvLengths" expected numbers, got null',
  ),
  options(
    "kvLengths: numbers in texts",
    { kvLengths: ["5", "5"] },
    "ERR_OPTION",
    '"kvLengths" expected numbers, got "5"',
  ),
  options(
    "kvLengths: a hole",
    { kvLengths: new Array(2) },
    "ERR_OPTION",
    '"kvLengths" expected numbers, got undefined',
  ),
  options(
    "kvLengths: a view of bytes",
    { kvLengths: new DataView(new ArrayBuffer(8)) },
    "ERR_DTYPE",
    '"kvLengths" expected an array or a rank-1 tensor, got a DataView',
  ),
  options(
    "kvLengths: a detached buffer",
    { kvLengths: detached(2).data },
    "ERR_DISPOSED",
    '"kvLengths" is backed by a detached buffer',
  ),
  options(
    "queryOffset: null",
    { queryOffset: null },
    "ERR_DTYPE",
    '"queryOffset" expected an array or a rank-1 tensor, got null',
  ),
  options(
    "queryOffset: too far, beside slopes",
    { queryOffset: 2 ** 31, alibiSlopes: [1, 1, 1, 1] },
    "ERR_OPTION",
    '"queryOffset" expected -1073741824 to 1073741824 beside "alibiSlopes" or "window", got 2147483648',
  ),
  options(
    "softcap: beyond float32",
    { softcap: 1e300 },
    "ERR_OPTION",
    '"softcap" expected a number that float32 can hold, got 1e+300',
  ),
  options(
    "softcap: 0 in float32",
    { softcap: 1e-60 },
    "ERR_OPTION",
    '"softcap" expected a number that float32 can hold, got 1e-60',
  ),
  options("scale: a bigint", { scale: 1n }, "ERR_OPTION", '"scale" expected a finite number, got 1n'),
  options(
    "scale: a symbol",
    { scale: Symbol("1") },
    "ERR_OPTION",
    '"scale" expected a finite number, got a symbol',
  ),
  options(
    "sinks: beyond float32",
    { sinks: [1e300, 0, 0, 0] },
    "ERR_OPTION",
    '"sinks" expected numbers that float32 can hold, got 1e+300',
  ),
  options(
    "alibiSlopes: beyond float32",
    { alibiSlopes: [1e300, 0, 0, 0] },
    "ERR_OPTION",
    '"alibiSlopes" expected numbers that float32 can hold, got 1e+300',
  ),
  options(
    "relativeBias: a fraction for maxDistance",
    { relativeBias: { table: f32(32, 4), maxDistance: 10.5 } },
    "ERR_OPTION",
    '"relativeBias.maxDistance" expected a whole number of at least 9, got 10.5',
  ),
  options(
    "relativeBias: a name that does not exist",
    { relativeBias: { table: f32(32, 4), max: 9 } },
    "ERR_OPTION",
    '"max" is no option here; expected table, bidirectional, maxDistance',
  ),
  options(
    "relativeBias: bidirectional",
    { relativeBias: { table: f32(32, 4), bidirectional: 1 } },
    "ERR_OPTION",
    '"relativeBias.bidirectional" expected true or false, got 1',
  ),
  options(
    "blockMask: changed since it was made",
    { blockMask: changedMask() },
    "ERR_OPTION",
    '"blockMask" has been changed since createBlockMask made it',
  ),
  options(
    "a getter that throws",
    Object.defineProperty({}, "scale", { enumerable: true, get: boom }),
    "ERR_DTYPE",
    '"scale" cannot be read: boom',
  ),
  options(
    "a proxy that throws",
    new Proxy({}, { ownKeys: boom }),
    "ERR_DTYPE",
    '"options" cannot be read: boom',
  ),
  options(
    "signal: no signal",
    { signal: { throwIfAborted() {} } },
    "ERR_OPTION",
    '"signal" expected an AbortSignal, got an object',
  ),
  options(
    "engine: none",
    { engine: {} },
    "ERR_OPTION",
    '"engine" expected the engine whose method is called, got an object',
  ),
  [
    "sizes that multiply to 2^64, and a 0",
    [f32(2 ** 32, 0, 1, 1), k, v, {}],
    "ERR_SHAPE",
    '"query" expected sizes whose product, but for the 0, is at most 1073741824, got [4294967296, 0, 1, 1]',
  ],
  [
    "more batch entries than there may be",
    [f32(2 ** 25, 0, 1, 1), k, v, {}],
    "ERR_SHAPE",
    '"query" expected B of at most 16777216, got 33554432',
  ],
  [
    "an output beyond 4 GiB",
    [
      { data: new Float32Array(2 ** 17), shape: [2 ** 17, 1] },
      f32(1, 1),
      { data: new Float32Array(2 ** 17), shape: [1, 2 ** 17] },
      { out: undefined },
    ],
    "ERR_MEMORY",
    "the output of shape [131072, 131072] needs 17179869184 numbers, more than 1073741824",
  ],
];
