import type { WrittenPicture } from "../files/pictures.ts";
import type { Findings } from "./explore.ts";

/** What a run found out: the report's facts unrounded, with the drawn weights. */
export function toJson(findings: Findings, pictures: readonly WrittenPicture[]): object {
  const { options, source, tokens, sizes, engine, milliseconds, flops, baselines, check, picture, page } =
    findings;
  const gflops = flops / milliseconds.attention / 1e6;
  const size = picture.tokens.length;
  const compared = (theirs: number) => ({ gflops: theirs, timesSlower: gflops / theirs });
  return {
    source,
    tokens: {
      unit: tokens.unit,
      count: tokens.texts.length,
      total: tokens.total,
      distinct: tokens.distinct,
      note: tokens.note,
    },
    layer: {
      ...sizes,
      weights: options.weights ?? (options.projections === "none" ? "none" : "seeded, untrained"),
      positions: options.positions,
      causal: options.causal,
      seed: options.seed,
    },
    engine: { kernels: engine.kernels, reason: engine.kernelsReason, threads: engine.threads },
    milliseconds,
    flops,
    gflops,
    baselines: {
      slice: { heads: 1, tokens: baselines.tokens },
      naive: compared(baselines.naive.gflops),
      tuned: compared(baselines.tuned.gflops),
    },
    errors: check,
    picture: {
      head: picture.head,
      tokens: picture.tokens,
      // A key that causality excludes has weight 0.
      weights: Array.from({ length: size }, (_, row) =>
        Array.from(picture.weights.subarray(row * size, (row + 1) * size), (weight) =>
          Number.isNaN(weight) ? 0 : weight,
        ),
      ),
      strongest: picture.strongest,
    },
    pictures,
    html: page,
  };
}
