/** The building blocks: products, softmax, merging, rotary positions, the approximations. */
import {
  applyRotary,
  matmul,
  matmulSync,
  mergeAttention,
  mergeAttentionSync,
  softmax,
  softmaxSync,
  type TensorLike,
} from "wasm-attention";
import {
  linformerAttention,
  linformerAttentionSync,
  performerAttention,
  performerAttentionSync,
} from "wasm-attention/efficient";
import * as reference from "wasm-attention/reference";
import { plainLinformer, plainPerformer } from "../../efficient/calls.ts";
import { expectAccurate, plainTolerance } from "../../support/accuracy.ts";
import { plainMatmul, plainMerge, plainSoftmax } from "../../support/plain-float32.ts";
import type { FloatTensor } from "../../support/random-tensors.ts";
import type { Case } from "../attempt.ts";
import type { Draws } from "../draws.ts";
import { largestOf } from "../largest.ts";
import { defined, drawHeads, drawSizes } from "./attention.ts";
import { callOn } from "./call-on.ts";

type Numbers = { readonly data: ArrayLike<number>; readonly shape: readonly number[] };
type Tensors = Record<string, FloatTensor>;

/**
 * Within what the plain algorithm errs, and what products of numbers too small for float32's normal range lose. A result of
 * few elements may be small because large terms cancel, and plain float32 exact by luck: so the rule's 2^-22 are of the
 * largest term here, not of the largest result.
 */
function expectNear(
  actual: unknown,
  exact: Numbers,
  plain: ArrayLike<number>,
  label: string,
  terms: ArrayLike<number> = [],
): void {
  const { absolute } = plainTolerance(exact.data, plain);
  const floor = 2 ** -22 * largestOf(terms) + 2 ** -126;
  expectAccurate(actual as Numbers, exact, { absolute: absolute + floor, relative: 0 }, label);
}

/** With these in place of the operands, a product says how large what cancels in it may be. */
function magnitudes({ data, shape }: FloatTensor): FloatTensor {
  return { data: Float32Array.from(data, Math.abs), shape };
}

export function drawMatmul(d: Draws): Case {
  const [M, K, N] = [d.int(1, 9), d.int(1, 12), d.int(1, 20)];
  const [ta, tb] = [d.once(3), d.once(3)];
  const batch = d.pick([[], [2], [3, 2], [1]]);
  const other = d.pick([batch, [], batch.map(() => 1)]);
  const shapeA = [...batch, ...(ta ? [K, M] : [M, K])];
  const shapeB = [...other, ...(tb ? [N, K] : [K, N])];
  const bias = d.maybe(3, () => ({ data: d.floats([N]), shape: [N] }));
  return {
    name: "matmul",
    tensors: {
      a: { data: d.floats(shapeA), shape: shapeA },
      b: { data: d.floats(shapeB), shape: shapeB },
      ...(bias && { bias }),
    },
    optional: bias ? ["bias"] : [],
    options: defined({
      transposeA: ta || undefined,
      transposeB: tb || undefined,
      scale: d.maybe(4, () => 0.5),
    }),
    names: ["transposeA", "transposeB", "bias", "scale"],
    outShape: [...(batch.length > 0 ? batch : other), M, N],
    call: callOn("matmul", ["a", "b"], { sync: matmulSync, async: matmul }),
    judge(result, told, options) {
      const { a, b, bias } = told as Tensors;
      const all = { ...options, ...(bias && { bias }) };
      const sizes = reference.matmul(magnitudes(a!), magnitudes(b!), {
        ...all,
        ...(bias && { bias: magnitudes(bias as FloatTensor) }),
      });
      expectNear(result, reference.matmul(a!, b!, all), plainMatmul(a!, b!, all), "product", sizes.data);
    },
  };
}

export function drawSoftmax(d: Draws): Case {
  const shape = d.ints(d.int(1, 3), 1, 9);
  const mask = d.maybe(3, () => {
    const own = d.pick([shape, shape.slice(-1), shape.map(() => 1)]);
    const data = d.once(2) ? d.floats(own) : d.bytes(own.reduce((product, n) => product * n, 1));
    return { data, shape: own } as TensorLike;
  });
  return {
    name: "softmax",
    tensors: { x: { data: d.floats(shape, 3), shape }, ...(mask && { mask }) },
    optional: mask ? ["mask"] : [],
    options: defined({
      axis: d.maybe(2, () => d.int(-shape.length, shape.length - 1)),
      scale: d.maybe(4, () => d.pick([2, -1])),
      log: d.maybe(4, () => true),
    }),
    names: ["axis", "scale", "mask", "log"],
    outShape: shape,
    call: callOn("softmax", ["x"], { sync: softmaxSync, async: softmax }),
    judge(result, told, options) {
      const { x, mask } = told as Tensors;
      const all = { ...options, ...(mask && { mask }) };
      // A logarithm near 0 is what remains of a score less another.
      const terms = options.log ? x!.data : [];
      expectNear(result, reference.softmax(x!, all), plainSoftmax(x!, all), "softmax", terms);
    },
  };
}

export function drawMerge(d: Draws): Case {
  const [H, L, V] = [d.int(1, 3), d.int(1, 5), d.int(1, 9)];
  const count = d.int(1, 3);
  const tensors: Tensors = {};
  for (let n = 0; n < count; n++) {
    tensors[`output ${n}`] = { data: d.floats([H, L, V]), shape: [H, L, V] };
    tensors[`logSumExp ${n}`] = { data: d.floats([H, L], 2), shape: [H, L] };
  }
  const partsOf = (of: Record<string, unknown>) =>
    Array.from({ length: count }, (_, n) => ({ output: of[`output ${n}`], logSumExp: of[`logSumExp ${n}`] }));
  const call = callOn("mergeAttention", ["parts"], { sync: mergeAttentionSync, async: mergeAttention });
  return {
    name: "mergeAttention",
    tensors,
    optional: [],
    options: {},
    names: [],
    outShape: [H, L, V],
    call: ({ tensors: of, options }, how) => call({ tensors: { parts: partsOf(of) }, options }, how),
    judge(result, told) {
      const parts = partsOf(told) as { output: FloatTensor; logSumExp: FloatTensor }[];
      const [exact, plain] = [reference.mergeAttention(parts), plainMerge(parts)];
      const { output, logSumExp } = result as Record<string, unknown>;
      const terms = parts.flatMap(({ output: part }: { output: FloatTensor }) => [...part.data]);
      expectNear(output, exact.output, plain.output, "output", terms);
      const logs = parts.flatMap(({ logSumExp: part }) => [...part.data]);
      expectNear(logSumExp, exact.logSumExp, plain.logSumExp, "logSumExp", logs);
    },
  };
}

export function drawRotary(d: Draws): Case {
  const [L, pairs] = [d.int(1, 6), d.int(1, 4)];
  const E = 2 * pairs + d.int(0, 2);
  const shape = [...d.pick([[], [2], [2, 3]]), L, E];
  const angles = Float64Array.from(d.floats([L, pairs], 2));
  const table = (f: (x: number) => number) => ({ data: Float32Array.from(angles, f), shape: [L, pairs] });
  return {
    name: "applyRotary",
    tensors: { x: { data: d.floats(shape), shape }, cos: table(Math.cos), sin: table(Math.sin) },
    optional: ["cos", "sin"],
    options: defined({ interleaved: d.maybe(2, () => d.once(2)) }),
    names: ["interleaved"],
    call: callOn("applyRotary", ["x"], { sync: applyRotary }),
    judge(result, told, { interleaved = false }) {
      const { x, cos, sin } = told as Tensors;
      const turn = (round: (n: number) => number) => {
        const data = Float64Array.from(x!.data);
        for (let row = 0; row < data.length / E; row++)
          for (let f = 0; f < pairs; f++) {
            const [i, j] = interleaved ? [2 * f, 2 * f + 1] : [f, f + pairs];
            const [a, b] = [x!.data[row * E + i]!, x!.data[row * E + j]!];
            const [c, s] = [cos!.data[(row % L) * pairs + f]!, sin!.data[(row % L) * pairs + f]!];
            data[row * E + i] = round(round(a * c) - round(b * s));
            data[row * E + j] = round(round(b * c) + round(a * s));
          }
        return data;
      };
      expectNear(result, { data: turn(Number), shape: x!.shape }, turn(Math.fround), "rotated", x!.data);
    },
  };
}

export function drawLinformer(d: Draws): Case {
  const s = { ...drawSizes(d), B: 1 };
  const sizes = { ...s, K: s.H, L: s.L || 1, S: s.S || 1, V: s.V || 1 };
  const P = d.int(1, 5);
  const heads = drawHeads(d, sizes, 3, "BHLE");
  const projection = () => {
    const shape = d.once(2) ? [P, sizes.S] : [sizes.H, P, sizes.S];
    return { data: d.floats(shape), shape };
  };
  const valueProjection = d.maybe(2, projection);
  return {
    name: "linformerAttention",
    tensors: { ...heads, keyProjection: projection(), ...(valueProjection && { valueProjection }) },
    optional: valueProjection ? ["keyProjection", "valueProjection"] : ["keyProjection"],
    options: {},
    names: ["scale"],
    outShape: [sizes.H, sizes.L, sizes.V],
    call: callOn("linformerAttention", ["query", "key", "value"], {
      sync: linformerAttentionSync,
      async: linformerAttention,
    }),
    judge(result, told, options) {
      const { query, key, value, keyProjection, valueProjection = keyProjection } = told as Tensors;
      const inputs = { query: query!, key: key!, value: value! };
      const projections = { keyProjection: keyProjection!, valueProjection: valueProjection! };
      const exact = reference.linformerAttention(query!, key!, value!, { ...options, ...projections });
      const plain = plainLinformer(inputs, [keyProjection!, valueProjection!], options.scale as number);
      const largest = largestOf(value!.data) * largestOf((valueProjection ?? keyProjection)!.data);
      expectNear((result as { output: unknown }).output, exact.output, plain, "output", [largest]);
    },
  };
}

export function drawPerformer(d: Draws): Case {
  const s = { ...drawSizes(d), B: 1 };
  const causal = d.once(3);
  const L = s.L || 1;
  const sizes = { ...s, K: s.H, L, S: causal ? L : s.S || 1, V: s.V || 1 };
  const m = d.int(1, 12);
  return {
    name: "performerAttention",
    tensors: { ...drawHeads(d, sizes, 3, "BHLE"), features: { data: d.floats([m, s.E]), shape: [m, s.E] } },
    optional: ["features"],
    options: defined({ causal: causal || undefined, epsilon: d.maybe(3, () => 1e-3) }),
    names: ["causal", "epsilon"],
    outShape: [sizes.H, sizes.L, sizes.V],
    call: callOn("performerAttention", ["query", "key", "value"], {
      sync: performerAttentionSync,
      async: performerAttention,
    }),
    judge(result, told, options) {
      const { query, key, value, features } = told as Tensors;
      const exact = reference.performerAttention(query!, key!, value!, { ...options, features: features! });
      const plain = plainPerformer({ query: query!, key: key!, value: value! }, features!, options);
      // Exponents are sums of E products, each an error of its own.
      const terms = value!.data.map((x) => 4 * x);
      expectNear((result as { output: unknown }).output, exact.output, plain, "output", terms);
    },
  };
}

/** What is no method of an engine. */
export const withoutMethod: ReadonlySet<string> = new Set([
  ...["linformerAttention", "performerAttention"],
  ...["attentionStatistics", "attentionMaps", "attentionRollout", "fromStateDict"],
]);
