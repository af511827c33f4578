import type { MaskLike } from "../attention-options.ts";
import { AttentionError } from "../errors.ts";
import { checkTensor, shapeOf, type TensorLike } from "../tensor-like.ts";
import { indexAt } from "../validate/broadcast.ts";
import { type SpreadMask, spreadMask } from "../validate/mask.ts";
import { addend, keeps } from "./mask.ts";

/** What a layer's masks say about its scores. */
export interface LayerMask {
  readonly keyPaddingMask?: MaskLike | undefined;
  readonly attnMask?: MaskLike | undefined;
  readonly causal?: boolean | undefined;
}

/** Sizes of a layer's scores. `extra` columns (bias_k, zero key) follow the S keys; no mask covers them. */
export interface LayerSizes {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly S: number;
  readonly extra: number;
}

/** A layer's masks as one boolean mask and one bias over `[B, H, L, S + extra]`. */
export function combineMasks(
  masks: LayerMask,
  sizes: LayerSizes,
  batched: boolean,
): { mask: TensorLike<Uint8Array>; bias: TensorLike<Float32Array> } {
  const { B, H, L, S, extra } = sizes;
  const padding = masks.keyPaddingMask && spreadPadding(masks.keyPaddingMask, sizes, batched);
  const attention = masks.attnMask && spreadMask("attnMask", masks.attnMask, [B, H, L, S]);
  const shape = [B, H, L, S + extra];
  const count = B * H * L * (S + extra);
  const mask = new Uint8Array(count).fill(1);
  const bias = new Float32Array(count);
  for (let n = 0; n < count; n++) {
    const index = indexAt(n, shape);
    const [, , i, j] = index as [number, number, number, number];
    if (j >= S) continue;
    const kept = keeps(padding, index) && keeps(attention, index) && !(masks.causal && j > i);
    mask[n] = kept ? 1 : 0;
    bias[n] = addend(padding, index) + addend(attention, index);
  }
  return { mask: { data: mask, shape }, bias: { data: bias, shape } };
}

/** `[B, S]` (unbatched `[S]`) holds for every head and query. */
function spreadPadding(mask: MaskLike, { B, H, L, S }: LayerSizes, batched: boolean): SpreadMask {
  checkTensor("keyPaddingMask", mask, ["Uint8Array", "Float32Array"]);
  const shape = shapeOf(mask as TensorLike);
  const expected = batched ? [B, S] : [S];
  if (shape.join() !== expected.join())
    throw new AttentionError(
      "ERR_SHAPE",
      `"keyPaddingMask" expected shape [${batched ? `B=${B}, ` : ""}S=${S}], got [${shape.join(", ")}]`,
    );
  const spread = { data: (mask as TensorLike).data, shape: [B, 1, 1, S] };
  return spreadMask("keyPaddingMask", spread, [B, H, L, S]);
}
