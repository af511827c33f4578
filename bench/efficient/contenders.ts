/** Exact attention and what would replace it, each with some rows of its result as float64 has them. */
import { createBlockMask, type Engine, type MaskPredicate, type Tensor } from "wasm-attention";
import {
  bigBird,
  linformerAttentionSync,
  longformer,
  orthogonalRandomFeatures,
  performerAttentionSync,
  randomProjection,
} from "wasm-attention/efficient";
import { linearAttention } from "wasm-attention/onnx";
import * as reference from "wasm-attention/reference";
import { createRandom } from "../random.ts";

export const E = 64;
const P = 256;
const m = 256;
const window = 512;

/** Query, key, value `[1, L, E]` and the output in the engine's memory. */
export interface Problem {
  readonly engine: Engine;
  readonly L: number;
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly out: Tensor;
}

export interface Contender {
  readonly name: string;
  /** What it would replace: the exact attention that sees as much. */
  readonly replaces?: string;
  /** Makes what is made once for a length: masks, projections, directions. */
  prepare(problem: Problem): Prepared;
}

export interface Prepared {
  /** Computes and gives the output, `[L, E]`. */
  run(): Float32Array;
  /** Row i of the same in float64. */
  rowOf(i: number): ArrayLike<number>;
}

export const exact = "exact";
export const exactCausal = "exact, causal";

export const contenders: readonly Contender[] = [
  { name: exact, prepare: (problem) => attention(problem, {}) },
  { name: exactCausal, prepare: (problem) => attention(problem, { causal: true }) },
  {
    name: `window of ${window}`,
    replaces: exact,
    prepare: (problem) => attention(problem, { window: [window / 2, window / 2] }),
  },
  {
    name: `Longformer, window of ${window}, 1 global token`,
    replaces: exact,
    prepare: (problem) => pattern(problem, longformer({ window, globalTokens: [0] })),
  },
  {
    name: "BigBird, blocks of 64: 2 global, 3 window, 3 random",
    replaces: exact,
    prepare: (problem) => pattern(problem, bigBird({ length: problem.L })),
  },
  { name: `Linformer, P = ${P}`, replaces: exact, prepare: linformer },
  { name: `Performer, m = ${m}`, replaces: exact, prepare: (problem) => performer(problem, false) },
  {
    name: `Performer, m = ${m}, causal`,
    replaces: exactCausal,
    prepare: (problem) => performer(problem, true),
  },
  { name: "linear attention, causal", replaces: exactCausal, prepare: linear },
];

export function createProblem(engine: Engine, L: number): Problem {
  const random = createRandom(L);
  const [query, key, value, out] = Array.from({ length: 4 }, () => {
    const made = engine.tensor([1, L, E]);
    made.data.set(random(L * E));
    return made;
  });
  return { engine, L, query, key, value, out };
}

export function disposeProblem({ query, key, value, out }: Problem): void {
  for (const made of [query, key, value, out]) made.dispose();
}

function rowOf({ data }: Tensor, i: number) {
  return { data: data.slice(i * E, (i + 1) * E), shape: [1, 1, E] };
}

function attention(problem: Problem, options: { causal?: true; window?: [number, number] }): Prepared {
  const { engine, query, key, value, out } = problem;
  return {
    run: () => engine.scaledDotProductAttentionSync(query, key, value, { ...options, out }).output.data,
    rowOf: (i: number) => {
      const at = { ...options, queryOffset: i };
      return reference.scaledDotProductAttention(rowOf(query, i), key, value, at).output.data;
    },
  };
}

function pattern({ engine, L, query, key, value, out }: Problem, allows: MaskPredicate): Prepared {
  const blockMask = createBlockMask(allows, { L, S: L });
  return {
    run: () => engine.scaledDotProductAttentionSync(query, key, value, { blockMask, out }).output.data,
    rowOf: (i: number) => {
      const bytes = Uint8Array.from({ length: L }, (_, j) => (allows(0, 0, i, j) ? 1 : 0));
      const mask = { data: bytes, shape: [1, L] };
      return reference.scaledDotProductAttention(rowOf(query, i), key, value, { mask }).output.data;
    },
  };
}

function linformer({ engine, L, query, key, value, out }: Problem): Prepared {
  const keyProjection = engine.tensor([P, L]);
  keyProjection.data.set(randomProjection(P, L).data);
  return {
    run: () => linformerAttentionSync(query, key, value, { keyProjection, out, engine }).output.data,
    rowOf: (i: number) =>
      reference.linformerAttention(rowOf(query, i), key, value, { keyProjection }).output.data,
  };
}

function performer({ engine, query, key, value, out }: Problem, causal: boolean): Prepared {
  const features = orthogonalRandomFeatures(m, E, 1);
  return {
    run: () => performerAttentionSync(query, key, value, { features, causal, out, engine }).output.data,
    rowOf: (i: number) => {
      const seen = causal ? { kvLengths: [i + 1] } : {};
      return reference.performerAttention(rowOf(query, i), key, value, { features, ...seen }).output.data;
    },
  };
}

/** ONNX's operator under its plain rule. It makes its output anew in each call: ONNX's interface has no `out`. */
function linear({ engine, L, query, key, value }: Problem): Prepared {
  const heads = { q_num_heads: 1, kv_num_heads: 1, update_rule: "linear" } as const;
  let rows: Float64Array | undefined;
  return {
    run: () => linearAttention({ query, key, value }, heads, { engine }).output.data,
    rowOf: (i: number) => {
      const [q, k, v] = [query, key, value].map(({ data }) => ({ data, shape: [1, 1, L, E] }));
      rows ??= reference.linearAttention(q, k, v).output.data;
      return rows.subarray(i * E, (i + 1) * E);
    },
  };
}
