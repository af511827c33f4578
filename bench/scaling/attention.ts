/** Attention at one size, as a point of a chart. */
import { createEngine } from "wasm-attention";
import { countFlops, createAttentionInputs, expectRows, loadAttention } from "../attention-case.ts";
import type { AttentionSize } from "../problem.ts";
import type { Point } from "./point.ts";

/** An engine of its own, so that its peak of memory is this call's. */
export function createAttentionPoint(
  x: number,
  size: AttentionSize,
  threads: number,
): Point & { dispose(): Promise<void> } {
  const engine = createEngine({ threads });
  const inputs = createAttentionInputs(size);
  const loaded = loadAttention(engine, inputs, size, () => expectRows(inputs, size));
  const { used } = engine.info().memory;
  loaded.run();
  const callBytes = engine.info().memory.peak - used;
  const check = () => {
    const mismatch = loaded.check();
    if (mismatch !== undefined) throw new Error(`wrong result: ${JSON.stringify(size)}: ${mismatch}`);
  };
  return {
    name: `${x}, ${threads} threads`,
    x,
    threads,
    callBytes,
    work: countFlops(size),
    run: loaded.run,
    check,
    dispose: () => engine.dispose(),
  };
}
