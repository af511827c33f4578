/** Wrong calls of the approximations, and of what makes their patterns, projections and features. */
import * as efficient from "wasm-attention/efficient";
import { k, q, v } from "./attention.ts";
import type { Maker } from "./makers.ts";
import { type Code, f32, type Wrong } from "./rows.ts";

/** Arguments that are right but for the tensors, and options that are right but for one. */
function wrongsOf(right: Record<string, unknown>) {
  return {
    tensors: (args: readonly unknown[], code: Code, message: string): Wrong => [
      message,
      [...args, right],
      code,
      message,
    ],
    option: (wrong: object, code: Code, message: string): Wrong => [
      message,
      [q, k, v, { ...right, ...wrong }],
      code,
      message,
    ],
    /** What both approximations refuse alike. */
    shared(names: string): Wrong[] {
      return [
        this.tensors([f32(2), k, v], "ERR_SHAPE", '"query" expected a tensor of rank 2, 3 or 4, got rank 1'),
        this.tensors(
          [q, f32(2, 2, 5, 7), v],
          "ERR_SHAPE",
          '"key" expected shape [B=2, K, S, E=8], got [2, 2, 5, 7]',
        ),
        this.tensors(
          [q, f32(2, 3, 5, 8), f32(2, 3, 5, 6)],
          "ERR_SHAPE",
          '"key" expected K heads that divide H=4, got 3',
        ),
        this.tensors(
          [q, k, f32(2, 2, 4, 6)],
          "ERR_SHAPE",
          '"value" expected shape [B=2, K=2, S=5, V], got [2, 2, 4, 6]',
        ),
        this.tensors(
          [q, k, { data: new Float64Array(120), shape: [2, 2, 5, 6] }],
          "ERR_DTYPE",
          '"value" expected data of type Float32Array, got Float64Array',
        ),
        this.tensors([q, null, v], "ERR_DTYPE", '"key" expected a tensor { data, shape }, got null'),
        this.option({ mask: 1 }, "ERR_OPTION", `"mask" is no option here; expected ${names}`),
        this.option({ layout: "LBHE" }, "ERR_OPTION", '"layout" expected one of "BHLE", "BLHE", got "LBHE"'),
        this.option({ scale: Number.NaN }, "ERR_OPTION", '"scale" expected a finite number, got NaN'),
        this.option(
          { scale: 1e39 },
          "ERR_OPTION",
          '"scale" expected a number that float32 can hold, got 1e+39',
        ),
        this.option(
          { out: f32(2, 4, 3, 8) },
          "ERR_SHAPE",
          '"out" expected shape [2, 4, 3, 6], got [2, 4, 3, 8]',
        ),
        this.option(
          { out: { data: q.data.subarray(0, 144), shape: [2, 4, 3, 6] } },
          "ERR_OPTION",
          '"out" shares memory with an input',
        ),
        ["no options", [q, k, v], "ERR_OPTION", '"options" expected an object, got undefined'],
      ];
    },
  };
}

const lin = wrongsOf({ keyProjection: f32(3, 5) });
export const linformers: readonly Wrong[] = [
  ...lin.shared("keyProjection, valueProjection, scale, layout, out, signal, engine"),
  lin.option(
    { keyProjection: undefined },
    "ERR_DTYPE",
    '"keyProjection" expected a tensor { data, shape }, got undefined',
  ),
  lin.option(
    { keyProjection: f32(3, 4) },
    "ERR_SHAPE",
    '"keyProjection" expected shape [P, S=5] or [K=2, P, S=5], got [3, 4]',
  ),
  lin.option(
    { keyProjection: f32(4, 3, 5) },
    "ERR_SHAPE",
    '"keyProjection" expected shape [P, S=5] or [K=2, P, S=5], got [4, 3, 5]',
  ),
  lin.option(
    { keyProjection: f32(5) },
    "ERR_SHAPE",
    '"keyProjection" expected shape [P, S=5] or [K=2, P, S=5], got [5]',
  ),
  lin.option(
    { valueProjection: f32(4, 5) },
    "ERR_SHAPE",
    '"valueProjection" expected shape [P=3, S=5] or [K=2, P=3, S=5], got [4, 5]',
  ),
  lin.option(
    { causal: true },
    "ERR_OPTION",
    '"causal" is no option here; expected keyProjection, valueProjection, scale, layout, out, signal, engine',
  ),
];

const per = wrongsOf({ features: f32(16, 8) });
export const performers: readonly Wrong[] = [
  ...per.shared("features, causal, epsilon, scale, kvLengths, layout, out, signal, engine"),
  per.option(
    { features: undefined },
    "ERR_DTYPE",
    '"features" expected a tensor [m, E] or { count, seed }, got undefined',
  ),
  per.option({ features: 16 }, "ERR_DTYPE", '"features" expected a tensor [m, E] or { count, seed }, got 16'),
  per.option(
    { features: f32(16, 7) },
    "ERR_SHAPE",
    '"features" expected shape [m, E=8] of at least one row, got [16, 7]',
  ),
  per.option(
    { features: f32(0, 8) },
    "ERR_SHAPE",
    '"features" expected shape [m, E=8] of at least one row, got [0, 8]',
  ),
  per.option(
    { features: f32(8) },
    "ERR_SHAPE",
    '"features" expected shape [m, E=8] of at least one row, got [8]',
  ),
  per.option(
    { features: { count: 0 } },
    "ERR_OPTION",
    '"features.count" expected a whole number of at least 1, got 0',
  ),
  per.option(
    { features: {} },
    "ERR_OPTION",
    '"features.count" expected a whole number of at least 1, got undefined',
  ),
  per.option(
    { features: { count: 4, seed: -1 } },
    "ERR_OPTION",
    '"seed" expected a whole number from 0 to 2^53 - 1, got -1',
  ),
  per.option(
    { features: { count: 4, sed: 1 } },
    "ERR_OPTION",
    '"sed" is no option here (did you mean "seed"?); expected count, seed',
  ),
  per.option({ causal: 1 }, "ERR_OPTION", '"causal" expected true or false, got 1'),
  per.option({ causal: true }, "ERR_SHAPE", '"key" expected S=3 as there are queries, for "causal", got 5'),
  per.option({ epsilon: -1 }, "ERR_OPTION", '"epsilon" expected a finite number of at least 0, got -1'),
  per.option({ scale: 0 }, "ERR_OPTION", '"scale" expected a number above 0, got 0'),
  per.option({ scale: -1 }, "ERR_OPTION", '"scale" expected a number above 0, got -1'),
  per.option({ kvLengths: [1] }, "ERR_SHAPE", '"kvLengths" expected 2 elements, got 1'),
  per.option({ kvLengths: [1, 6] }, "ERR_OPTION", '"kvLengths" expected 0 to S=5, got 6'),
];

const { bigBird, longformer, orthogonalRandomFeatures, poolingProjection, randomProjection } = efficient;
const wrong: [message: string, make: () => unknown][] = [
  ['"length" expected a whole number of at least 0, got undefined', () => bigBird({} as never)],
  ['"length" expected a whole number of at least 0, got 1.5', () => bigBird({ length: 1.5 })],
  ['"blockSize" expected a whole number of at least 1, got 0', () => bigBird({ length: 9, blockSize: 0 })],
  [
    '"windowBlocks" expected an odd number, as many before as after, got 2',
    () => bigBird({ length: 9, windowBlocks: 2 }),
  ],
  [
    '"windowBlocks" expected a whole number of at least 1, got 0',
    () => bigBird({ length: 9, windowBlocks: 0 }),
  ],
  [
    '"randomBlocks" expected a whole number of at least 0, got -1',
    () => bigBird({ length: 9, randomBlocks: -1 }),
  ],
  [
    '"globalBlocks" expected a whole number of at least 0, got -1',
    () => bigBird({ length: 9, globalBlocks: -1 }),
  ],
  [
    '"globalBlocks" expected numbers of blocks from 0 to 2, got 3',
    () => bigBird({ length: 9, blockSize: 3, globalBlocks: [0, 3] }),
  ],
  ['"seed" expected a whole number from 0 to 2^53 - 1, got 0.5', () => bigBird({ length: 9, seed: 0.5 })],
  [
    '"window" is no option here (did you mean "windowBlocks"?); expected length, blockSize, globalBlocks, windowBlocks, randomBlocks, seed',
    () => bigBird({ length: 9, window: 3 } as never),
  ],
  ['"window" expected a whole number of at least 0, got -1', () => longformer({ window: -1 })],
  [
    '"dilation" expected a whole number of at least 1, got 0',
    () => longformer({ window: 2, dilation: [1, 0] }),
  ],
  [
    '"globalTokens" expected a whole number of at least 0, got -1',
    () => longformer({ window: 2, globalTokens: [-1] }),
  ],
  [
    '"globals" is no option here; expected window, dilation, globalTokens',
    () => longformer({ window: 2, globals: [1] } as never),
  ],
  ['"count" expected a whole number of at least 1, got 0', () => orthogonalRandomFeatures(0, 4)],
  ['"size" expected a whole number of at least 0, got -4', () => orthogonalRandomFeatures(4, -4)],
  ['"rows" expected a whole number of at least 1, got 0', () => randomProjection(0, 4)],
  ['"columns" expected a whole number of at least 0, got 0.5', () => randomProjection(4, 0.5)],
  ['"columns" expected a whole number of at least 4, got 3', () => poolingProjection(4, 3)],
];

export const makers: readonly Maker[] = wrong.map(([message, call]) => ({
  call,
  code: "ERR_OPTION",
  message,
}));
