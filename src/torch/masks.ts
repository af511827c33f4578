// PyTorch's masks of a layer: boolean ones mark what to ignore, and one mask a head is [B * H, L, S].

import type { MaskLike } from "../attention-options.ts";
import { checkShape } from "../onnx/check-shape.ts";
import { shapeError } from "../tensor.ts";
import type { ReadTensor } from "../tensor-like.ts";
import { isBoolean, readMask } from "../validate/mask.ts";
import type { TorchMask } from "./scaled-dot-product-attention.ts";

export interface MaskSizes {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly S: number;
  readonly batched: boolean;
}

/** `[B, S]`, unbatched `[S]`, as this library's mask. */
export function readPaddingMask(mask: TorchMask | null, { B, S, batched }: MaskSizes): MaskLike | undefined {
  if (mask === null) return undefined;
  const read = readMask("key_padding_mask", mask);
  const { shape } = read;
  checkShape("key_padding_mask", shape, batched ? ["B", "S"] : ["S"], { B, S });
  return attending(read, shape);
}

/** `[L, S]` or `[B * H, L, S]` as this library's mask. */
export function readAttentionMask(
  mask: TorchMask | null,
  { B, H, L, S, batched }: MaskSizes,
): MaskLike | undefined {
  if (mask === null) return undefined;
  const read = readMask("attn_mask", mask);
  const { shape } = read;
  if (shape.length !== 2 && shape.length !== 3) throw shapeError("attn_mask", "[L, S] or [B*H, L, S]", shape);
  const heads = batched ? "B*H" : "H";
  checkShape("attn_mask", shape, shape.length === 2 ? ["L", "S"] : [heads, "L", "S"], {
    "B*H": B * H,
    H,
    L,
    S,
  });
  return attending(read, shape.length === 2 ? shape : [B, H, L, S]);
}

/** The same mask in this library's polarity: 1 = attend. Additive masks stay as they are. */
function attending(mask: ReadTensor<Uint8Array | Float32Array>, shape: readonly number[]): MaskLike {
  if (!isBoolean(mask)) return { data: mask.data, shape } as MaskLike;
  const data = Uint8Array.from(mask.data as Uint8Array, (ignore) => (ignore === 0 ? 1 : 0));
  return { data, shape };
}
