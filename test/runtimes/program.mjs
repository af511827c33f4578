// What every runtime must do: compute on threads and at once, to the same bits, near float64.
import { AttentionError, createEngine, tensor } from "wasm-attention";
import * as reference from "wasm-attention/reference";

/** Throws where a result is wrong; returns what the engine says of itself. */
export async function check() {
  const engine = createEngine({ threads: 2 });
  const x = tensor(
    Float32Array.from({ length: 600 * 64 }, (_, i) => Math.sin(i)),
    [600, 64],
  );
  // The second round finds the workers awake.
  const asynchronous = [await engine.scaledDotProductAttention(x, x, x)];
  asynchronous.push(...(await Promise.all([0, 1, 2].map(() => engine.scaledDotProductAttention(x, x, x)))));
  const { output } = engine.scaledDotProductAttentionSync(x, x, x);
  for (const result of asynchronous)
    if (!result.output.data.every((value, i) => value === output.data[i]))
      throw new Error("sync and async differ");

  const rows = { data: x.data.subarray(0, 4 * 64), shape: [4, 64] };
  const exact = reference.scaledDotProductAttention(rows, x, x).output.data;
  const error = exact.reduce((most, value, i) => Math.max(most, Math.abs(value - output.data[i])), 0);
  if (!(error < 1e-6)) throw new Error(`the largest error is ${error}`);

  try {
    engine.matmulSync(x, x);
    throw new Error("a product of [600, 64] and [600, 64] was not refused");
  } catch (refusal) {
    if (!(refusal instanceof AttentionError) || refusal.code !== "ERR_SHAPE") throw refusal;
  }
  const { kernels, threads, withoutWorkers } = engine.info();
  await engine.dispose();
  return { kernels, threads, withoutWorkers };
}
