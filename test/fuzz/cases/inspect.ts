/** Statistics, maps and rollout of attention. */
import type { TensorLike } from "wasm-attention";
import {
  type AttentionMaps,
  type AttentionStatistics,
  attentionMaps,
  attentionRollout,
  attentionRolloutSync,
  attentionStatistics,
  attentionStatisticsSync,
} from "wasm-attention/inspect";
import * as reference from "wasm-attention/reference";
import { readAttention } from "../../../build/modules/validate/attention.js";
import { keysMatchWeights, plainStatistics, statisticNames } from "../../inspect/plain-statistics.ts";
import { expectAccurate } from "../../support/accuracy.ts";
import { turned, worst } from "../../support/lucky-errors.ts";
import { plainAttention } from "../../support/plain-float32.ts";
import { changed, type FloatTensor } from "../../support/random-tensors.ts";
import type { Case } from "../attempt.ts";
import type { Draws } from "../draws.ts";
import { attentionNames, defined, drawAttention, judgeAttention } from "./attention.ts";
import { callOn } from "./call-on.ts";

const scoreNames = attentionNames.filter((name) => !name.startsWith("return"));

/** An attention without what it returns, and often without values. */
function drawScores(d: Draws, withValue: boolean): Case {
  const own = drawAttention(d);
  const { value, ...inputs } = own.tensors;
  const options = Object.entries(own.options).filter(([name]) => !name.startsWith("return"));
  const tensors = (withValue ? { ...inputs, value: value! } : inputs) as Case["tensors"];
  return { ...own, tensors, options: Object.fromEntries(options), outShape: undefined as never };
}

export function drawStatistics(d: Draws): Case {
  const own = drawScores(d, d.once(2));
  return {
    ...own,
    name: "attentionStatistics",
    options: defined({ ...own.options, topK: d.maybe(2, () => d.int(1, 16)) }),
    names: [...scoreNames, "topK"],
    call: callOn("attentionStatistics", ["query", "key", "value"], {
      sync: attentionStatisticsSync,
      async: attentionStatistics,
    }),
    judge: (result, told, options) => judgeStatistics(result as AttentionStatistics, told, options),
  };
}

/** Values that no weight depends on. */
function valuesFor({ shape }: FloatTensor): FloatTensor {
  return { data: new Float32Array(0), shape: [...shape.slice(0, -1), 0] };
}

export function judgeStatistics(
  actual: AttentionStatistics,
  told: Record<string, TensorLike>,
  { topK, ...options }: Record<string, unknown>,
): void {
  const { query, key, value, ...masks } = told as Record<string, FloatTensor>;
  const what = { ...options, ...masks };
  const values = value ?? valuesFor(key!);
  const exact = reference.attentionStatistics(query!, key!, value, { ...what, topK } as never);
  const { weights } = reference.scaledDotProductAttention(query!, key!, values, what);
  const { B, H, L, S, offsets } = readAttention(query!, key!, values, what);
  const E = query!.shape.at(-1)!;
  const plain = [0, 1, 2, 3].map((n) => {
    const rounded = plainAttention(turned(query!, E, n), turned(key!, E, n), values, what as never).weights;
    const matrix = { data: rounded, shape: [B, H, L, S] };
    return plainStatistics(matrix, { topK: topK as number, offsets, round: Math.fround });
  });
  for (const name of statisticNames) {
    const { absolute } = worst(
      exact[name].data,
      plain.map((of) => of[name]),
    );
    // What is summed are weights, whose sum is 1 at most in a row: plain float32 may be exact by luck.
    const largest = name === "meanDistance" ? Math.max(0, ...offsets.map(Math.abs)) + L + S : Math.max(1, L);
    expectAccurate(
      actual[name]!,
      exact[name],
      { absolute: absolute + 2 ** -22 * largest, relative: 0 },
      name,
    );
  }
  const edges = { topKeys: actual.topKeys, topWeights: actual.topWeights };
  const wrong =
    S > 0 ? keysMatchWeights(edges, { data: weights.data, shape: weights.shape }, 2 ** -20) : undefined;
  if (wrong !== undefined) throw new Error(wrong);
  const { output, logSumExp } = actual;
  judgeAttention({ output: output ?? exact.output, logSumExp } as never, { ...told, value: values }, options);
}

export function drawMaps(d: Draws): Case {
  const own = drawScores(d, false);
  return {
    ...own,
    name: "attentionMaps",
    options: defined({ ...own.options, per: d.maybe(2, () => d.pick(["row", "head"])) }),
    names: [...scoreNames, "per"],
    call: callOn("attentionMaps", ["query", "key"], { sync: attentionMaps }),
    judge(result, told, { per, ...options }) {
      const { query, key, ...masks } = told as Record<string, FloatTensor>;
      const { weights } = reference.scaledDotProductAttention(query!, key!, valuesFor(key!), {
        ...options,
        ...masks,
      });
      const { maps, scales } = result as AttentionMaps;
      if (maps.shape.join() !== weights.shape.join()) throw new Error(`maps of shape ${maps.shape}`);
      const size = maps.data.length / Math.max(1, scales.data.length);
      weights.data.forEach((weight, n) => {
        const scale = scales.data[Math.floor(n / size)]!;
        const off = Math.abs(maps.data[n]! * scale - weight);
        // Half a step, and what the weight itself errs.
        if (!(off <= scale / 2 + 2 ** -18))
          throw new Error(`weight ${n}, per ${per}, is off by ${off} of ${scale}`);
      });
    },
  };
}

export function drawRollout(d: Draws): Case {
  const [rank, L, count] = [d.int(2, 4), d.int(1, 7), d.int(1, 3)];
  const B = d.int(1, 2);
  const tensors: Record<string, FloatTensor> = {};
  for (let n = 0; n < count; n++) {
    const shape = rank === 4 ? [B, d.int(1, 3), L, L] : rank === 3 ? [d.int(1, 3), L, L] : [L, L];
    tensors[`layer ${n}`] = changed({ data: d.floats(shape), shape }, Math.abs);
  }
  const listed = (of: Record<string, unknown>) => Array.from({ length: count }, (_, n) => of[`layer ${n}`]);
  const call = callOn("attentionRollout", ["layers"], {
    sync: attentionRolloutSync,
    async: attentionRollout,
  });
  return {
    name: "attentionRollout",
    tensors,
    optional: [],
    options: defined({
      heads: d.maybe(2, () => d.pick(["mean", "max", "min"])),
      residual: d.maybe(2, () => d.pick([0, 0.3, 1])),
    }),
    names: ["heads", "residual"],
    call: ({ tensors: of, options }, how) => call({ tensors: { layers: listed(of) }, options }, how),
    judge(result, told, options) {
      const exact = reference.attentionRollout(listed(told) as FloatTensor[], options as never);
      // Rows sum to 1, so each product adds L roundings of numbers of 1 at most to those before.
      const absolute = count * (L + 2) * 2 ** -24;
      expectAccurate(result as FloatTensor, exact, { absolute, relative: 0 }, "rollout");
    },
  };
}
