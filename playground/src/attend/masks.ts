import { alibiSlopes, type MaskLike } from "wasm-attention";
import type { Settings } from "../settings/settings.ts";

/** Window and ALiBi as a mask: booleans `[L, L]` (1 = attend), or numbers to add `[H, L, L]`. Causality a layer knows itself. */
export function maskOf(
  { window, positions, heads }: Pick<Settings, "window" | "positions" | "heads">,
  length: number,
): MaskLike | undefined {
  const seen = (i: number, j: number): boolean => window === 0 || Math.abs(i - j) <= window;
  if (positions === "alibi") return alibi(alibiSlopes(heads), length, seen);
  if (window === 0) return undefined;
  const data = new Uint8Array(length * length);
  for (let i = 0; i < length; i++) for (let j = 0; j < length; j++) data[i * length + j] = seen(i, j) ? 1 : 0;
  return { data, shape: [length, length] };
}

/** -slope |i - j| (Press et al. 2021, "Train Short, Test Long"), and -infinity for what is not seen. */
function alibi(slopes: ArrayLike<number>, length: number, seen: (i: number, j: number) => boolean): MaskLike {
  const data = new Float32Array(slopes.length * length * length);
  for (let h = 0, n = 0; h < slopes.length; h++)
    for (let i = 0; i < length; i++)
      for (let j = 0; j < length; j++, n++)
        data[n] = seen(i, j) ? -slopes[h]! * Math.abs(i - j) : Number.NEGATIVE_INFINITY;
  return { data, shape: [slopes.length, length, length] };
}
