/** Attention problems whose keys are cut into parts, and how far a merge of the parts may be from the whole. */
import type { TensorLike, VectorLike } from "wasm-attention";
import { plainTolerance } from "./accuracy.ts";
import { type AttentionProblem, type AttentionWhat, solve } from "./attention-problem.ts";
import type { Attention, Operators } from "./backends.ts";
import type { Tolerance } from "./tolerance.ts";

type Elements = Float32Array | Uint8Array;
interface Sliced<D extends Elements> {
  readonly data: D;
  readonly shape: readonly number[];
}

/**
 * The same attention over each range of the keys between `cuts`. What excludes keys or is added to their scores goes
 * along with them; positions count from the part's first key; the sinks belong to the part of that number.
 */
export function splitKeys(
  problem: AttentionProblem,
  cuts: readonly number[],
  sinkPart = 0,
): AttentionProblem[] {
  const { query, key, value, options } = problem;
  const rank = query.shape.length;
  const axis = options.layout === "BLHE" ? Math.max(0, rank - 3) : rank - 2;
  const S = key.shape[axis]!;
  const offsets = offsetsOf(problem, S, query.shape[axis]!);
  return [...cuts, S].map((end, n) => {
    const start = cuts[n - 1] ?? 0;
    const { sinks, causal, mask, bias, kvLengths, ...rest } = options;
    return {
      query,
      key: cut(key, axis, start, end),
      value: cut(value, axis, start, end),
      options: {
        ...rest,
        ...(causal && { causal: true }),
        queryOffset: offsets.map((offset) => offset - start),
        ...(mask && { mask: cutMask(mask, S, start, end) }),
        ...(bias && { bias: cutMask(bias, S, start, end) as TensorLike }),
        ...(kvLengths && {
          kvLengths: numbers(kvLengths).map((length) => Math.max(0, Math.min(end, length) - start)),
        }),
        ...(sinks && n === sinkPart && { sinks }),
      },
    };
  });
}

/** The position of query 0 in each batch entry, as a number. */
function offsetsOf({ query, options }: AttentionProblem, S: number, L: number): number[] {
  const B = query.shape.length === 4 ? query.shape[0]! : 1;
  const lengths = options.kvLengths ? numbers(options.kvLengths) : new Array<number>(B).fill(S);
  const offset = options.queryOffset ?? (options.causal === "bottom-right" ? "bottom-right" : 0);
  if (offset === "bottom-right") return lengths.map((length) => length - L);
  return typeof offset === "number" ? lengths.map(() => offset) : numbers(offset);
}

function numbers(vector: VectorLike): number[] {
  return Array.from(vector as readonly number[]);
}

function cutMask(
  mask: NonNullable<AttentionWhat["mask"]>,
  S: number,
  start: number,
  end: number,
): typeof mask {
  const { data, shape } = mask as Sliced<Elements>;
  if (shape.at(-1) !== S) return mask;
  return cut({ data, shape }, shape.length - 1, start, end) as typeof mask;
}

/** Indices `start` to `end` along one axis. */
export function cut<D extends Elements>(
  { data, shape }: Sliced<D>,
  axis: number,
  start: number,
  end: number,
): { data: D; shape: number[] } {
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const length = shape[axis]!;
  const kept = (data as Float32Array).filter((_, n) => {
    const index = Math.floor(n / inner) % length;
    return index >= start && index < end;
  });
  return { data: kept as D, shape: shape.map((size, d) => (d === axis ? end - start : size)) };
}

/** Attends to each part of the keys. */
export async function attendParts(
  operators: Operators,
  parts: readonly AttentionProblem[],
): Promise<Attention[]> {
  const results: Attention[] = [];
  for (const { query, key, value, options } of parts)
    results.push(
      await operators.scaledDotProductAttention(query, key, value, { ...options, returnLogSumExp: true }),
    );
  return results;
}

/**
 * How far a merge may be from the whole: as far as attention itself, and what it costs that each part's logSumExp l is
 * a float32. A rounding of l by d changes the part's weight by a factor of e^d, and the output by up to 2 d max |value|.
 */
export function mergedTolerance(problem: AttentionProblem): { output: Tolerance; logSumExp: Tolerance } {
  const { exact, plain } = solve(problem);
  const logSumExp = plainTolerance(exact.logSumExp.data, plain.logSumExp);
  const output = plainTolerance(exact.output.data, plain.output);
  const largest = (data: ArrayLike<number>) =>
    Array.from(data).reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
  // A part of weight p has l + ln p for its logarithm, and |p ln p| < 1.
  const rounding = 2 ** -24 * (largest(exact.logSumExp.data) + 1) + logSumExp.absolute;
  return {
    output: { absolute: output.absolute + 2 * rounding * largest(problem.value.data), relative: 0 },
    logSumExp: { absolute: 2 * rounding, relative: 0 },
  };
}
