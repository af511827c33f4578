/** The package under test: the only file of the benchmark that imports it. */
import { createEngine } from "wasm-attention";

export type Engine = ReturnType<typeof createEngine>;
export type KernelSet = "strict" | "relaxed" | "wide";
/** Sets with a peak of their own: the wide kernels are held against what 128 bits can do. */
export type PeakSet = Exclude<KernelSet, "wide">;

export const peakSetOf = (kernels: KernelSet): PeakSet => (kernels === "wide" ? "relaxed" : kernels);

/** One way to run the package. */
export interface Contender {
  readonly name: string;
  readonly kernels: KernelSet;
  readonly threads: number;
  readonly engine: Engine;
}

/** Every kernel set given, or the one that the package chooses here, on one thread and, where there is a second core, on two. */
export function createContenders(sets: readonly (KernelSet | "auto")[], cores: number): Contender[] {
  const threadCounts = cores > 1 ? [1, 2] : [1];
  return sets.flatMap((choice) =>
    threadCounts.map((threads) => {
      const engine = createEngine({ kernels: choice, threads });
      const { kernels, kernelsReason } = engine.info();
      if (choice !== "auto" && choice !== kernels) throw new Error(kernelsReason);
      return { name: threads === 1 ? kernels : `${kernels}, ${threads} threads`, kernels, threads, engine };
    }),
  );
}
