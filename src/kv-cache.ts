/// <reference lib="esnext.disposable" preserve="true" />
import { CacheState } from "./cache/cache-state.ts";
import { bindState, disposeState } from "./cache/handle.ts";
import { type CacheType, cacheTypes, pageFormat } from "./cache/page-format.ts";
import { type AppendOptions, appendCall } from "./calls/append.ts";
import { engineFor } from "./default-engine.ts";
import type { Engine } from "./engine.ts";
import { AttentionError } from "./errors.ts";
import type { TensorLike, VectorLike } from "./tensor-like.ts";
import { checkChoice, checkMost, checkWhole, readOptions } from "./validate/options.ts";
import { readWholeVector } from "./validate/vector.ts";

export type { CacheType } from "./cache/page-format.ts";
export type { AppendOptions } from "./calls/append.ts";

/** How a cache is made. */
export interface KVCacheOptions {
  /** B, entries: sequences that are decoded side by side. */
  readonly batch: number;
  /** K, key/value heads. */
  readonly kvHeads: number;
  /** E, the size of a key. */
  readonly headDim: number;
  /** V, the size of a value. Default E. */
  readonly valueDim?: number | undefined;
  /** The most tokens of an entry, those included that a window has dropped. */
  readonly maxLength: number;
  /** How numbers are stored. Default `"float32"`. */
  readonly dtype?: CacheType | undefined;
  /** Keys that a query sees, its own included; older ones are dropped, and their memory is used again. Default all. */
  readonly window?: number | undefined;
  /** The engine in whose memory the cache lies. Default: the one that the top-level functions use. */
  readonly engine?: Engine | undefined;
}

const names: ReadonlySet<string> = new Set([
  "batch",
  "kvHeads",
  "headDim",
  "valueDim",
  "maxLength",
  "dtype",
  "window",
  "engine",
]);

/** Every entry has its own list of pages. */
const MOST_ENTRIES: number = 2 ** 20;

/** Positions are 32-bit integers in the kernels, with room to add and subtract. */
const MOST_POSITIONS: number = 2 ** 30;

/**
 * Keys and values of the tokens so far, in an engine's memory, for decoding: `scaledDotProductAttention(query, cache)` reads
 * them where they lie. Tokens are kept in pages of 60; `fork` shares pages between caches and copies one only when it is
 * appended to (Kwon et al., 2023, PagedAttention). `"bfloat16"` takes half the memory and rounds each number to 8 bits;
 * `"int8"` takes a quarter, with a scale for each token and head.
 *
 * A call that fails or is aborted leaves the cache as it was.
 *
 * @example
 * ```ts
 * import { KVCache, scaledDotProductAttention, tensor } from "wasm-attention";
 * using cache = new KVCache({ batch: 1, kvHeads: 2, headDim: 4, maxLength: 1024 });
 * const tokens = (n: number) => tensor(new Float32Array(2 * n * 4).fill(0.5), [1, 2, n, 4]);
 * cache.append(tokens(10), tokens(10)); // the prompt
 * cache.append(tokens(1), tokens(1)); // one more token
 * const { output } = await scaledDotProductAttention(tokens(1), cache);
 * console.log(cache.lengths, cache.byteLength, output.shape); // [ 11 ] 3840 [ 1, 2, 1, 4 ]
 * ```
 */
export class KVCache {
  readonly batch: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly maxLength: number;
  readonly dtype: CacheType;
  readonly window: number | undefined;
  readonly #engine: Engine;
  readonly #state: CacheState;

  /**
   * @throws AttentionError `ERR_OPTION` for an option that does not exist, a size that is no positive whole number, or a
   *   `dtype` that is none of the three; `ERR_DISPOSED` on an engine that is disposed
   */
  constructor(options: KVCacheOptions);
  /** @internal A fork. */
  constructor(options: KVCacheOptions, state: CacheState);
  constructor(given: KVCacheOptions, made?: CacheState) {
    const options = readOptions(given, names);
    const state = made ?? emptyState(options);
    const { format, maxLength, window } = state;
    this.batch = state.entries.length;
    this.kvHeads = format.kvHeads;
    this.headDim = format.headDim;
    this.valueDim = format.valueDim;
    this.maxLength = maxLength;
    this.dtype = format.type;
    this.window = window;
    this.#engine = engineFor(options);
    this.#state = state;
    bindState(this, state);
  }

  /** The engine in whose memory the cache lies. */
  get engine(): Engine {
    return this.#engine;
  }

  /** Tokens of each entry, those included that a window has dropped. */
  get lengths(): number[] {
    return this.#state.lengths;
  }

  /** Tokens of the longest entry: S of an attention over this cache. */
  get length(): number {
    return this.#state.length;
  }

  /**
   * Bytes of linear memory that the cache takes. A page that several caches share counts to the one that made it, or,
   * once that one has let go of it, to the next: the sum over all caches is what they take together.
   */
  get byteLength(): number {
    return this.#state.byteLength;
  }

  /**
   * Appends n tokens to every entry, here and now.
   *
   * @param key `[B, K, n, E]`; without the dimensions that are 1 in this cache, `[K, n, E]` or `[n, E]`
   * @param value `[B, K, n, V]`
   * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` for tensors that do not fit, `ERR_OPTION` beyond `maxLength` or while
   *   another append is under way, `ERR_MEMORY`, `ERR_DISPOSED`; the cache stays as it was
   */
  append(key: TensorLike, value: TensorLike, options?: Omit<AppendOptions, "signal">): void {
    const { runtime } = this.#engine;
    runtime.checkUsable();
    const { call, growth } = appendCall(this.#state, key, value, options);
    growth.settleSync(() => runtime.runSync(call));
  }

  /** The same off the event loop, for long prompts. Until it settles the cache holds what it held. */
  async appendAsync(key: TensorLike, value: TensorLike, options?: AppendOptions): Promise<void> {
    const { runtime } = this.#engine;
    runtime.checkUsable();
    const { call, growth } = appendCall(this.#state, key, value, options);
    await growth.settle(() => runtime.run(call, call.signal));
  }

  /**
   * Forgets the last tokens, as those of a rejected draft.
   *
   * @param lengths tokens that stay: a number for all entries, or one for each; 0 empties an entry
   * @throws AttentionError `ERR_OPTION` for more tokens than there are, or for so few that the next token's window would
   *   reach back to tokens that are dropped already; no entry is cut then
   */
  truncate(lengths: number | VectorLike): void {
    this.#state.checkUsable();
    const { length: batch } = this.#state.entries;
    const each = typeof lengths === "number" ? new Array<number>(batch).fill(lengths) : lengths;
    const numbers = readWholeVector("lengths", each, batch);
    for (const n of numbers) checkWhole("lengths", n);
    this.#state.truncate(numbers);
  }

  /**
   * A cache of the same tokens that goes its own way from here. Nothing is copied until one of them appends.
   *
   * @param entries which entry of this cache each entry of the new one starts from, in any order and as often as wanted:
   *   beams, a shared prompt. Default: each once.
   * @throws AttentionError `ERR_OPTION` for an entry that does not exist
   *
   * @example
   * ```ts
   * import { KVCache, tensor } from "wasm-attention";
   * using prompt = new KVCache({ batch: 1, kvHeads: 1, headDim: 2, maxLength: 100 });
   * prompt.append(tensor([1, 2, 3, 4], [2, 2]), tensor([5, 6, 7, 8], [2, 2]));
   * using beams = prompt.fork([0, 0, 0]);
   * console.log(beams.lengths, beams.byteLength); // [ 2, 2, 2 ] 0
   * ```
   */
  fork(entries?: VectorLike): KVCache {
    const { memory, format, maxLength, window, entries: held } = this.#state;
    const order = entries === undefined ? held.map((_, b) => b) : readWholeVector("entries", entries);
    checkMost("entries", order.length, MOST_ENTRIES);
    if (order.length === 0)
      throw new AttentionError("ERR_OPTION", '"entries" expected at least one entry, got none');
    for (const b of order)
      if (b < 0 || b >= held.length)
        throw new AttentionError("ERR_OPTION", `"entries" expected 0 to ${held.length - 1}, got ${b}`);
    const chosen = order.map((b) => held[b]!);
    const { appended } = this.#state;
    const state = new CacheState(
      memory,
      format,
      { maxLength, window },
      chosen,
      appended && { rows: appended.rows, counts: order.map((b) => appended.counts[b]!) },
    );
    const { kvHeads, headDim } = format;
    const sizes = { batch: order.length, kvHeads, headDim, maxLength };
    return new KVCache({ ...sizes, engine: this.#engine }, state);
  }

  /** Gives the memory back that no fork shares. Twice is fine. A call in flight still ends well. */
  dispose(): void {
    disposeState(this);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function emptyState(options: KVCacheOptions): CacheState {
  const { batch, kvHeads, headDim, valueDim = headDim, maxLength, dtype = "float32", window } = options;
  for (const [name, size] of Object.entries({ batch, kvHeads, headDim, valueDim })) checkWhole(name, size, 1);
  checkWhole("maxLength", maxLength, 1);
  checkMost("maxLength", maxLength, MOST_POSITIONS);
  checkMost("batch", batch, MOST_ENTRIES);
  if (window !== undefined) checkWhole("window", window, 1);
  checkChoice("dtype", dtype, cacheTypes);
  const { runtime } = engineFor(options);
  runtime.checkUsable();
  const format = pageFormat(dtype, kvHeads, headDim, valueDim);
  return new CacheState(runtime.memory, format, { maxLength, window }, batch);
}
