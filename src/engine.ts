/// <reference lib="esnext.disposable" preserve="true" />
import {
  type AttentionArguments,
  type AttentionOptions,
  type AttentionResult,
  attentionCall,
} from "./calls/attention.ts";
import { type MatmulOptions, matmulCall } from "./calls/matmul.ts";
import {
  type AttentionPart,
  type MergedAttention,
  type MergeOptions,
  mergeCall,
} from "./calls/merge-attention.ts";
import { RepeatedAttention } from "./calls/repeated-attention.ts";
import { type RotaryOptions, type RotaryTableOptions, rotaryCall } from "./calls/rotary.ts";
import { type SoftmaxOptions, softmaxCall } from "./calls/softmax.ts";
import { describe } from "./describe.ts";
import type { EngineOptions } from "./engine/engine-options.ts";
import { EngineTensor } from "./engine/engine-tensor.ts";
import type { KernelSet } from "./engine/kernel-sets.ts";
import type { Call } from "./engine/program.ts";
import { Runtime } from "./engine/runtime.ts";
import { untraced } from "./engine/tracing.ts";
import { AttentionError } from "./errors.ts";
import { isA } from "./is-a.ts";
import type { KVCache } from "./kv-cache.ts";
import type { Tensor } from "./tensor.ts";
import { readShape, sizeOf, type TensorLike } from "./tensor-like.ts";
import { judgeWide } from "./trial/wide.ts";

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

/** An engine that is forgotten ends its threads, some time: they would keep its memory. */
const forgotten = /* @__PURE__ */ new FinalizationRegistry<Runtime>((runtime) => void runtime.endThreads());

/**
 * Linear memory, kernels and threads, with every operator as a method. The top-level functions use one that is made on
 * first use; make your own to choose kernels and threads, to limit memory, or to keep tensors in its memory.
 */
export class Engine {
  readonly #runtime: Runtime;
  readonly #repeated: RepeatedAttention = new RepeatedAttention();

  /** @internal Use `createEngine`. */
  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    forgotten.register(this, runtime);
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
    return this.#run(attentionCall(query, args, this.#runtime));
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
  scaledDotProductAttentionSync(
    query: TensorLike,
    key: TensorLike | KVCache,
    value?: TensorLike | AttentionOptions,
    options?: AttentionOptions,
  ): AttentionResult {
    return this.#runSync(this.#repeated.callFor(query, key, value, options, this.#runtime));
  }

  /** Attention over disjoint sets of keys becomes attention over all of them; see the function of that name. */
  async mergeAttention(parts: readonly AttentionPart[], options?: MergeOptions): Promise<MergedAttention> {
    return this.#run(mergeCall(parts, options));
  }

  /** The same here and now; see the function of that name. */
  mergeAttentionSync(parts: readonly AttentionPart[], options?: MergeOptions): MergedAttention {
    return this.#runSync(mergeCall(parts, options));
  }

  /** Matrix product; see the function of that name. */
  async matmul(a: TensorLike, b: TensorLike, options?: MatmulOptions): Promise<Tensor> {
    return this.#run(matmulCall(a, b, options, this.#runtime.sizes));
  }

  /** Matrix product here and now; see the function of that name. */
  matmulSync(a: TensorLike, b: TensorLike, options?: MatmulOptions): Tensor {
    return this.#runSync(matmulCall(a, b, options, this.#runtime.sizes));
  }

  /** Softmax; see the function of that name. */
  async softmax(x: TensorLike, options?: SoftmaxOptions): Promise<Tensor> {
    return this.#run(softmaxCall(x, options));
  }

  /** Softmax here and now; see the function of that name. */
  softmaxSync(x: TensorLike, options?: SoftmaxOptions): Tensor {
    return this.#runSync(softmaxCall(x, options));
  }

  /** Rotary positions; see the function of that name. */
  applyRotary(x: TensorLike, options?: RotaryOptions | RotaryTableOptions): Tensor {
    return this.#runSync(rotaryCall(x, options));
  }

  /**
   * A tensor of zeros in this engine's memory: no copy is made of it on the way in, nor out when it is `out`. Give it
   * back with `dispose()` or `using`.
   *
   * @throws AttentionError `ERR_SHAPE` for sizes that are no whole numbers, `ERR_DTYPE` for what is no array of them,
   *   `ERR_MEMORY` where there is no room
   */
  tensor(shape: readonly number[]): Tensor {
    this.#runtime.checkUsable();
    return new EngineTensor(this.#runtime.memory, readShape("shape", shape));
  }

  #run<R>(call: Call<R>): Promise<R> {
    this.#checkOwn(call);
    return this.#runtime.run(call, call.signal);
  }

  #runSync<R>(call: Call<R>): R {
    this.#checkOwn(call);
    return this.#runtime.runSync(call);
  }

  /** Refuses options that name another engine: nobody would see that they are passed over. */
  #checkOwn({ engine }: Call<unknown>): void {
    if (engine === undefined || engine === this) return;
    throw foreign(engine);
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
    this.#runtime.checkUsable();
    this.#runtime.start();
    const x = this.tensor([1, 4, 128, 64]);
    const token = this.tensor([1, 4, 1, 64]);
    const out = this.tensor([1, 4, 1, 64]);
    try {
      for (let i = 0; i < WARM_UP_CALLS; i++) {
        untraced(() => {
          this.scaledDotProductAttentionSync(x, x, x);
          this.matmulSync(x, x, { transposeB: true });
          this.softmaxSync(x);
        });
        await untraced(() => this.scaledDotProductAttention(x, x, x));
      }
      // Short calls, until what is around the kernels is compiled for speed as well: planning, and finding a plan again.
      const plain = { data: new Float32Array(sizeOf(token.shape)), shape: token.shape };
      untraced(() => {
        for (let i = 0; i < WARM_UP_SHORT_CALLS; i++) {
          this.scaledDotProductAttentionSync(plain, plain, plain);
          this.scaledDotProductAttentionSync(token, token, token, { out });
        }
      });
    } finally {
      x.dispose();
      token.dispose();
      out.dispose();
    }
  }

  /** @internal For the layers of this package. */
  get runtime(): Runtime {
    return this.#runtime;
  }

  /**
   * Waits for what is in flight, then ends the threads and lets go of the memory, tensors and caches in it included. Any
   * later use of engine or tensors is refused with `ERR_DISPOSED`; twice is fine.
   */
  dispose(): Promise<void> {
    return this.#runtime.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /** `using`: the same, without waiting for what is in flight. */
  [Symbol.dispose](): void {
    void this.dispose();
  }
}

/** V8 compiles a function for speed after some thousand of its loops have run. */
const WARM_UP_CALLS = 10;
const WARM_UP_SHORT_CALLS = 1000;

/** What is wrong with an option that names another engine. */
function foreign(engine: unknown): AttentionError {
  const got = isA(engine, Engine) ? "another one" : describe(engine);
  return new AttentionError("ERR_OPTION", `"engine" expected the engine whose method is called, got ${got}`);
}

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
