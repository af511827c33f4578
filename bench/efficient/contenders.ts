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
  prepare(problem: Problem): {
    run(): void;
    /** Row i of the result in float64. */
    rowOf(i: number): ArrayLike<number>;
  };
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

function attention(problem: Problem, options: { causal?: true; window?: [number, number] }) {
  const { engine, query, key, value, out } = problem;
  return {
    run: () => void engine.scaledDotProductAttentionSync(query, key, value, { ...options, out }),
    rowOf: (i: number) => {
      const at = { ...options, queryOffset: i };
      return reference.scaledDotProductAttention(rowOf(query, i), key, value, at).output.data;
    },
  };
}

function pattern({ engine, L, query, key, value, out }: Problem, allows: MaskPredicate) {
  const blockMask = createBlockMask(allows, { L, S: L });
  return {
    run: () => void engine.scaledDotProductAttentionSync(query, key, value, { blockMask, out }),
    rowOf: (i: number) => {
      const bytes = Uint8Array.from({ length: L }, (_, j) => (allows(0, 0, i, j) ? 1 : 0));
      const mask = { data: bytes, shape: [1, L] };
      return reference.scaledDotProductAttention(rowOf(query, i), key, value, { mask }).output.data;
    },
  };
}

function linformer({ engine, L, query, key, value, out }: Problem) {
  const keyProjection = engine.tensor([P, L]);
  keyProjection.data.set(randomProjection(P, L).data);
  return {
    run: () => void linformerAttentionSync(query, key, value, { keyProjection, out, engine }),
    rowOf: (i: number) =>
      reference.linformerAttention(rowOf(query, i), key, value, { keyProjection }).output.data,
  };
}

function performer({ engine, query, key, value, out }: Problem, causal: boolean) {
  const features = orthogonalRandomFeatures(m, E, 1);
  return {
    run: () => void performerAttentionSync(query, key, value, { features, causal, out, engine }),
    rowOf: (i: number) => {
      const seen = causal ? { kvLengths: [i + 1] } : {};
      return reference.performerAttention(rowOf(query, i), key, value, { features, ...seen }).output.data;
    },
  };
}
