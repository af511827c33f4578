import { AttentionError } from "../errors.ts";
import type { TensorLike } from "../tensor-like.ts";
import { type FloatTensor, float32or64, readFloats } from "./floats.ts";

const MOST_EDGES = 16;

/** Refuses a count of edges that is not listed. */
export function checkTopK(topK: number): void {
  if (Number.isInteger(topK) && topK >= 1 && topK <= MOST_EDGES) return;
  throw new AttentionError(
    "ERR_OPTION",
    `"topK" expected a whole number from 1 to ${MOST_EDGES}, got ${String(topK)}`,
  );
}

/** In place of values that nobody asked for: V = 0. */
export function valueless(key: FloatTensor): TensorLike {
  const { shape } = readFloats("key", key, float32or64);
  return { data: new Float32Array(0), shape: [...shape.slice(0, -1), 0] };
}
