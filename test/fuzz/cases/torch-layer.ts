/** PyTorch's layer by PyTorch's names: two of them for each engine, whose weights stay packed in its memory. */
import type { Engine, TensorLike } from "wasm-attention";
import * as reference from "wasm-attention/reference";
import { MultiheadAttention } from "wasm-attention/torch";
import { expectAccurate, plainTolerance } from "../../support/accuracy.ts";
import { plainLayer } from "../../support/plain-layer.ts";
import { type ByteTensor, type FloatTensor, sizeOf } from "../../support/random-tensors.ts";
import type { Case } from "../attempt.ts";
import type { Draws } from "../draws.ts";
import { largestOf } from "../largest.ts";
import { defined } from "./attention.ts";

const [E, H] = [6, 2];
type Mask = ByteTensor | FloatTensor;

/** Tokens before the batch; and the batch first, with added keys. */
const kinds = [{ seed: 3 }, { seed: 4, batch_first: true, add_bias_kv: true, add_zero_attn: true }] as const;
const layers = new Map<Engine, readonly MultiheadAttention[]>();

export function packTorchLayers(engines: readonly Engine[]): void {
  for (const engine of engines) {
    const made = kinds.map((kind) => new MultiheadAttention(E, H, { ...kind, engine }));
    const token = { data: new Float32Array(E), shape: [1, E] };
    for (const layer of made) layer.forward(token, token, token);
    layers.set(engine, made);
  }
}

export function disposeTorchLayers(): void {
  for (const made of layers.values()) for (const layer of made) layer.dispose();
}

export function drawTorchLayer(d: Draws): Case {
  const [B, L, S] = [d.int(1, 2), d.int(1, 6), d.int(1, 6)];
  const kind = d.int(0, 1);
  const { batch_first = false } = kinds[kind] as { batch_first?: boolean };
  const batched = d.once(3) ? undefined : B;
  const rows = (length: number): FloatTensor => {
    const shape = batched === undefined ? [length, E] : batch_first ? [B, length, E] : [length, B, E];
    return { data: d.floats(shape), shape };
  };
  const mask = (shape: readonly number[]): Mask =>
    d.once(2)
      ? { data: d.bytes(sizeOf(shape)).map((keep) => 1 - keep), shape }
      : { data: d.floats(shape), shape };
  const masks = {
    key_padding_mask: d.maybe(3, () => mask(batched === undefined ? [S] : [B, S])),
    attn_mask: d.maybe(3, () =>
      mask(
        d.pick([
          [L, S],
          [(batched ?? 1) * H, L, S],
        ]),
      ),
    ),
  };
  const given = Object.keys(defined(masks));
  return {
    name: "torch MultiheadAttention",
    tensors: {
      query: rows(L),
      key: rows(S),
      value: rows(S),
      ...(defined(masks) as Record<string, TensorLike>),
    },
    optional: given,
    nullable: ["key_padding_mask", "attn_mask"],
    options: defined({
      need_weights: d.maybe(2, () => d.once(2)),
      average_attn_weights: d.maybe(3, () => d.once(2)),
      is_causal: masks.attn_mask && d.maybe(3, () => true),
    }),
    names: ["need_weights", "average_attn_weights", "is_causal"],
    call({ tensors: { query, key, value }, options }, { engine, sync }) {
      const layer = layers.get(engine)![kind] as unknown as Record<
        string,
        (...args: readonly unknown[]) => unknown
      >;
      return layer[sync ? "forward" : "forward_async"]!(query, key, value, options);
    },
    judge: (result, told, options) => judgeLayer(result as never, told as never, options, kind, batch_first),
  };
}

function judgeLayer(
  [output, weights]: readonly [FloatTensor, FloatTensor | undefined],
  { query, key, value, attn_mask, key_padding_mask }: Record<string, FloatTensor>,
  { need_weights = true, average_attn_weights = true, is_causal = false }: Record<string, unknown>,
  kind: number,
  batchFirst: boolean,
): void {
  const turn = batchFirst ? (x: FloatTensor) => x : batchToFront;
  const tokens = [turn(query!), turn(key!), turn(value!)] as const;
  // PyTorch takes the hint for the mask only where nothing else is asked for.
  const causal = Boolean(is_causal) && !key_padding_mask && !need_weights;
  const L = tokens[0].shape.at(-2)!;
  const masks = {
    causal,
    keyPaddingMask: key_padding_mask && attending(key_padding_mask, key_padding_mask.shape),
    attnMask: attn_mask && !causal ? attending(attn_mask, headsApart(attn_mask.shape)) : undefined,
  };
  const state = [...layers.values()][0]![kind]!.state_dict();
  const config = { numHeads: H, addZeroAttn: "add_zero_attn" in kinds[kind]! };
  const averageWeights = Boolean(average_attn_weights);
  const options = { ...defined(masks), needWeights: true, averageWeights } as never;
  const exact = reference.multiHeadAttention(state, config, ...tokens, options);
  const plain = plainLayer(state, config, tokens, defined(masks) as never);
  const near = (actual: FloatTensor, right: typeof exact.output, of: Float32Array, label: string) => {
    const { absolute } = plainTolerance(right.data, of);
    // Six numbers a token: large terms cancel, and plain float32 may be exact by luck.
    const floor = 2 ** -22 * largestOf(value!.data);
    expectAccurate(actual, right, { absolute: absolute + floor, relative: 0 }, label);
  };
  if (L !== output.shape[batchFirst || query!.shape.length === 2 ? output.shape.length - 2 : 0])
    throw new Error(`an output of shape ${output.shape}`);
  near(turn(output), exact.output, plain.output, "output");
  if ((weights === undefined) === Boolean(need_weights))
    throw new Error("weights that were not asked for, or none");
  if (weights)
    near(weights, exact.weights!, averageWeights ? plain.averageWeights : plain.weights, "weights");
}

/** `[L, B, E]` to `[B, L, E]`; without a batch as it is. */
function batchToFront({ data, shape }: FloatTensor): FloatTensor {
  if (shape.length === 2) return { data, shape };
  const [L, B, size] = shape as [number, number, number];
  const turned = Float32Array.from(data, (_, n) => {
    const [b, i, e] = [Math.floor(n / (L * size)), Math.floor(n / size) % L, n % size];
    return data[(i * B + b) * size + e]!;
  });
  return { data: turned, shape: [B, L, size] };
}

/** `[B * H, L, S]` to `[B, H, L, S]`. */
function headsApart(shape: readonly number[]): readonly number[] {
  return shape.length === 2 ? shape : [shape[0]! / H, H, ...shape.slice(1)];
}

/** 1 = ignore becomes 1 = attend. */
function attending({ data }: FloatTensor, shape: readonly number[]): Mask {
  if (data.BYTES_PER_ELEMENT === 4) return { data, shape };
  return { data: Uint8Array.from(data, (ignore) => 1 - ignore), shape };
}
