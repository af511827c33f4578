// A call with `out` that is made over and over on the same tensors of an engine, as in the loop of a service: planned
// once, then found again, so that it costs neither the time of checking and planning nor any garbage.

import { detach } from "../engine/copies.ts";
import { EngineTensor } from "../engine/engine-tensor.ts";
import type { LinearMemory } from "../engine/linear-memory.ts";
import type { Call, Program } from "../engine/program.ts";
import type { Runtime } from "../engine/runtime.ts";
import type { KVCache } from "../kv-cache.ts";
import type { TensorLike } from "../tensor-like.ts";
import {
  type AttentionOptions,
  type AttentionResult,
  attentionCall,
  checkAttentionNames,
  readAttentionOptions,
} from "./attention.ts";

/** So many calls are remembered: enough for the layers of a model. */
const MOST_CALLS = 32;

/** Options that a call may have and be remembered; the others are read anew each time. */
type Settings = Pick<
  AttentionOptions,
  "causal" | "scale" | "softcap" | "layout" | "similarity" | "queryOffset"
>;

/** What a tensor was. Its data is not held on to: a tensor that is forgotten gives its memory back. */
interface Part {
  readonly data: WeakRef<Float32Array>;
  readonly shape: readonly number[];
}

interface Remembered {
  readonly query: Part;
  readonly key: Part;
  readonly value: Part;
  readonly out: Part;
  readonly settings: Settings;
  readonly program: Program;
}

export class RepeatedAttention {
  readonly #calls: Remembered[] = [];
  #next = 0;

  /** The call for these arguments: found again, or checked, planned and remembered. */
  callFor(
    query: TensorLike,
    key: TensorLike | KVCache,
    value: TensorLike | AttentionOptions | undefined,
    options: AttentionOptions | undefined,
    runtime: Runtime,
  ): Call<AttentionResult> {
    let out: EngineTensor | undefined;
    let program: Program | undefined;
    try {
      out = outOf(options);
      program = out && this.#find(query, key, value, out, options!);
    } catch {
      // What cannot be read is refused where arguments are checked.
    }
    if (out === undefined) return attentionCall(query, argumentsOf(key, value, options), runtime);
    if (program !== undefined) return { program, result: { output: out }, engine: options!.engine };
    // What is remembered is what was computed with, whatever getters say afterwards.
    const taken = readAttentionOptions(options!);
    const call = attentionCall(query, argumentsOf(key, value, taken), runtime);
    this.#keep(query, key, value, taken, call.program, runtime.memory);
    return call;
  }

  #find(
    query: unknown,
    key: unknown,
    value: unknown,
    out: EngineTensor,
    options: AttentionOptions,
  ): Program | undefined {
    for (const call of this.#calls) {
      if (
        is(query, call.query) &&
        is(key, call.key) &&
        is(value, call.value) &&
        is(out, call.out) &&
        agree(options, call.settings)
      )
        return call.program;
    }
    return undefined;
  }

  #keep(
    query: unknown,
    key: unknown,
    value: unknown,
    options: AttentionOptions,
    program: Program,
    memory: LinearMemory,
  ): void {
    const { out, causal, scale, softcap, layout, similarity, queryOffset } = options;
    if (!lies(query, memory) || !lies(key, memory) || !lies(value, memory) || !lies(out, memory)) return;
    if (!isSimple(options) || typeof queryOffset === "object") return;
    detach(program, memory);
    const settings = { causal, scale, softcap, layout, similarity, queryOffset };
    const parts = { query: partOf(query), key: partOf(key), value: partOf(value), out: partOf(out) };
    this.#calls[this.#next] = { ...parts, settings, program };
    this.#next = (this.#next + 1) % MOST_CALLS;
  }
}

function lies(value: unknown, memory: LinearMemory): value is EngineTensor {
  return value instanceof EngineTensor && value.data.buffer === memory.buffer;
}

/** The arguments without what is absent: with a cache there is one fewer. */
function argumentsOf(...args: readonly unknown[]): Parameters<typeof attentionCall>[1] {
  return args as unknown as Parameters<typeof attentionCall>[1];
}

/** Where the output goes, if the options are all of the kind that can be compared. */
function outOf(options: AttentionOptions | undefined): EngineTensor | undefined {
  if (typeof options !== "object" || options === null || !(options.out instanceof EngineTensor))
    return undefined;
  checkAttentionNames(options);
  return isSimple(options) ? options.out : undefined;
}

function isSimple(options: AttentionOptions): boolean {
  return (
    options.mask === undefined &&
    options.bias === undefined &&
    options.window === undefined &&
    options.kvLengths === undefined &&
    options.cuSeqlens === undefined &&
    options.relativeBias === undefined &&
    options.alibiSlopes === undefined &&
    options.sinks === undefined &&
    options.blockMask === undefined &&
    options.returnScores === undefined &&
    options.returnWeights === undefined &&
    options.returnLogSumExp === undefined
  );
}

/** The same data under the same shape: a tensor of the engine changes neither without making them anew. */
function is(value: unknown, { data, shape }: Part): boolean {
  return value instanceof EngineTensor && value.shape === shape && value.data === data.deref();
}

function partOf({ data, shape }: EngineTensor): Part {
  return { data: new WeakRef(data), shape };
}

function agree(options: AttentionOptions, settings: Settings): boolean {
  return (
    options.causal === settings.causal &&
    options.scale === settings.scale &&
    options.softcap === settings.softcap &&
    options.layout === settings.layout &&
    options.similarity === settings.similarity &&
    options.queryOffset === settings.queryOffset
  );
}
