// Attention in plain JavaScript, for comparison: the tuned baseline of the benchmarks. It computes on the event loop, as
// JavaScript in a service does unless somebody builds a pool of threads for it.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { Model, Settings } from "../settings.ts";
import type { Backend, PoolProblem, PoolResult, SessionCache } from "./backend.ts";

/** What is used of bench/baselines. */
interface Baseline {
  matmul(a: Float32Array, b: Float32Array, M: number, K: number, N: number, out: Float32Array): void;
  softmax(x: Float32Array, rows: number, columns: number, out: Float32Array): void;
  /** Queries `q`, `q + E`, ... over S keys and values; outputs lie where queries do. */
  attendRows(
    inputs: { readonly query: Float32Array; readonly key: Float32Array; readonly value: Float32Array },
    q: number,
    rows: number,
    kv: number,
    S: number,
    E: number,
    out: Float32Array,
  ): void;
}

export async function javascriptBackend({ model, memoryBytes }: Settings): Promise<Backend> {
  const baseline = await loadBaseline();
  const memory = { used: 0, peak: 0, reserved: 0, limit: memoryBytes };
  return {
    async pool(problem) {
      return pool(baseline, problem);
    },
    createCache: () => new ArrayCache(baseline, model),
    info: () => ({ description: "tuned JavaScript", threads: 1, running: 0, queued: 0, memory }),
    async warmUp() {},
    async close() {},
  };
}

/** The baselines are built beside the package and are no part of it, so they are found by their place. */
async function loadBaseline(): Promise<Baseline> {
  const entry = pathToFileURL(createRequire(import.meta.url).resolve("wasm-attention"));
  const load = (name: string) => import(new URL(`../build/baselines/${name}.js`, entry).href);
  const [{ matmul, softmax }, { attendRows }] = await Promise.all([load("tuned"), load("tuned-decode")]);
  return { matmul, softmax, attendRows };
}

function pool({ matmul, softmax }: Baseline, problem: PoolProblem): PoolResult {
  const { L, S, E, V, values, similarity, scale } = problem;
  const unit = similarity === "cosine" ? unitRows : (x: Float32Array) => x;
  const query = unit(problem.query, E).map((x) => x * scale);
  // Candidates by queries, so that it is the few queries which are transposed.
  const scores = new Float32Array(S * L);
  matmul(unit(problem.candidates, E), transposed(query, L, E), S, E, L, scores);
  const weights = transposed(scores, S, L);
  softmax(weights, L, S, weights);
  const pooled = new Float32Array(L * V);
  matmul(weights, values, L, S, V, pooled);
  return { pooled, weights };
}

function transposed(x: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(x.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = x[i * columns + j]!;
  return out;
}

function unitRows(x: Float32Array, E: number): Float32Array {
  const out = new Float32Array(x.length);
  for (let row = 0; row < x.length; row += E) {
    let squares = 0;
    for (let e = row; e < row + E; e++) squares += x[e]! ** 2;
    const factor = 1 / Math.max(Math.sqrt(squares), 1e-12);
    for (let e = row; e < row + E; e++) out[e] = x[e]! * factor;
  }
  return out;
}

/** Keys and values head by head, `[tokens, headDim]` each, in arrays that grow by an eighth. */
class ArrayCache implements SessionCache {
  readonly #baseline: Baseline;
  readonly #model: Model;
  #heads: { key: Float32Array; value: Float32Array }[];
  length = 0;

  constructor(baseline: Baseline, model: Model) {
    this.#baseline = baseline;
    this.#model = model;
    const none = new Float32Array(0);
    this.#heads = Array.from({ length: model.kvHeads }, () => ({ key: none, value: none }));
  }

  get byteLength(): number {
    return this.#heads.reduce((sum, { key, value }) => sum + key.byteLength + value.byteLength, 0);
  }

  async append(count: number, key: Float32Array, value: Float32Array): Promise<void> {
    const { kvHeads, headDim } = this.#model;
    const from = this.length * headDim;
    this.#heads.forEach((head, h) => {
      head.key = withRoom(head.key, from + count * headDim);
      head.value = withRoom(head.value, from + count * headDim);
      for (let i = 0; i < count; i++) {
        const row = (i * kvHeads + h) * headDim;
        head.key.set(key.subarray(row, row + headDim), from + i * headDim);
        head.value.set(value.subarray(row, row + headDim), from + i * headDim);
      }
    });
    this.length += count;
  }

  async attend(count: number, query: Float32Array): Promise<Float32Array> {
    const { heads, kvHeads, headDim } = this.#model;
    const group = heads / kvHeads;
    const out = new Float32Array(query.length);
    for (let i = 0; i < count; i++) {
      const S = this.length - count + i + 1;
      this.#heads.forEach(({ key, value }, h) => {
        const row = (i * heads + h * group) * headDim;
        this.#baseline.attendRows({ query, key, value }, row, group, 0, S, headDim, out);
      });
    }
    return out;
  }

  truncate(length: number): void {
    this.length = length;
  }

  fork(): SessionCache {
    const fork = new ArrayCache(this.#baseline, this.#model);
    fork.length = this.length;
    fork.#heads = this.#heads.map(({ key, value }) => ({ key: key.slice(), value: value.slice() }));
    return fork;
  }

  dispose(): void {
    this.#heads = [];
  }
}

/** The same numbers with room for so many. */
function withRoom(x: Float32Array, length: number): Float32Array {
  if (x.length >= length) return x;
  const larger = new Float32Array(Math.max(length, Math.ceil(1.125 * x.length)));
  larger.set(x);
  return larger;
}
