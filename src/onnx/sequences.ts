// Copies between the orders of dimensions that ONNX's operators have.

/** Exchanges the two middle dimensions: `[B, M, N, size]` to `[B, N, M, size]`. Without a copy where one of them is 1. */
export function swapMiddle(
  data: Float32Array,
  [B, M, N, size]: readonly [B: number, M: number, N: number, size: number],
): Float32Array {
  if (M === 1 || N === 1) return data;
  const swapped = new Float32Array(data.length);
  for (let b = 0; b < B; b++)
    for (let m = 0; m < M; m++)
      for (let n = 0; n < N; n++) {
        const from = ((b * M + m) * N + n) * size;
        swapped.set(data.subarray(from, from + size), ((b * N + n) * M + m) * size);
      }
  return swapped;
}

/** Sizes of two sequences to be joined; `flat`: what is new is `[B, S, K, size]`. */
export interface JoinedSizes {
  readonly B: number;
  readonly K: number;
  readonly P: number;
  readonly S: number;
  readonly size: number;
  readonly flat: boolean;
}

/** The past, `[B, K, P, size]`, and after it what is new, as `[B, K, P + S, size]`. */
export function joinSequences(
  past: Float32Array,
  next: Float32Array,
  { B, K, P, S, size, flat }: JoinedSizes,
): Float32Array {
  const after = flat ? swapMiddle(next, [B, S, K, size]) : next;
  const joined = new Float32Array(past.length + next.length);
  for (let head = 0; head < B * K; head++) {
    const start = head * (P + S) * size;
    joined.set(past.subarray(head * P * size, (head + 1) * P * size), start);
    joined.set(after.subarray(head * S * size, (head + 1) * S * size), start + P * size);
  }
  return joined;
}
