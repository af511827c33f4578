// How long a kernel set takes for what most of the time goes to.

import { attentionCall } from "../calls/attention.ts";
import { matmulCall } from "../calls/matmul.ts";
import type { Call } from "../engine/program.ts";
import type { Runtime } from "../engine/runtime.ts";
import { numbers } from "./inputs.ts";

export interface Workload {
  readonly name: string;
  readonly plan: (runtime: Runtime) => Call<unknown>;
}

/** About 10 million operations each. */
export function workloads(): readonly Workload[] {
  const a = numbers([96, 384], 30);
  const b = numbers([384, 128], 31);
  const query = numbers([2, 128, 64], 32);
  return [
    { name: "a matrix product", plan: ({ sizes }) => matmulCall(a, b, {}, sizes) },
    { name: "attention", plan: (runtime) => attentionCall(query, [query, query], runtime) },
  ];
}

/** So long V8 takes until what a load calls is compiled for speed, on another thread. */
const WARM_UP_MILLISECONDS = 8;
const MILLISECONDS = 5;

/** Times of the fastest of some runs, milliseconds. */
export function timesOf(loads: readonly Workload[], runtime: Runtime): readonly number[] {
  return loads.map(({ plan }) => {
    const end = performance.now() + MILLISECONDS;
    let best = Number.POSITIVE_INFINITY;
    for (let now = performance.now(); now < end; ) {
      runtime.runSync(plan(runtime));
      const then = performance.now();
      best = Math.min(best, then - now);
      now = then;
    }
    return best;
  });
}

export function warmUpLoads(loads: readonly Workload[], runtime: Runtime): void {
  for (const { plan } of loads) runtime.repeatSync(plan(runtime), WARM_UP_MILLISECONDS);
}
