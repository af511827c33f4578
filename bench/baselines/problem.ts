/** Sizes of one attention: B batch, H query heads, K key/value heads, L queries, S keys, E = V head size. */
export interface AttentionSize {
  readonly B: number;
  readonly H: number;
  readonly K: number;
  readonly L: number;
  readonly S: number;
  readonly E: number;
  /** Query i sees the keys 0 to i. */
  readonly causal: boolean;
}

/** Query `[B, H, L, E]`, key and value `[B, K, S, E]`, all row-major. */
export interface AttentionInputs {
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

/** Calls `visit` with the offsets of every head's query (and output) and of the key/value head it reads. */
export function forEachHead(size: AttentionSize, visit: (query: number, key: number) => void): void {
  const { B, H, K, L, S, E } = size;
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++) {
      const kvHead = Math.floor(h / (H / K));
      visit((b * H + h) * L * E, (b * K + kvHead) * S * E);
    }
}
