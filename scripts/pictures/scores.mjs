// Scores as the package returns them, for pictures.
import { createEngine, tensor } from "wasm-attention";

/** Strict kernels draw the same on every machine. */
export const engine = createEngine({ kernels: "strict", threads: 0 });

/** Scores with all that is added and excluded, as rows of one batch entry. */
export function scores({ B = 1, L, S }, what, { entry = 0, query, key } = {}) {
  const q = query ? tensor(query.data, [1, 1, L, query.shape[1]]) : zeros([B, 1, L, 1]);
  const k = key ? tensor(key.data, [1, 1, S, key.shape[1]]) : zeros([B, 1, S, 1]);
  const result = engine.scaledDotProductAttentionSync(q, k, zeros([B, 1, S, 1]), {
    returnScores: "biased",
    ...what,
  });
  return rows(result.scores.data.subarray(entry * L * S, (entry + 1) * L * S), S);
}

export function zeros(shape) {
  return tensor(new Float32Array(shape.reduce((size, n) => size * n, 1)), shape);
}

export function table(height, width, value) {
  return Float32Array.from({ length: height * width }, (_, n) => value(Math.floor(n / width), n % width));
}

export function rows(data, width) {
  return Array.from({ length: data.length / width }, (_, i) => [
    ...data.subarray(i * width, (i + 1) * width),
  ]);
}
