// Statistics of an attention from arguments to program.

import type { Call } from "../engine/program.ts";
import type { Runtime } from "../engine/runtime.ts";
import { planStatistics } from "../plan/attention-statistics.ts";
import type { StatisticsOf, StatisticsScoreOptions } from "../statistics-options.ts";
import { Tensor, zeros } from "../tensor.ts";
import type { TensorLike } from "../tensor-like.ts";
import { readAttention } from "../validate/attention.ts";
import { readCachedAttention } from "../validate/cached-attention.ts";
import { float32, readFloats } from "../validate/floats.ts";
import { headLayout, headShape } from "../validate/heads.ts";
import { readOptions } from "../validate/options.ts";
import { checkDistances, checkTopK, valueless } from "../validate/statistics.ts";
import { scoreNames } from "./attention.ts";
import type { CallOptions } from "./call-options.ts";
import { cacheOf, type KeyArguments, optionsOf } from "./keys.ts";

/** Options of `attentionStatistics`: those of an attention, how many edges are listed, and where it runs. */
export interface StatisticsOptions extends StatisticsScoreOptions, CallOptions {}

/** Statistics of an attention in float32. */
export type AttentionStatistics = StatisticsOf<Tensor, Tensor<Int32Array>>;

/** What the kernel leaves: all but what follows from the diagonals. */
export type KernelStatistics = Omit<AttentionStatistics, "distanceHistogram" | "meanDistance">;

const names: ReadonlySet<string> = new Set([...scoreNames, "topK", "signal", "engine"]);

/** @internal What comes after the query. */
export type StatisticsArguments = KeyArguments<TensorLike | undefined, StatisticsOptions>;

/** Key and value, each of them read once. */
function readKeys(key: TensorLike, value: TensorLike | undefined): readonly [TensorLike, TensorLike] {
  if (value !== undefined) return [key, value];
  const read = readFloats("key", key, float32) as TensorLike;
  return [read, valueless(read)];
}

/** @internal Checks the arguments and plans the call; nothing is written yet. `offsets` are the entries' positions of query 0. */
export function statisticsCall(
  query: TensorLike,
  args: StatisticsArguments,
  { memory, sizes }: Runtime,
): Call<{ readonly statistics: KernelStatistics; readonly offsets: readonly number[] }> {
  const cache = cacheOf(args, memory);
  const given = optionsOf(args);
  const options = readOptions(given === undefined ? {} : given, names);
  const { topK = 1, layout = "BHLE" } = options;
  checkTopK(topK);
  const problem =
    cache === undefined
      ? readAttention(query, ...readKeys(args[0] as TensorLike, args[1] as TensorLike), options, float32)
      : readCachedAttention(query, cache, options);
  checkDistances(problem.offsets);
  const { B, H, L, S, V, rank } = problem;
  const of = (...shape: number[]): Tensor => zeros(shape.slice(4 - rank));
  const keys = new Int32Array(of(B, H, L, topK).data.buffer as ArrayBuffer);
  const output = zeros(headShape(layout, [B, H, L, V], rank));
  const statistics = {
    logSumExp: of(B, H, L),
    entropy: of(B, H, L),
    topKeys: new Tensor(keys, [B, H, L, topK].slice(4 - rank)),
    topWeights: of(B, H, L, topK),
    keyMass: of(B, H, S),
    diagonalMass: of(B, H, Math.max(0, L + S - 1)),
  };
  const program = planStatistics(
    problem,
    topK,
    {
      output: output.data,
      outputLayout: headLayout(layout, [B, H, L, V]),
      logSumExp: statistics.logSumExp.data,
      entropy: statistics.entropy.data,
      topKeys: new Float32Array(keys.buffer),
      topWeights: statistics.topWeights.data,
      keyMass: statistics.keyMass.data,
      diagonalMass: statistics.diagonalMass.data,
    },
    sizes,
  );
  const result = cache === undefined && args[1] === undefined ? statistics : { ...statistics, output };
  return {
    program,
    result: { statistics: result, offsets: problem.offsets },
    signal: options.signal,
    engine: options.engine,
  };
}
