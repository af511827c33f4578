import { sizeOfShape } from "../../../src/cli/bench/shape.ts";
import type { AttentionSize } from "../../../src/cli/measure/baselines.ts";
import { attentionFlops } from "../../../src/cli/measure/measure.ts";

/** Sizes to choose from, as `wasm-attention bench` spells them. */
export const shapes: readonly { readonly shape: string; readonly name: string }[] = [
  { shape: "12x128x64", name: "12 heads of 64, 128 tokens" },
  { shape: "12x512x64", name: "12 heads of 64, 512 tokens (BERT-base)" },
  { shape: "1x32x64", name: "1 head of 64, 32 tokens (a sentence)" },
  { shape: "32/8x1/4096x128", name: "32/8 heads of 128, 1 query, 4096 keys (Llama 3 8B decoding)" },
];

/** Operations that textbook loops go through in some seconds. */
const mostOperations = 4e9;

/** @throws Error for what is no shape, or more than loops in JavaScript can be asked for. */
export function readShape(shape: string, causal: boolean): AttentionSize {
  const size = sizeOfShape(shape.trim(), causal);
  const operations = attentionFlops(size);
  if (operations > mostOperations)
    throw new Error(
      `${shape} takes ${(operations / 1e9).toFixed(1)} G operations, too many for loops in JavaScript: at most ${mostOperations / 1e9} G`,
    );
  return size;
}
