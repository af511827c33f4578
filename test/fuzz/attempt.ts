/** One call with arguments that may be hostile, and the verdict on it. */
import { expect } from "vitest";
import { AttentionError, type Engine, type TensorLike } from "wasm-attention";
import type { Draws } from "./draws.ts";
import { checkGuards } from "./guards.ts";
import type { Ledger } from "./ledger.ts";

/** What must come of a call: its result, a refusal, or, where only the reference can tell, either. */
export type Fate = "right" | "refused" | "either";

/** A right call, before anything is done to it. */
export interface Case {
  readonly name: string;
  /** Tensors by the name of the argument or option. */
  readonly tensors: Record<string, TensorLike<Float32Array> | TensorLike<Uint8Array>>;
  readonly options: Record<string, unknown>;
  /** The tensors that are options; the others are arguments. */
  readonly optional: readonly string[];
  /** The tensors that may be `null`. */
  readonly nullable?: readonly string[];
  /** Damages that are none to this call. */
  readonly takes?: readonly string[];
  /** What must come of it, where that is not its result. */
  readonly fate?: Fate | undefined;
  /** Names of all options there are. */
  readonly names: readonly string[];
  /** The shape of the output, where the call takes `out`. */
  readonly outShape?: readonly number[];
  /** Calls with what has become of tensors and options. */
  readonly call: (args: Arguments, how: How) => unknown;
  /** Compares the result of the call that `tensors` and `options` describe with the reference; throws what that throws. */
  readonly judge: (
    result: unknown,
    tensors: Record<string, TensorLike>,
    options: Record<string, unknown>,
  ) => void;
}

export interface Arguments {
  readonly tensors: Record<string, unknown>;
  readonly options: unknown;
}

export interface How {
  readonly engine: Engine;
  readonly sync: boolean;
  /** The function of the package instead of the engine's method. */
  readonly topLevel: boolean;
}

export interface World {
  readonly draws: Draws;
  readonly ledger: Ledger;
  readonly engines: readonly Engine[];
  readonly engine: Engine;
  /** Undoes what a disguise has set up. */
  readonly cleanUp: (() => void)[];
}

/** How calls ended, for the report at the end of a run. */
export const tally: Record<string, { right: number; refused: number }> = {};

/** Makes the call, and checks everything that must hold afterwards. */
export async function attempt(
  kase: Case,
  args: Arguments,
  fate: Fate,
  how: How,
  world: World,
  written: ArrayBufferView | undefined,
  told: { tensors: Record<string, TensorLike>; options: Record<string, unknown> },
): Promise<void> {
  const { ledger, engines } = world;
  ledger.note();
  const used = engines.map((engine) => engine.info().memory.used);
  const outcome = await outcomeOf(() => kase.call(args, how));
  const after = engines.map((engine) => engine.info().memory.used);
  expect(after, "linear memory in use").toEqual(used);
  for (const engine of engines)
    checkGuards((engine as unknown as { runtime: { memory: never } }).runtime.memory);
  tally[kase.name] ??= { right: 0, refused: 0 };
  if ("error" in outcome) {
    tally[kase.name]!.refused++;
    const { error } = outcome;
    if (!(error instanceof AttentionError)) throw error;
    ledger.check();
    expect(error.message.length, error.message).toBeLessThan(1000);
    if (fate === "right") throw error;
    return;
  }
  tally[kase.name]!.right++;
  ledger.check(written);
  expect(fate, "the call was not refused").not.toBe("refused");
  kase.judge(outcome.result, told.tensors, told.options);
}

async function outcomeOf(call: () => unknown): Promise<{ result: unknown } | { error: unknown }> {
  try {
    const called = call();
    return { result: called instanceof Promise ? await called : called };
  } catch (error) {
    return { error };
  }
}
