/** The same attention in pure JavaScript: textbook loops, and the best that we could write. */
import { attention as naive } from "#baselines/naive";
import type { AttentionInputs, AttentionSize } from "#baselines/problem";
import { attention as tuned } from "#baselines/tuned-attention";

export type { AttentionInputs, AttentionSize } from "#baselines/problem";

/** Ways to compute a problem, each ready to be timed. */
export interface Baselines {
  naive(): void;
  tuned(): void;
}

/**
 * Both must agree with `expected`, our own output for the problem: a baseline that computes something else is no
 * measure.
 */
export function checkedBaselines(
  inputs: AttentionInputs,
  size: AttentionSize,
  expected: Float32Array,
): Baselines {
  const checked = (attend: typeof naive): (() => void) => {
    const output = new Float32Array(expected.length);
    const run = (): void => attend(inputs, size, output);
    run();
    if (!agree(output, expected))
      throw new Error("a JavaScript baseline disagrees with the kernels on the same numbers");
    return run;
  };
  return { naive: checked(naive), tuned: checked(tuned) };
}

function agree(values: Float32Array, expected: Float32Array): boolean {
  const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return values.every((value, i) => Math.abs(value - expected[i]!) <= 1e-4 * size);
}
