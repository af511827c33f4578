import type { TensorData } from "../tensor-like.ts";
import { elementTypes } from "./element-types.ts";
import { readBytes, readSafetensorsHeader, type SafetensorsEntry } from "./header.ts";

/** A tensor read from a file. F16, BF16 and F8 have become float32, BOOL bytes of 0 and 1. */
export interface SafetensorsTensor {
  readonly data: TensorData;
  readonly shape: readonly number[];
}

/** Makes the tensor of an entry from the file's bytes: a copy, in a buffer of its own. */
export function readSafetensorsEntry(bytes: Uint8Array, entry: SafetensorsEntry): SafetensorsTensor {
  return makeTensor(entry, new Uint8Array(readBytes(bytes).subarray(entry.begin, entry.end)));
}

/** @internal The tensor of an entry from its bytes, which become the tensor's. */
export function makeTensor(
  { dtype, shape }: SafetensorsEntry,
  own: Uint8Array<ArrayBuffer>,
): SafetensorsTensor {
  return { data: elementTypes[dtype]!.read(own.buffer), shape };
}

/**
 * Reads a safetensors file: F32, F64 and integers as they are, F16, BF16 and F8 (E4M3, E5M2) widened
 * to float32, BOOL as bytes of 0 and 1. The tensors do not share the file's bytes.
 *
 * @returns The tensors by name, ready for `fromStateDict`, and the file's metadata.
 * @throws AttentionError as {@link readSafetensorsHeader} does.
 *
 * @example
 * ```ts
 * import { readSafetensors, writeSafetensors } from "wasm-attention/safetensors";
 * const bytes = writeSafetensors({ scale: { data: new Float32Array([1, 2]), shape: [2] } });
 * const { tensors } = readSafetensors(bytes);
 * console.log(tensors.scale?.shape); // [ 2 ]
 * ```
 */
export function readSafetensors(bytes: Uint8Array): {
  readonly tensors: Record<string, SafetensorsTensor>;
  readonly metadata: Readonly<Record<string, string>>;
} {
  const { entries, metadata } = readSafetensorsHeader(bytes);
  // No prototype: a tensor may be called "__proto__" or "constructor".
  const tensors = Object.create(null) as Record<string, SafetensorsTensor>;
  for (const entry of entries) tensors[entry.name] = readSafetensorsEntry(bytes, entry);
  return { tensors, metadata };
}
