import type { Tensor } from "wasm-attention";
import type { HeadSummary } from "./messages.ts";

/** Each head of weights `[H, L, L]` in numbers. */
export function summarize({ data, shape }: Tensor): HeadSummary[] {
  const [heads, length] = shape as [number, number, number];
  const size = length * length;
  return Array.from({ length: heads }, (_, head) =>
    summarizeHead(data.subarray(head * size, (head + 1) * size), length),
  );
}

function summarizeHead(weights: Float32Array, length: number): HeadSummary {
  const received = new Float64Array(length);
  let entropy = 0;
  let most = 0;
  let distance = 0;
  let total = 0;
  for (let i = 0, n = 0; i < length; i++) {
    let seen = 0;
    for (let j = 0; j < length; j++, n++) {
      const weight = weights[n]!;
      if (weight === 0) continue;
      seen++;
      entropy -= weight * Math.log(weight);
      distance += weight * Math.abs(i - j);
      received[j]! += weight;
      total += weight;
    }
    most += Math.log(Math.max(1, seen));
  }
  const favourite = received.indexOf(received.reduce((a, b) => Math.max(a, b), 0));
  return {
    entropy: entropy / length,
    evenness: most === 0 ? 0 : Math.max(0, entropy / most), // rounding may leave it below 0
    distance: total === 0 ? 0 : distance / total,
    favourite: Math.max(0, favourite),
    share: total === 0 ? 0 : received[Math.max(0, favourite)]! / total,
  };
}
