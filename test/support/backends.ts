/**
 * Every way this package can compute something here, under one interface, so that each runs the same suites: each
 * kernel set that this version of Node has, on one thread in slices and with one and two workers, called
 * synchronously and asynchronously; and the float64 reference.
 *
 *   forEachBackend((backend) => {
 *     it("adds up", async () => {
 *       const { data } = await backend.softmax(x);
 *       ...
 */
import { afterAll, describe, expect } from "vitest";
import {
  AttentionError,
  type AttentionOptions,
  type AttentionPart,
  createEngine,
  type Engine,
  type KernelSet,
  type MatmulOptions,
  type MergeOptions,
  type SoftmaxOptions,
  type TensorLike,
} from "wasm-attention";
import type { ReferencePart } from "wasm-attention/reference";
import * as reference from "wasm-attention/reference";

/** What every backend returns: the reference float64, the others float32. */
export interface Numbers {
  readonly data: Float32Array | Float64Array;
  readonly shape: readonly number[];
}

export interface Attention {
  readonly output: Numbers;
  readonly logSumExp?: Numbers;
  readonly weights?: Numbers;
}

/** Options that say what is computed, not where. */
export type What<Options> = Omit<Options, "engine" | "signal" | "out">;

export interface Operators {
  scaledDotProductAttention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    options?: What<AttentionOptions>,
  ): Promise<Attention>;
  mergeAttention(
    parts: readonly Attention[],
    options?: What<MergeOptions>,
  ): Promise<{ readonly output: Numbers; readonly logSumExp: Numbers }>;
  matmul(a: TensorLike, b: TensorLike, options?: What<MatmulOptions>): Promise<Numbers>;
  softmax(x: TensorLike, options?: What<SoftmaxOptions>): Promise<Numbers>;
}

export interface Backend extends Operators {
  readonly name: string;
  /** The engine behind it. */
  readonly engine: Engine;
  readonly call: "sync" | "async";
}

/** An engine to be made. No threads: memory is not shared, and async calls run in slices. */
export interface EngineChoice {
  readonly name: string;
  readonly kernels: KernelSet;
  readonly threads: 0 | 1 | 2;
}

/**
 * Whether the wide kernels may run here: the version and the processor allow it. The engine's own trial decides, and where
 * it decides against them their suites run on relaxed; `wide.test.ts` looks into that. Checked kernels
 * are never widened: `CHECK_KERNELS=wide` runs them as the relaxed ones.
 */
export const mayBeWide: boolean =
  process.arch === "x64" && Number.parseFloat(process.versions.v8) >= 13.6 && !process.env.CHECK_KERNELS;

/** The kernel sets that run on this version of Node; `strict` always does. `TEST_KERNELS=relaxed,wide` leaves others out. */
export const kernelSets: readonly KernelSet[] = chosen([
  ...(["strict", "relaxed"] as const).filter(runs),
  ...(mayBeWide ? (["wide"] as const) : []),
]);

function chosen(sets: readonly KernelSet[]): readonly KernelSet[] {
  const wanted = process.env.TEST_KERNELS?.split(",");
  const left = sets.filter((set) => wanted?.includes(set) ?? true);
  return left.length > 0 ? left : sets;
}

function runs(kernels: KernelSet): boolean {
  try {
    void createEngine({ kernels, threads: 0 }).dispose();
    return true;
  } catch (error) {
    if (error instanceof AttentionError && error.code === "ERR_UNSUPPORTED") return false;
    throw error;
  }
}

export const engineChoices: readonly EngineChoice[] = kernelSets.flatMap((kernels) =>
  ([0, 1, 2] as const).map((threads) => ({ name: `${kernels}, threads: ${threads}`, kernels, threads })),
);

/** Runs a suite for each engine. It is made when it is first asked for, and must have all its memory back at the end. */
export function forEachEngine(suite: (choice: EngineChoice, engine: () => Engine) => void): void {
  describe.each(engineChoices)("$name", (choice) => {
    let engine: Engine | undefined;
    const open = () => (engine ??= createEngine({ kernels: choice.kernels, threads: choice.threads }));
    suite(choice, open);
    afterAll(async () => {
      if (engine === undefined) return;
      const { running, queued, memory } = engine.info();
      expect({ running, queued, used: memory.used }).toEqual({ running: 0, queued: 0, used: 0 });
      await engine.dispose();
    });
  });
}

/** Runs a suite for each engine, called both ways. */
export function forEachBackend(suite: (backend: Backend) => void): void {
  forEachEngine(({ name }, engine) => {
    describe.each(["sync", "async"] as const)("%s", (call) => {
      suite(backendOf(`${name}, ${call}`, engine, call));
    });
  });
}

/** Runs a suite for each backend and for the reference, where it asks for nothing that only an engine has. */
export function forEachBackendAndReference(suite: (operators: Operators, name: string) => void): void {
  describe("reference", () => suite(referenceOperators, "reference"));
  forEachBackend((backend) => suite(backend, backend.name));
}

function backendOf(name: string, open: () => Engine, call: "sync" | "async"): Backend {
  const sync = call === "sync";
  return {
    name,
    call,
    get engine() {
      return open();
    },
    scaledDotProductAttention: async (query, key, value, options) =>
      sync
        ? open().scaledDotProductAttentionSync(query, key, value, options)
        : open().scaledDotProductAttention(query, key, value, options),
    mergeAttention: async (parts, options) =>
      sync
        ? open().mergeAttentionSync(parts as AttentionPart[], options)
        : open().mergeAttention(parts as AttentionPart[], options),
    matmul: async (a, b, options) => (sync ? open().matmulSync(a, b, options) : open().matmul(a, b, options)),
    softmax: async (x, options) => (sync ? open().softmaxSync(x, options) : open().softmax(x, options)),
  };
}

const referenceOperators: Operators = {
  async scaledDotProductAttention(query, key, value, options = {}) {
    const { returnLogSumExp, returnWeights, ...what } = options;
    const { output, logSumExp, weights } = reference.scaledDotProductAttention(query, key, value, what);
    return { output, ...(returnLogSumExp && { logSumExp }), ...(returnWeights && { weights }) };
  },
  mergeAttention: async (parts, options) => reference.mergeAttention(parts as ReferencePart[], options),
  matmul: async (a, b, options) => reference.matmul(a, b, options),
  softmax: async (x, options) => reference.softmax(x, options),
} satisfies Operators;
