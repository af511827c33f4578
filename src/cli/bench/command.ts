import { availableParallelism, cpus } from "node:os";
import { setImmediate } from "node:timers/promises";
import { createEngine, type Engine } from "../../index.ts";
import type { Execute } from "../command.ts";
import { findPeak } from "../measure/peak.ts";
import { openEngine } from "../open-engine.ts";
import { benchShape, type ShapeFigures } from "./bench.ts";
import type { BenchOptions } from "./options.ts";
import { type BenchFindings, reportBench } from "./report.ts";
import { sizeOfShape, usualShapes } from "./shape.ts";

const milliseconds = 50;

export const benchCommand: Execute<BenchOptions> = async (values, shapes, { page, progress, note }) => {
  const named = shapes.length > 0 ? shapes : usualShapes;
  const causal = (shape: string): boolean => values.causal && (shapes.length > 0 || !shape.includes("/4096"));
  const sizes = named.map((shape) => ({ shape, size: sizeOfShape(shape, causal(shape)) }));
  const { kernels } = values;
  // Before an engine sets V8's flag for the wide kernels, with which these loops would be compiled otherwise.
  progress.stage("finding this machine's peak");
  const chosen = createEngine({ kernels: kernels === "wide" ? "auto" : kernels, threads: 0 }).info().kernels;
  const set = chosen === "strict" ? "strict" : "relaxed";
  const peak = findPeak(set);
  const all = openEngine(values, note);
  const one = createEngine({ kernels, threads: 1 });
  try {
    const { kernels, kernelsReason: reason, threads } = all.info();
    await all.warmUp();
    await startThreads(all);
    const engines = { one, all: threads > 1 ? all : undefined };
    const figures: { shape: string; figures: ShapeFigures }[] = [];
    for (const { shape, size } of sizes) {
      progress.stage(`timing ${shape} (${figures.length + 1} of ${sizes.length})`);
      await setImmediate(); // so that progress can be drawn
      figures.push({
        shape,
        figures: benchShape(size, engines, peak, { rounds: values.rounds, milliseconds }),
      });
    }
    const machine = {
      cpu: cpus()[0]?.model.trim() ?? "unknown",
      processors: availableParallelism(),
      platform: `${process.platform} ${process.arch}`,
      v8: process.versions.v8,
    };
    const findings: BenchFindings = { machine, engine: { kernels, reason, threads }, set, figures };
    return { facts: factsOf(findings), lines: reportBench(findings, page) };
  } finally {
    await Promise.all([one.dispose(), all.dispose()]);
  }
};

/** A call that is long enough to wait for workers: when it is through, they are there. */
async function startThreads(engine: Engine): Promise<void> {
  const x = { data: new Float32Array(8 * 256 * 64), shape: [8, 256, 64] };
  await engine.scaledDotProductAttention(x, x, x);
}

function factsOf({ machine, engine, set, figures }: BenchFindings): object {
  return {
    machine,
    engine,
    shapes: figures.map(({ shape, figures: { slice, peak, ...rest } }) => ({
      shape,
      ...rest,
      slice: { heads: slice.H, kvHeads: slice.K, queries: slice.L, keys: slice.S },
      peak: { instructions: set, gflops: peak },
      shareOfPeak: rest.oneThread.gflops / peak,
    })),
  };
}
