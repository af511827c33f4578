// The masks of a layer, key padding and attention, each boolean or additive, as one mask and one bias of the operator.

import type { MaskLike } from "../attention-options.ts";
import { AttentionError } from "../errors.ts";
import { shapeError } from "../tensor.ts";
import { type ReadTensor, sizeOf } from "../tensor-like.ts";
import { broadcastStrides } from "../validate/broadcast.ts";
import { isBoolean, readMask, type SpreadMask, spreadMask } from "../validate/mask.ts";
import { given } from "../validate/score-options.ts";

export interface LayerMasks {
  readonly keyPaddingMask?: MaskLike;
  readonly attnMask?: MaskLike;
  readonly causal: boolean;
}

/** Sizes of a layer's scores; `extra` keys (bias_k, the zero key) follow the S keys, and no mask covers them. */
export interface ScoreSizes {
  readonly B: number;
  readonly H: number;
  readonly L: number;
  readonly S: number;
  readonly extra: number;
  readonly batched: boolean;
}

export interface OperatorMasks {
  readonly mask: SpreadMask | undefined;
  readonly bias: SpreadMask | undefined;
  /** Causality that the operator's own range of keys can express. */
  readonly causal: boolean;
}

/** Combines a layer's masks. */
export function combineMasks(masks: LayerMasks, sizes: ScoreSizes): OperatorMasks {
  const padding = given(masks.keyPaddingMask, (mask) => readPadding(mask, sizes));
  let attention = given(masks.attnMask, (mask) => readAttentionMask(mask, sizes));
  const { L, S, extra } = sizes;
  // The keys that follow are open to every query, which is no range of keys any more: a mask says it.
  const triangle = masks.causal && extra > 0 ? spread(causalMask(L, S), sizes) : undefined;
  const causal = masks.causal && extra === 0;
  const additive: SpreadMask[] = [];
  const boolean: SpreadMask[] = [];
  for (const mask of [attention, padding, triangle]) {
    if (mask) (mask.boolean ? boolean : additive).push(mask);
  }
  attention = boolean.shift() ?? additive.shift();
  // One boolean mask is the operator's; others become -infinity and 0, which excludes just as well.
  const rest = [...additive, ...boolean.map(toAdditive)];
  return { mask: attention, bias: addMasks(rest, sizes), causal };
}

function readPadding(mask: MaskLike, { B, S, batched, ...rest }: ScoreSizes): SpreadMask {
  const { data, shape } = readMask("keyPaddingMask", mask);
  if (shape.join() !== (batched ? [B, S] : [S]).join())
    throw shapeError("keyPaddingMask", `shape [${batched ? `B=${B}, ` : ""}S=${S}]`, shape);
  return spread({ data, shape: [B, 1, 1, S] }, { B, S, batched, ...rest }, "keyPaddingMask");
}

function readAttentionMask(mask: MaskLike, sizes: ScoreSizes): SpreadMask {
  const read = readMask("attnMask", mask);
  const { shape } = read;
  if (shape.length < 2)
    throw new AttentionError(
      "ERR_SHAPE",
      `"attnMask" expected [L, S], [H, L, S] or [B, H, L, S], got [${shape.join(", ")}]`,
    );
  return spread(read, sizes, "attnMask");
}

type AnyMask = Pick<ReadTensor<Uint8Array | Float32Array>, "data" | "shape">;

/** Spreads a mask over the scores, with open columns for the keys that follow. */
function spread(mask: AnyMask, { B, H, L, S, extra }: ScoreSizes, name = "mask"): SpreadMask {
  if (extra === 0) return spreadMask(name, mask as MaskLike, [B, H, L, S]);
  const { shape } = mask;
  // Checked at its own size, so that an error names the caller's sizes.
  broadcastStrides(name, shape, [B, H, L, S]);
  const own = shape[shape.length - 1]!;
  const rows = sizeOf(shape.slice(0, -1));
  const boolean = isBoolean(mask);
  const width = S + extra;
  const data = boolean ? new Uint8Array(rows * width).fill(1) : new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    if (own === S) data.set(mask.data.subarray(row * own, (row + 1) * own), row * width);
    else data.fill(mask.data[row]!, row * width, row * width + S);
  }
  return spreadMask(name, { data, shape: [...shape.slice(0, -1), width] } as MaskLike, [B, H, L, width]);
}

function causalMask(L: number, S: number): AnyMask {
  const data = new Uint8Array(L * S);
  for (let i = 0; i < L; i++) data.fill(1, i * S, i * S + Math.min(i + 1, S));
  return { data, shape: [L, S] };
}

function toAdditive(mask: SpreadMask): SpreadMask {
  const data = Float32Array.from(mask.data as Uint8Array, (keep) => (keep === 0 ? -Infinity : 0));
  return { boolean: false, data, strides: mask.strides };
}

/** At most two are left; their sum, where they are two, over the smallest shape that holds both. */
function addMasks(masks: readonly SpreadMask[], { B, H, L, S, extra }: ScoreSizes): SpreadMask | undefined {
  const [first, second] = masks;
  if (first === undefined || second === undefined) return first;
  const full = [B, H, L, S + extra];
  const shape = full.map((size, d) => (first.strides[d] === 0 && second.strides[d] === 0 ? 1 : size));
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  const index = [0, 0, 0, 0];
  for (let n = 0; n < data.length; n++) {
    data[n] = at(first, index) + at(second, index);
    for (let d = 3; d >= 0 && ++index[d]! === shape[d]!; d--) index[d] = 0;
  }
  return { boolean: false, data, strides: broadcastStrides("mask", shape, full) };
}

function at({ data, strides }: SpreadMask, index: readonly number[]): number {
  let offset = 0;
  for (let d = 0; d < 4; d++) offset += index[d]! * strides[d]!;
  return data[offset]!;
}
