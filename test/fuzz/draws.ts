/** Draws for one call, all from fast-check, so that a call that fails can be drawn again and made smaller. */
import fc, { type GeneratorValue } from "fast-check";
import { normal } from "../support/random-tensors.ts";

export class Draws {
  readonly #g: GeneratorValue;

  constructor(g: GeneratorValue) {
    this.#g = g;
  }

  /** A whole number from `min` to `max`. */
  int(min: number, max: number): number {
    return this.#g(fc.integer, { min, max });
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)]!;
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.int(1, n) === n;
  }

  /** What `draw` draws, once in `n` times; else nothing. */
  maybe<T>(n: number, draw: () => T): T | undefined {
    return this.once(n) ? draw() : undefined;
  }

  ints(count: number, min: number, max: number): number[] {
    return Array.from({ length: count }, () => this.int(min, max));
  }

  floats(shape: readonly number[], deviation = 1): Float32Array {
    return normal(shape, this.int(1, 2 ** 28), deviation).data;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => (this.int(0, 3) > 0 ? 1 : 0));
  }
}
