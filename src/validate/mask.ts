import type { MaskLike } from "../attention-options.ts";
import { type ReadTensor, readTensor } from "../tensor-like.ts";
import { arrayType } from "../typed-array.ts";
import { broadcastStrides } from "./broadcast.ts";

/** A mask or bias spread over the scores. */
export interface SpreadMask {
  /** `true`: 1 = attend, 0 = excluded. `false`: the entries are added to the scores. */
  readonly boolean: boolean;
  readonly data: Uint8Array | Float32Array;
  readonly strides: readonly number[];
}

const maskTypes = ["Uint8Array", "Float32Array"] as const;

/** Reads a mask, boolean or additive. */
export function readMask(
  name: string,
  mask: MaskLike,
  types: readonly string[] = maskTypes,
): ReadTensor<Uint8Array | Float32Array> {
  return readTensor<Uint8Array | Float32Array>(name, mask, types);
}

/** Whether a mask's bytes say which keys to attend to. */
export function isBoolean({ data }: { readonly data: unknown }): boolean {
  return arrayType(data) === "Uint8Array";
}

/** Checks a mask and spreads it over `target` (right-aligned broadcast). */
export function spreadMask(
  name: string,
  mask: MaskLike,
  target: readonly number[],
  types?: readonly string[],
): SpreadMask {
  const { data, shape } = readMask(name, mask, types);
  return { boolean: isBoolean({ data }), data, strides: broadcastStrides(name, shape, target) };
}
