// One thing that a kernel set is asked to compute.

import type { Call } from "../engine/program.ts";
import type { Runtime } from "../engine/runtime.ts";

export interface TrialCase {
  readonly name: string;
  /** The same calls on every runtime; what they return is what their programs write. */
  readonly plan: (runtime: Runtime) => readonly Call<unknown>[];
}

/** A case of one call. */
export function one(name: string, plan: (runtime: Runtime) => Call<unknown>): TrialCase {
  return { name, plan: (runtime) => [plan(runtime)] };
}

export function resultsOf({ plan }: TrialCase, runtime: Runtime): readonly Float32Array[] {
  return plan(runtime).flatMap((call) => {
    runtime.runSync(call);
    return call.program.operands.flatMap(({ target }) => target ?? []);
  });
}

/** Computes a case again and again, so that V8 compiles what it takes for speed. */
export function warmUp({ plan }: TrialCase, runtime: Runtime, milliseconds: number): void {
  const calls = plan(runtime);
  for (const call of calls) runtime.repeatSync(call, milliseconds / calls.length);
}
