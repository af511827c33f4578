/** Seeded draws of sizes, choices and numbers. */
import { type ByteTensor, type FloatTensor, generator, sizeOf } from "../random-tensors.ts";

/** Puts numbers where a call is to find them: in a plain array, or in an engine's memory. */
export type Place = (x: FloatTensor) => FloatTensor;

export class Draws {
  readonly next: () => number;
  readonly #place: Place;

  constructor(seed: number, place: Place = (x) => x) {
    this.next = generator(seed);
    this.#place = place;
  }

  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.whole(0, choices.length - 1)]!;
  }

  chance(share = 0.5): boolean {
    return this.next() < share;
  }

  /** With the given share of a chance what `make` gives. */
  maybe<T>(make: () => T, share = 0.3): T | undefined {
    return this.chance(share) ? make() : undefined;
  }

  /** Lengths and head sizes: small ones, and those at and around the ends of blocks, panels and vectors. */
  length(most: number): number {
    const usual = [
      1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 33, 40, 59, 60, 61, 64, 80, 96, 111, 119, 121, 127, 130,
    ];
    return this.chance(0.7) ? Math.min(this.pick(usual), most) : this.whole(1, most);
  }

  floats(shape: readonly number[], low = -1, high = 1): FloatTensor {
    return {
      data: Float32Array.from({ length: sizeOf(shape) }, () => low + (high - low) * this.next()),
      shape,
    };
  }

  tensor(shape: readonly number[], low = -1, high = 1): FloatTensor {
    return this.#place(this.floats(shape, low, high));
  }

  bytes(shape: readonly number[]): ByteTensor {
    return { data: Uint8Array.from({ length: sizeOf(shape) }, () => Number(this.chance(0.7))), shape };
  }

  /** A boolean or an additive mask that broadcasts to the shape. */
  mask(shape: readonly number[]): ByteTensor | FloatTensor {
    const broadcast = shape
      .map((size) => (this.chance(0.3) ? 1 : size))
      .slice(this.whole(0, shape.length - 1));
    return this.chance() ? this.bytes(broadcast) : this.tensor(broadcast, -3, 1);
  }

  /** As many numbers from `least` to `most`. */
  wholes(count: number, least: number, most: number): number[] {
    return Array.from({ length: count }, () => this.whole(least, most));
  }
}
