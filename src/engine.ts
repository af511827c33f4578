/// <reference lib="esnext.disposable" preserve="true" />
import {
  type AttentionArguments,
  type AttentionOptions,
  type AttentionResult,
  attentionCall,
  optionsOf,
} from "./calls/attention.ts";
import { type MatmulOptions, matmulCall } from "./calls/matmul.ts";
import {
  type AttentionPart,
  type MergedAttention,
  type MergeOptions,
  mergeCall,
} from "./calls/merge-attention.ts";
import { type RotaryOptions, type RotaryTableOptions, rotaryCall } from "./calls/rotary.ts";
import { type SoftmaxOptions, softmaxCall } from "./calls/softmax.ts";
import type { EngineOptions } from "./engine/engine-options.ts";
import { EngineTensor } from "./engine/engine-tensor.ts";
import type { KernelSet } from "./engine/kernel-sets.ts";
import { Runtime } from "./engine/runtime.ts";
import { AttentionError } from "./errors.ts";
import type { KVCache } from "./kv-cache.ts";
import type { Tensor } from "./tensor.ts";
import { describe, type TensorLike } from "./tensor-like.ts";
import { judgeWide } from "./trial/wide.ts";
import { checkSignal, checkWhole } from "./validate/options.ts";

export type { EngineOptions } from "./engine/engine-options.ts";
export type { KernelChoice, KernelSet } from "./engine/kernel-sets.ts";

/** What an engine says of itself. */
export interface EngineInfo {
  /** The kernel set in use, and why. */
  readonly kernels: KernelSet;
  readonly kernelsReason: string;
  /** Threads that compute together. */
  readonly threads: number;
  /** Why there are no worker threads, where there are none: asynchronous calls then run in slices of 4 ms. */
  readonly withoutWorkers: string | undefined;
  /** Whether memory is shared with workers. */
  readonly sharedMemory: boolean;
  /** Asynchronous calls in flight, and of these those that wait for their turn. */
  readonly running: number;
  readonly queued: number;
  /** Linear memory in bytes: handed out now, at most so far, grown to, and the limit. */
  readonly memory: {
    readonly used: number;
    readonly peak: number;
    readonly reserved: number;
    readonly limit: number;
  };
  /** The JavaScript engine's version, where it says so. */
  readonly v8: string | undefined;
}

/**
 * Linear memory, kernels and threads, with every operator as a method. The top-level functions use one that is made on
 * first use; make your own to choose kernels and threads, to limit memory, or to keep tensors in its memory.
 */
export class Engine {
  readonly #runtime: Runtime;

  /** @internal Use `createEngine`. */
  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Scaled dot-product attention; see the function of that name. */
  scaledDotProductAttention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    options?: AttentionOptions,
  ): Promise<AttentionResult>;
  scaledDotProductAttention(
    query: TensorLike,
    cache: KVCache,
    options?: AttentionOptions,
  ): Promise<AttentionResult>;
  async scaledDotProductAttention(query: TensorLike, ...args: AttentionArguments): Promise<AttentionResult> {
    const signal = optionsOf(args)?.signal;
    checkSignal(signal);
    return this.#runtime.run(attentionCall(query, args, this.#runtime), signal);
  }

  /** Scaled dot-product attention here and now; see the function of that name. */
  scaledDotProductAttentionSync(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    options?: AttentionOptions,
  ): AttentionResult;
  scaledDotProductAttentionSync(
    query: TensorLike,
    cache: KVCache,
    options?: AttentionOptions,
  ): AttentionResult;
  scaledDotProductAttentionSync(query: TensorLike, ...args: AttentionArguments): AttentionResult {
    return this.#runtime.runSync(attentionCall(query, args, this.#runtime));
  }

  /** Attention over disjoint sets of keys becomes attention over all of them; see the function of that name. */
  async mergeAttention(parts: readonly AttentionPart[], options?: MergeOptions): Promise<MergedAttention> {
    checkSignal(options?.signal);
    return this.#runtime.run(mergeCall(parts, options), options?.signal);
  }

  /** The same here and now; see the function of that name. */
  mergeAttentionSync(parts: readonly AttentionPart[], options?: MergeOptions): MergedAttention {
    return this.#runtime.runSync(mergeCall(parts, options));
  }

  /** Matrix product; see the function of that name. */
  async matmul(a: TensorLike, b: TensorLike, options?: MatmulOptions): Promise<Tensor> {
    checkSignal(options?.signal);
    return this.#runtime.run(matmulCall(a, b, options, this.#runtime.sizes), options?.signal);
  }

  /** Matrix product here and now; see the function of that name. */
  matmulSync(a: TensorLike, b: TensorLike, options?: MatmulOptions): Tensor {
    return this.#runtime.runSync(matmulCall(a, b, options, this.#runtime.sizes));
  }

  /** Softmax; see the function of that name. */
  async softmax(x: TensorLike, options?: SoftmaxOptions): Promise<Tensor> {
    checkSignal(options?.signal);
    return this.#runtime.run(softmaxCall(x, options), options?.signal);
  }

  /** Softmax here and now; see the function of that name. */
  softmaxSync(x: TensorLike, options?: SoftmaxOptions): Tensor {
    return this.#runtime.runSync(softmaxCall(x, options));
  }

  /** Rotary positions; see the function of that name. */
  applyRotary(x: TensorLike, options?: RotaryOptions | RotaryTableOptions): Tensor {
    return this.#runtime.runSync(rotaryCall(x, options));
  }

  /**
   * A tensor of zeros in this engine's memory: no copy is made of it on the way in, nor out when it is `out`. Give it
   * back with `dispose()` or `using`.
   *
   * @throws AttentionError `ERR_OPTION` for sizes that are no whole numbers, `ERR_MEMORY` where there is no room
   */
  tensor(shape: readonly number[]): Tensor {
    this.#runtime.checkUsable();
    if (!Array.isArray(shape))
      throw new AttentionError("ERR_OPTION", `"shape" expected an array, got ${describe(shape)}`);
    for (const size of shape) checkWhole("shape", size);
    return new EngineTensor(this.#runtime.memory, [...shape]);
  }

  /** What this engine is made of and what it holds. */
  info(): EngineInfo {
    this.#runtime.settle();
    const { kernels, threads, alone, memory, running, queued } = this.#runtime;
    return {
      kernels: kernels.set,
      kernelsReason: kernels.reason,
      threads: alone === undefined ? threads : 1,
      withoutWorkers: alone,
      sharedMemory: memory.shared,
      running,
      queued,
      memory: { used: memory.used, peak: memory.peak, reserved: memory.reserved, limit: memory.limit },
      v8: globalThis.process?.versions?.v8,
    };
  }

  /** Starts the threads and runs each kernel until it is compiled for speed, so that the first real call is fast. */
  async warmUp(): Promise<void> {
    this.#runtime.start();
    const x = this.tensor([1, 4, 128, 64]);
    const token = this.tensor([1, 4, 1, 64]);
    try {
      for (let i = 0; i < WARM_UP_CALLS; i++) {
        this.scaledDotProductAttentionSync(x, x, x);
        this.matmulSync(x, x, { transposeB: true });
        this.softmaxSync(x);
        await this.scaledDotProductAttention(x, x, x);
      }
      // Short calls, until what is around the kernels is compiled for speed as well.
      const options = { out: this.tensor(token.shape) };
      for (let i = 0; i < WARM_UP_SHORT_CALLS; i++) this.scaledDotProductAttentionSync(token, x, x, options);
      options.out.dispose();
    } finally {
      x.dispose();
      token.dispose();
    }
  }

  /** @internal For the layers of this package. */
  get runtime(): Runtime {
    return this.#runtime;
  }

  /** Waits for what is in flight, then ends the threads. Any later call is refused with `ERR_DISPOSED`; twice is fine. */
  dispose(): Promise<void> {
    return this.#runtime.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** V8 compiles a function for speed after some thousand of its loops have run. */
const WARM_UP_CALLS = 10;
const WARM_UP_SHORT_CALLS = 600;

/**
 * Makes an engine. This is synchronous and quick, but for the first with `kernels: "wide"`: threads start when the first
 * call needs them.
 *
 * @throws AttentionError `ERR_OPTION` for an option that does not exist or a value out of range, `ERR_UNSUPPORTED`
 *   where the kernels asked for do not run here
 *
 * @example
 * ```ts
 * import { createEngine } from "wasm-attention";
 * const engine = createEngine({ threads: 2, kernels: "strict" });
 * const x = engine.tensor([1, 2, 8, 4]);
 * x.data.fill(1);
 * const { output } = engine.scaledDotProductAttentionSync(x, x, x);
 * console.log(output.shape, engine.info().kernels); // [ 1, 2, 8, 4 ] strict
 * x.dispose();
 * await engine.dispose();
 * ```
 */
export function createEngine(options: EngineOptions = {}): Engine {
  return new Engine(new Runtime(options, judgeWide));
}
