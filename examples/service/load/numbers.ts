// Numbers to send, and whether those that come back are right.
import { type WireTensor, writeTensor } from "../src/tensors.ts";

/** A tensor of about normally distributed numbers, the same for the same seed, and as it is sent. */
export interface Sent {
  readonly data: Float32Array;
  readonly shape: readonly number[];
  readonly wire: WireTensor;
}

export function random(shape: readonly number[], seed: number): Sent {
  let state = (seed * 2654435761) >>> 0;
  // xorshift32
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 16; i++) uniform();
  const length = shape.reduce((product, size) => product * size, 1);
  const data = Float32Array.from({ length }, () => 2 * (uniform() + uniform() + uniform()) - 3);
  return sent(shape, data);
}

export function sent(shape: readonly number[], data: Float32Array): Sent {
  return { shape, data, wire: writeTensor(shape, data, { shape: [], data: "" }) };
}

/** float32 against float64: far above rounding, far below anything that could go wrong. */
const TOLERANCE = 1e-4;

export function isClose(got: WireTensor, expected: ArrayLike<number>): boolean {
  const bytes = Buffer.from(got.data as string, "base64");
  if (bytes.length !== 4 * expected.length) return false;
  for (let i = 0; i < expected.length; i++)
    if (!(Math.abs(bytes.readFloatLE(4 * i) - expected[i]!) <= TOLERANCE)) return false;
  return true;
}
