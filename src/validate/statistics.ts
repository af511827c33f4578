import { describe } from "../describe.ts";
import { AttentionError } from "../errors.ts";
import type { TensorLike } from "../tensor-like.ts";
import { type FloatTensor, float32or64, readFloats } from "./floats.ts";
import { FARTHEST } from "./score-options.ts";

const MOST_EDGES = 16;

/** Refuses a count of edges that is not listed. */
export function checkTopK(topK: unknown): void {
  if (typeof topK === "number" && Number.isInteger(topK) && topK >= 1 && topK <= MOST_EDGES) return;
  throw new AttentionError(
    "ERR_OPTION",
    `"topK" expected a whole number from 1 to ${MOST_EDGES}, got ${describe(topK)}`,
  );
}

/** Refuses positions whose distances to keys the kernels would not have as they are. */
export function checkDistances(offsets: readonly number[]): void {
  for (const position of offsets)
    if (Math.abs(position) > FARTHEST)
      throw new AttentionError(
        "ERR_OPTION",
        `"queryOffset" expected -${FARTHEST} to ${FARTHEST} where distances are measured, got ${position}`,
      );
}

/** In place of values that nobody asked for: V = 0. */
export function valueless(key: FloatTensor): TensorLike {
  const { shape } = readFloats("key", key, float32or64);
  return { data: new Float32Array(0), shape: [...shape.slice(0, -1), 0] };
}
