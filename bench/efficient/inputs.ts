/** What the approximations are measured on: sequences whose scores are known to be even or peaked, near or far. */

/** Rows of one head, all `[L, E]`. */
export interface Sequence {
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

/** A kind of sequence, as the documentation names it. */
export interface Kind {
  readonly name: string;
  /** Standard deviation of the scaled scores of tokens that have nothing to do with each other. */
  readonly spread: number;
  /** How much a token resembles the one before it: 0 = not at all. */
  readonly resemblance: number;
}

export const kinds: readonly Kind[] = [
  ...[0.25, 0.5, 1, 2].map((spread) => ({ name: "independent", spread, resemblance: 0 })),
  ...[0.25, 1].map((spread) => ({ name: "neighbours alike", spread, resemblance: 0.99 })),
];

/**
 * Independent: query, key and value are normal numbers of their own. Neighbours alike: the tokens are a walk, each
 * 0.99 of the one before and the rest new, query and key are the token itself, values are another such walk.
 */
export function drawSequence({ spread, resemblance }: Kind, L: number, E: number, seed: number): Sequence {
  const next = normalNumbers(seed);
  const walk = (): Float32Array => {
    const rows = new Float32Array(L * E);
    const fresh = Math.sqrt(1 - resemblance ** 2);
    for (let n = 0; n < rows.length; n++)
      rows[n] = n < E ? next() : resemblance * rows[n - E] + fresh * next();
    return rows;
  };
  const size = Math.sqrt(spread);
  const query = walk().map((x) => size * x);
  const key = resemblance === 0 ? walk().map((x) => size * x) : query;
  return { query, key, value: walk() };
}

/** Normally distributed (Box and Muller), from mulberry32, public domain. */
function normalNumbers(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (((x ^ (x >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
