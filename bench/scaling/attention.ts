/** Attention at one size, as a point of a chart. */
import { createEngine } from "wasm-attention";
import { countFlops, createAttentionInputs, expectRows } from "../attention-case.ts";
import { findMismatch } from "../check.ts";
import type { AttentionSize } from "../problem.ts";
import type { Point } from "./point.ts";

/** An engine of its own, so that its peak of memory is this call's. */
export function createAttentionPoint(
  x: number,
  size: AttentionSize,
  threads: number,
): Point & { dispose(): Promise<void> } {
  const { B, H, K, L, S, E, causal } = size;
  const engine = createEngine({ threads });
  const inputs = createAttentionInputs(size);
  const query = engine.tensor([B, H, L, E]);
  const key = engine.tensor([B, K, S, E]);
  const value = engine.tensor([B, K, S, E]);
  const out = engine.tensor([B, H, L, E]);
  query.data.set(inputs.query);
  key.data.set(inputs.key);
  value.data.set(inputs.value);
  const run = () => void engine.scaledDotProductAttentionSync(query, key, value, { causal, out });
  const { used } = engine.info().memory;
  run();
  const callBytes = engine.info().memory.peak - used;
  const check = () => {
    out.data.fill(Number.NaN);
    run();
    const mismatch = findMismatch(out.data, expectRows(inputs, size));
    if (mismatch !== undefined) throw new Error(`wrong result: ${JSON.stringify(size)}: ${mismatch}`);
  };
  const name = `${x}, ${threads} threads`;
  return { name, x, threads, callBytes, work: countFlops(size), run, check, dispose: () => engine.dispose() };
}
