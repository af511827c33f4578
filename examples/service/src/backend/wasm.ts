// Attention by this library: on its own threads, off the event loop.
import { createEngine, type Engine, KVCache, tensor } from "wasm-attention";
import type { Model, Settings } from "../settings.ts";
import type { Backend, SessionCache } from "./backend.ts";

/** Copying so few tokens takes less time than handing the call to a thread. */
const APPENDED_HERE = 16;

export function wasmBackend({ threads, memoryBytes, queueLimit, model }: Settings): Backend {
  const engine = createEngine({ threads, maxMemory: memoryBytes, queueLimit });
  return {
    async pool({ L, S, E, V, query, candidates, values, similarity, scale }, signal) {
      const { output, weights } = await engine.scaledDotProductAttention(
        tensor(query, [L, E]),
        tensor(candidates, [S, E]),
        tensor(values, [S, V]),
        { similarity, scale, returnWeights: true, signal },
      );
      return { pooled: output.data, weights: weights!.data };
    },
    createCache() {
      const { kvHeads, headDim, maxTokens } = model;
      const cache = new KVCache({ batch: 1, kvHeads, headDim, maxLength: maxTokens, engine });
      return new WasmCache(engine, model, cache);
    },
    info() {
      const { kernels, threads, withoutWorkers, running, queued, memory } = engine.info();
      const alone = withoutWorkers === undefined ? "" : `, no worker threads: ${withoutWorkers}`;
      return { description: `wasm-attention, ${kernels} kernels${alone}`, threads, running, queued, memory };
    },
    warmUp: () => engine.warmUp(),
    close: () => engine.dispose(),
  };
}

class WasmCache implements SessionCache {
  readonly #engine: Engine;
  readonly #model: Model;
  readonly #cache: KVCache;

  constructor(engine: Engine, model: Model, cache: KVCache) {
    this.#engine = engine;
    this.#model = model;
    this.#cache = cache;
  }

  get length(): number {
    return this.#cache.length;
  }

  get byteLength(): number {
    return this.#cache.byteLength;
  }

  async append(count: number, key: Float32Array, value: Float32Array, signal: AbortSignal): Promise<void> {
    const { kvHeads, headDim } = this.#model;
    const [keys, values] = [key, value].map((data) => tensor(data, [count, kvHeads, headDim]));
    const options = { layout: "BLHE" } as const;
    if (count <= APPENDED_HERE) this.#cache.append(keys!, values!, options);
    else await this.#cache.appendAsync(keys!, values!, { ...options, signal });
  }

  async attend(count: number, query: Float32Array, signal: AbortSignal): Promise<Float32Array> {
    const { heads, headDim } = this.#model;
    const { output } = await this.#engine.scaledDotProductAttention(
      tensor(query, [count, heads, headDim]),
      this.#cache,
      { layout: "BLHE", causal: true, signal },
    );
    return output.data;
  }

  truncate(length: number): void {
    this.#cache.truncate(length);
  }

  fork(): SessionCache {
    return new WasmCache(this.#engine, this.#model, this.#cache.fork());
  }

  dispose(): void {
    this.#cache.dispose();
  }
}
