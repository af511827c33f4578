/** The package under test: the only file of the benchmark that imports it. */
import { createEngine } from "wasm-attention";

export type Engine = ReturnType<typeof createEngine>;
export type KernelSet = "strict" | "relaxed";

/** One way to run the package. */
export interface Contender {
  readonly name: string;
  readonly kernels: KernelSet;
  readonly threads: number;
  readonly engine: Engine;
}

/** Every kernel set on one thread; on two as well for what has enough work to share. */
export function createContenders(sets: readonly KernelSet[], cores: number): Contender[] {
  const threadCounts = cores > 1 ? [1, 2] : [1];
  return sets.flatMap((kernels) =>
    threadCounts.map((threads) => {
      const engine = createEngine({ kernels, threads });
      return { name: threads === 1 ? kernels : `${kernels}, ${threads} threads`, kernels, threads, engine };
    }),
  );
}
