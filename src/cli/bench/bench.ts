/** One shape: the results checked, then everybody timed in turn. */
import type { Engine } from "../../index.ts";
import { Random } from "../../random.ts";
import { type AttentionInputs, type AttentionSize, checkedBaselines } from "../measure/baselines.ts";
import { attentionFlops } from "../measure/measure.ts";
import type { Peak } from "../measure/peak.ts";
import { measureInTurn, type Patience, type Timing } from "../measure/turns.ts";
import { largestError } from "./check.ts";
import { sliceOf } from "./shape.ts";

/** A time with the speed of its best run. */
export interface Speed extends Timing {
  readonly gflops: number;
}

export interface ShapeFigures {
  readonly size: AttentionSize;
  readonly flops: number;
  /** Relative to the largest output, in the rows looked at. */
  readonly error: number;
  /** What plain JavaScript was given; its milliseconds are scaled from that to the whole. */
  readonly slice: AttentionSize;
  readonly naive: Speed;
  readonly tuned: Speed;
  readonly oneThread: Speed;
  /** Where there are more than one. */
  readonly allThreads: Speed | undefined;
  /** GFLOP/s of the peak loop, measured in between. */
  readonly peak: number;
}

/** Engines of one thread and, where there are more, of all. */
export interface Engines {
  readonly one: Engine;
  readonly all: Engine | undefined;
}

export function benchShape(
  size: AttentionSize,
  { one, all }: Engines,
  peak: Peak,
  patience: Patience,
): ShapeFigures {
  const inputs = randomInputs(size);
  const ours = [one, ...(all ? [all] : [])].map((engine) => load(engine, inputs, size));
  try {
    const error = Math.max(...ours.map(({ output }) => largestError(output(), inputs, size)));
    const slice = sliceOf(size);
    const { naive, tuned } = checkedBaselines(inputs, slice, outputOfSlice(one, inputs, slice));
    const candidates = [peak.run, naive, tuned, ...ours.map(({ run }) => run)];
    const [peakTime, ...times] = measureInTurn(candidates, patience);
    const flops = attentionFlops(size);
    const share = flops / attentionFlops(slice);
    const speed = ({ best, median }: Timing, scale: number): Speed => ({
      best: best * scale,
      median: median * scale,
      gflops: flops / (best * scale) / 1e6,
    });
    const [naiveTime, tunedTime, oneTime, allTime] = times;
    return {
      size,
      flops,
      error,
      slice,
      naive: speed(naiveTime!, share),
      tuned: speed(tunedTime!, share),
      oneThread: speed(oneTime!, 1),
      allThreads: allTime && speed(allTime, 1),
      peak: peak.flops / peakTime!.best / 1e6,
    };
  } finally {
    for (const { dispose } of ours) dispose();
  }
}

function randomInputs({ H, K, L, S, E }: AttentionSize): AttentionInputs {
  const random = new Random(L * 31 + S);
  const numbers = (count: number): Float32Array => random.fillUniform(count, -1, 1);
  return { query: numbers(H * L * E), key: numbers(K * S * E), value: numbers(K * S * E) };
}

/** Tensors of the engine in and out: what is timed is the operator, not copies. */
function load(
  engine: Engine,
  inputs: AttentionInputs,
  { H, K, L, S, E, causal }: AttentionSize,
): { run(): void; output(): Float32Array; dispose(): void } {
  const shapes = { query: [H, L, E], key: [K, S, E], value: [K, S, E] } as const;
  const [query, key, value] = (["query", "key", "value"] as const).map((name) => {
    const tensor = engine.tensor(shapes[name]);
    tensor.data.set(inputs[name]);
    return tensor;
  });
  const out = engine.tensor([H, L, E]);
  const run = (): void => void engine.scaledDotProductAttentionSync(query!, key!, value!, { causal, out });
  return {
    run,
    output: () => {
      out.data.fill(Number.NaN);
      run();
      return out.data;
    },
    dispose: () => [query, key, value, out].forEach((tensor) => void tensor!.dispose()),
  };
}

/** Plain JavaScript reads the first heads, or the first rows of the first head, of the same arrays. */
function outputOfSlice(
  engine: Engine,
  inputs: AttentionInputs,
  { H, K, L, S, E, causal }: AttentionSize,
): Float32Array {
  const first = (data: Float32Array, heads: number, rows: number) => ({
    data: data.subarray(0, heads * rows * E),
    shape: [heads, rows, E],
  });
  const [query, key, value] = [first(inputs.query, H, L), first(inputs.key, K, S), first(inputs.value, K, S)];
  return engine.scaledDotProductAttentionSync(query, key, value, { causal }).output.data;
}
