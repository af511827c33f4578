/** A text's way through all layers. */
import { type Tensor, tensor } from "wasm-attention";
import type { Settings } from "../settings/settings.ts";
import type { AttendingLayer } from "./layers.ts";
import type { Change, KeptHeads } from "./messages.ts";

export interface Pass {
  /** Of each layer, `[H, L, L]`. */
  readonly weights: readonly Tensor[];
  /** Of the last layer, `[L, embedDim]`. */
  readonly output: Tensor;
}

/**
 * Runs x through the layers. From the second on a layer reads what the one before it read plus what it gave, the residual
 * connection of every transformer; there are no feed-forward layers, and no norms.
 */
export async function runPass(
  x: Tensor,
  layers: readonly AttendingLayer[],
  settings: Settings,
  kept: KeptHeads,
  signal: AbortSignal,
): Promise<Pass> {
  const weights: Tensor[] = [];
  let input = x;
  let output = x;
  for (const [n, layer] of layers.entries()) {
    if (n > 0) input = sum(input, output);
    const factors = Array.from({ length: settings.heads }, (_, head) => (kept[n]?.[head] === false ? 0 : 1));
    const attended = await layer.attend(input, factors, settings, signal);
    weights.push(attended.weights);
    output = attended.output;
  }
  return { weights, output };
}

function sum(a: Tensor, b: Tensor): Tensor {
  const [left, right] = [a.data, b.data];
  return tensor(
    left.map((value, i) => value + right[i]!),
    a.shape,
  );
}

/** How far two outputs `[L, embedDim]` are apart. */
export function changeOf(whole: Tensor, without: Tensor): Change {
  const [length, width] = whole.shape as [number, number];
  const [a, b] = [whole.data, without.data];
  let allMoved = 0;
  let all = 0;
  const rows = Array.from({ length }, (_, row) => {
    let moved = 0;
    let size = 0;
    for (let i = row * width; i < (row + 1) * width; i++) {
      moved += (b[i]! - a[i]!) ** 2;
      size += a[i]! ** 2;
    }
    allMoved += moved;
    all += size;
    return share(moved, size);
  });
  return { relative: share(allMoved, all), rows };
}

/** Of squares. Nothing that became nothing has not changed. */
function share(moved: number, size: number): number {
  return moved === 0 ? 0 : Math.sqrt(moved / size);
}
