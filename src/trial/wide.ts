// Whether the wide kernels may be used here: a part of V8 compiles them that is an experiment, so they are tried first, in
// the code that will run, against the strict kernels, and timed against the relaxed ones. That takes about 0.3 seconds.

import { type KernelSet, runs, type WideVerdict } from "../engine/kernel-sets.ts";
import { setRevectorization, whyNoRevectorization } from "../engine/revectorization.ts";
import { Runtime } from "../engine/runtime.ts";
import { createCases } from "./all-cases.ts";
import { agree } from "./compare.ts";
import { timesOf, type Workload, warmUpLoads, workloads } from "./speed.ts";
import { resultsOf, type TrialCase, warmUp } from "./trial-case.ts";

/** Each case runs for so long, twice: V8 compiles a function for speed once that has run for 1 to 2 ms, on another thread. */
const WARM_UP_MILLISECONDS = 1.5;
const ROUNDS = 2;
/** Wide kernels are worth their flag where they save a tenth. */
const LEAST_GAIN = 1.1;
/** Slow once may be the machine's doing. */
const ATTEMPTS = 4;

const verdicts = new Map<boolean, WideVerdict>();

/** The verdict for kernels on shared or unshared memory, which are compiled apart; once per process and thread. */
export function judgeWide(shared: boolean): WideVerdict {
  const known = verdicts.get(shared);
  if (known !== undefined) return known;
  const verdict = judge(shared);
  verdicts.set(shared, verdict);
  return verdict;
}

function judge(shared: boolean): WideVerdict {
  const refusal = whyNoRevectorization();
  if (refusal !== undefined) return { usable: false, reason: refusal };
  if (!runs("wide")) return { usable: false, reason: "there is no relaxed SIMD" };
  // Before the flag is set, which changes how V8 compiles the other kernels, too.
  const [cases, strict] = [createCases(), runtimeOf("strict", shared)];
  const expected = cases.map((one) => resultsOf(one, strict));
  const [loads, relaxed] = [workloads(), runtimeOf("relaxed", shared)];
  warmUpLoads(loads, relaxed);
  const relaxedTimes = timesOf(loads, relaxed);
  setRevectorization(true);
  const wide = runtimeOf("wide", shared);
  const verdict = verify(wide, cases, expected) ?? compareSpeed(wide, loads, relaxedTimes);
  if (!verdict.usable && ![...verdicts.values()].some(({ usable }) => usable)) setRevectorization(false);
  return verdict;
}

/** An engine on this thread alone, of the same kind of memory. */
function runtimeOf(kernels: KernelSet, shared: boolean): Runtime {
  const trial = { usable: true, reason: "they are on trial" };
  return new Runtime({ kernels, threads: shared ? 1 : 0 }, () => trial);
}

/** The results of strict, once V8 has compiled the kernels for speed, or what speaks against them. */
function verify(
  wide: Runtime,
  cases: readonly TrialCase[],
  expected: readonly (readonly Float32Array[])[],
): WideVerdict | undefined {
  for (let round = 0; round < ROUNDS; round++)
    for (const one of cases) warmUp(one, wide, WARM_UP_MILLISECONDS);
  const wrong = cases.find((one, i) => !agree(expected[i]!, resultsOf(one, wide)));
  return wrong && { usable: false, reason: `they fail on ${wrong.name}` };
}

function compareSpeed(wide: Runtime, loads: readonly Workload[], relaxed: readonly number[]): WideVerdict {
  let best = 0;
  for (let attempt = 0; attempt < ATTEMPTS && best < LEAST_GAIN; attempt++)
    best = Math.max(best, Math.min(...timesOf(loads, wide).map((time, i) => relaxed[i]! / time)));
  return best < LEAST_GAIN
    ? { usable: false, reason: `they are only ${best.toFixed(2)} times as fast as the relaxed ones` }
    : { usable: true, reason: `verified, ${best.toFixed(2)} times as fast as relaxed` };
}
