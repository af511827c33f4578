import { allocateFloats } from "./allocate.ts";
import { describe } from "./describe.ts";
import { AttentionError } from "./errors.ts";

/**
 * A small seeded generator of numbers, for weights that are the same on every machine and in every
 * version of Node: only integer arithmetic and exactly rounded operations, no `Math.sin`, `log` or
 * `pow`, whose last bits differ between engines. Not for secrets.
 *
 * The algorithm is xoshiro128** of D. Blackman and S. Vigna (https://prng.di.unimi.it/xoshiro128starstar.c,
 * public domain), its 128 bits of state filled by splitmix64 (https://prng.di.unimi.it/splitmix64.c), as
 * `Xoshiro128StarStar::seed_from_u64` of the Rust crate `rand_xoshiro` fills them.
 */
export class Random {
  readonly #state: Uint32Array;

  /**
   * @param seed A whole number from 0 to 2^53 - 1.
   * @throws AttentionError `ERR_OPTION` for any other seed.
   */
  constructor(seed: number = 0) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new AttentionError(
        "ERR_OPTION",
        `"seed" expected a whole number from 0 to 2^53 - 1, got ${describe(seed)}`,
      );
    this.#state = splitmix64(seed);
  }

  /** The next 32 bits: a whole number from 0 to 2^32 - 1. */
  bits(): number {
    const state = this.#state;
    const s1 = state[1]!;
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    state[2]! ^= state[0]!;
    state[3]! ^= s1;
    state[1]! ^= state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= s1 << 9;
    state[3] = rotateLeft(state[3]!, 11);
    return result;
  }

  /** The next number of the uniform distribution over [0, 1): a multiple of 2^-24, exact in float32. */
  uniform(): number {
    return (this.bits() >>> 8) * 2 ** -24;
  }

  /**
   * The next number of mean 0 and variance 1, near enough to the normal distribution for initial
   * weights: the sum of twelve uniform numbers minus 6 (Irwin-Hall), so never beyond -6 or 6.
   * The twelve are the 16-bit halves of six words, added as integers.
   */
  normal(): number {
    let sum = 0;
    for (let i = 0; i < 6; i++) {
      const word = this.bits();
      sum += (word & 0xffff) + (word >>> 16);
    }
    // Each half stands for the middle of its interval of 2^-16, which centres the sum exactly.
    return (sum + 6) * 2 ** -16 - 6;
  }

  /** `length` numbers of the uniform distribution over [low, high). */
  fillUniform(length: number, low: number, high: number): Float32Array {
    const values = allocateFloats(length, "a random weight");
    for (let i = 0; i < length; i++) values[i] = low + (high - low) * this.uniform();
    return values;
  }

  /** `length` numbers of mean 0 and the standard deviation given. */
  fillNormal(length: number, deviation: number = 1): Float32Array {
    const values = allocateFloats(length, "a random weight");
    for (let i = 0; i < length; i++) values[i] = deviation * this.normal();
    return values;
  }

  /**
   * A weight `[fanOut, fanIn]`, uniform within ±sqrt(6 / (fanIn + fanOut)): Glorot and Bengio 2010,
   * PyTorch's `xavier_uniform_`, with which `nn.MultiheadAttention` starts.
   */
  fillXavier(fanOut: number, fanIn: number): Float32Array {
    const bound = Math.sqrt(6 / (fanIn + fanOut));
    return this.fillUniform(fanOut * fanIn, -bound, bound);
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Four words that are well mixed even where seeds are 0, 1, 2, and never all zero. */
function splitmix64(seed: number): Uint32Array {
  const words = new Uint32Array(4);
  let counter = BigInt(seed);
  for (let i = 0; i < 4; i += 2) {
    counter = BigInt.asUintN(64, counter + 0x9e3779b97f4a7c15n);
    let z = counter;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    z ^= z >> 31n;
    words[i] = Number(z & 0xffffffffn);
    words[i + 1] = Number(z >> 32n);
  }
  return words;
}
