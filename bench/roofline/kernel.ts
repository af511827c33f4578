/** A kernel at one size on one engine: what it computes and what it must move at least, whatever it does to get there. */
import type { CacheType } from "../cache-types.ts";
import type { Candidate } from "../measure.ts";
import type { KernelSet } from "../ours.ts";

export interface Kernel extends Candidate {
  /** What the same kernel is called in every kernel set. */
  readonly name: string;
  readonly size: string;
  readonly kernels: KernelSet;
  /** Floating-point operations: `work`. */
  readonly work: number;
  /** Inputs once and outputs once. */
  readonly bytes: number;
  /** Query tokens that attend to a cache, and its numbers. */
  readonly step?: { readonly tokens: number; readonly cache: CacheType };
  run(): void;
  /** Says what is wrong with the result, or nothing. */
  check(): string | undefined | Promise<string | undefined>;
}

/** Bytes of a key or value of E numbers in a cache; an int8 one has its unit beside it. */
export function storedBytes(type: CacheType, E: number): number {
  return { float32: 4 * E, bfloat16: 2 * E, int8: E + 4 }[type];
}
