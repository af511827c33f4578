// Softmax along rows and columns, rotary positions, merging.

import { mergeCall } from "../calls/merge-attention.ts";
import { rotaryCall } from "../calls/rotary.ts";
import { type SoftmaxOptions, softmaxCall } from "../calls/softmax.ts";
import { mask, numbers, planted } from "./inputs.ts";
import { one, type TrialCase } from "./trial-case.ts";

export function otherCases(): readonly TrialCase[] {
  return [
    softmax("rows", {}),
    softmax("columns", { axis: 0, log: true }),
    softmax("masked rows", { mask: mask([19, 37]) }),
    rotary(false),
    rotary(true),
    merge(),
  ];
}

function softmax(name: string, options: SoftmaxOptions): TrialCase {
  const x = planted([19, 37], 15);
  return one(`softmax of ${name}`, () => softmaxCall(x, options));
}

function rotary(interleaved: boolean): TrialCase {
  const x = planted([2, 5, 38], 21);
  const [cos, sin] = [numbers([5, 19], 22), numbers([5, 19], 23)];
  return one(`rotary positions of ${interleaved ? "neighbours" : "halves"}`, () =>
    rotaryCall(x, { cos, sin, interleaved }),
  );
}

function merge(): TrialCase {
  const parts = [24, 25, 26].map((seed) => ({
    output: planted([2, 5, 37], seed),
    logSumExp: numbers([2, 5], seed),
  }));
  return one("merge", () => mergeCall(parts));
}
