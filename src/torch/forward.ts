// A pass of PyTorch's layer as one of this package's: sequences after the batch, masks in the other polarity.

import { AttentionError } from "../errors.ts";
import type { ForwardOptions, ForwardResult } from "../multi-head-attention.ts";
import { checkShape } from "../onnx/check-shape.ts";
import { swapMiddle } from "../onnx/sequences.ts";
import { shapeError, Tensor } from "../tensor.ts";
import { readTensor, shapeOf, type TensorLike } from "../tensor-like.ts";
import { checkFlag, readOptions } from "../validate/options.ts";
import { readAttentionMask, readPaddingMask } from "./masks.ts";
import type { MultiheadAttention } from "./multihead-attention.ts";
import type { MultiheadAttentionForwardOptions } from "./multihead-attention-options.ts";

/** The call of the layer, and what becomes of its result. */
export interface PlannedForward {
  readonly query: TensorLike;
  readonly key: TensorLike;
  readonly value: TensorLike;
  readonly options: ForwardOptions;
  readonly outputs: (result: ForwardResult) => [Tensor, Tensor | undefined];
}

const names: ReadonlySet<string> = new Set([
  "signal",
  "key_padding_mask",
  "need_weights",
  "attn_mask",
  "average_attn_weights",
  "is_causal",
]);

/** Reads the options of a pass, which is stopped by a signal only where it runs asynchronously. */
export function readForwardOptions<T extends MultiheadAttentionForwardOptions>(options: T): T {
  return readOptions(options, names);
}

/** Checks the arguments of a pass by PyTorch's names, and translates them. */
export function planForward(
  layer: MultiheadAttention,
  [givenQuery, givenKey, givenValue]: readonly [TensorLike, TensorLike, TensorLike],
  options: MultiheadAttentionForwardOptions,
): PlannedForward {
  const query = readTensor("query", givenQuery);
  const key = givenKey === givenQuery ? query : readTensor("key", givenKey);
  const value = givenValue === givenQuery ? query : readTensor("value", givenValue);
  const { need_weights = true, average_attn_weights = true, is_causal = false } = options;
  for (const [name, flag] of Object.entries({ need_weights, average_attn_weights, is_causal }))
    checkFlag(name, flag);
  const sizes = readSizes(layer, query, key, value);
  const { attn_mask = null, key_padding_mask = null } = options;
  const keyPaddingMask = readPaddingMask(key_padding_mask, sizes);
  const attnMask = readAttentionMask(attn_mask, sizes);
  if (is_causal && !attnMask)
    throw new AttentionError("ERR_OPTION", '"is_causal" is a hint on an "attn_mask", which is missing');
  // PyTorch follows the hint, and not the mask, in just this case.
  const causal = is_causal && !keyPaddingMask && !need_weights;
  const swap = sizes.batched && !layer.batch_first;
  const [q, k, v] = swap ? swapAll([query, key, value]) : [query, key, value];
  return {
    query: q!,
    key: k!,
    value: v!,
    options: {
      keyPaddingMask,
      attnMask: causal ? undefined : attnMask,
      causal,
      needWeights: need_weights,
      averageWeights: average_attn_weights,
    },
    outputs: ({ output, weights }) => [swap ? swapBatch(output) : output, weights],
  };
}

function readSizes(
  { embed_dim: E, kdim, vdim, num_heads: H, batch_first }: MultiheadAttention,
  query: TensorLike,
  key: TensorLike,
  value: TensorLike,
) {
  const shape = shapeOf(query);
  if (shape.length !== 2 && shape.length !== 3) throw shapeError("query", "2 or 3 dimensions", shape);
  const batched = shape.length === 3;
  const letters = (length: string, size: string): string[] => {
    if (!batched) return [length, size];
    return batch_first ? ["B", length, size] : [length, "B", size];
  };
  checkShape("query", shape, letters("L", "E"), { E });
  const at = (tensor: TensorLike, first: boolean): number => shapeOf(tensor)[first ? 0 : 1]!;
  const B = batched ? at(query, batch_first) : 1;
  checkShape("key", shapeOf(key), letters("S", "kdim"), { B, kdim });
  const lengthFirst = !batched || !batch_first;
  const [L, S] = [at(query, lengthFirst), at(key, lengthFirst)];
  checkShape("value", shapeOf(value), letters("S", "vdim"), { B, S, vdim });
  return { B, H, L, S, batched };
}

/** `[length, B, size]` to `[B, length, size]`. Tensors that are the same stay the same: they cross to the engine once. */
function swapAll(tensors: readonly TensorLike[]): TensorLike[] {
  const swapped: Tensor[] = [];
  for (const tensor of tensors) {
    const same = tensors.slice(0, swapped.length).findIndex((known) => isSame(known, tensor));
    swapped.push(swapped[same] ?? swapBatch(tensor));
  }
  return swapped;
}

function isSame(a: TensorLike, b: TensorLike): boolean {
  return a.data === b.data && shapeOf(a).join() === shapeOf(b).join();
}

function swapBatch(tensor: TensorLike): Tensor {
  const [first, second, size] = shapeOf(tensor) as [number, number, number];
  return new Tensor(swapMiddle(tensor.data, [1, first, second, size]), [second, first, size]);
}
