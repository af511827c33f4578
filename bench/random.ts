/**
 * Seeded numbers, so that every run measures the same work: of variance 1 (sums of three
 * uniform numbers), a few ten times as large, since even scores would flatter an online softmax.
 */
export function createRandom(seed: number): (length: number) => Float32Array {
  let state = seed >>> 0;
  const next = () => {
    // Mulberry32, public domain: 32 bits of state, enough for inputs.
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
  return (length) => {
    const numbers = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      const x = 2 * (next() + next() + next()) - 3;
      numbers[i] = next() < 0.002 ? x * 10 : x;
    }
    return numbers;
  };
}
