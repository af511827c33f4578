/** The layer, with weights of its own for each engine: they stay packed in its memory from one call to the next. */
import { type Engine, MultiHeadAttention, type TensorLike, tensor } from "wasm-attention";
import * as reference from "wasm-attention/reference";
import { expectAccurate, plainTolerance } from "../../support/accuracy.ts";
import { plainLayer } from "../../support/plain-layer.ts";
import type { FloatTensor } from "../../support/random-tensors.ts";
import type { Case } from "../attempt.ts";
import type { Draws } from "../draws.ts";
import { largestOf } from "../largest.ts";
import { defined } from "./attention.ts";

const [E, H] = [6, 2];
const layers = new Map<Engine, MultiHeadAttention>();

/** The layer of an engine, its weights packed. */
function layerOf(engine: Engine): MultiHeadAttention {
  let layer = layers.get(engine);
  if (layer === undefined) {
    layer = new MultiHeadAttention({ embedDim: E, numHeads: H, seed: 5, engine });
    layer.forwardSync(tensor(new Float32Array(E), [1, E]));
    layers.set(engine, layer);
  }
  return layer;
}

export function packLayers(engines: readonly Engine[]): void {
  for (const engine of engines) layerOf(engine);
}

export function disposeLayers(): void {
  for (const layer of layers.values()) layer.dispose();
}

export function drawLayer(d: Draws): Case {
  const [B, L, S] = [d.int(1, 2), d.int(1, 6), d.int(1, 6)];
  const rows = (length: number): FloatTensor => ({ data: d.floats([B, length, E]), shape: [B, length, E] });
  const masks: Record<string, TensorLike<Uint8Array> | TensorLike<Float32Array>> = {};
  if (d.once(3)) masks.keyPaddingMask = { data: d.bytes(B * S), shape: [B, S] };
  if (d.once(3)) {
    const shape = d.pick([
      [L, S],
      [H, L, S],
      [B, H, L, S],
    ]);
    const count = shape.reduce((product, n) => product * n, 1);
    masks.attnMask = (
      d.once(2) ? { data: d.bytes(count), shape } : { data: d.floats(shape), shape }
    ) as TensorLike;
  }
  return {
    name: "MultiHeadAttention",
    tensors: { query: rows(L), key: rows(S), value: rows(S), ...masks },
    optional: Object.keys(masks),
    options: defined({
      causal: d.maybe(3, () => true),
      needWeights: d.maybe(2, () => true),
      averageWeights: d.maybe(3, () => d.once(2)),
    }),
    names: ["causal", "needWeights", "averageWeights", "lengths", "cache", "keyPaddingMask", "attnMask"],
    call({ tensors, options }, { engine, sync }) {
      const layer = layerOf(engine) as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
      const { query, key, value } = tensors;
      return layer[sync ? "forwardSync" : "forward"]!(query, key, value, options);
    },
    judge(result, told, options) {
      const { query, key, value, ...given } = told as Record<string, FloatTensor>;
      const state = [...layers.values()][0]!.toStateDict();
      const all = { ...options, ...given };
      const exact = reference.multiHeadAttention(state, { numHeads: H }, query!, key!, value!, all);
      const plain = plainLayer(state, { numHeads: H, addZeroAttn: false }, [query!, key!, value!], {
        causal: false,
        ...all,
      } as never);
      const { output, weights } = result as { output: FloatTensor; weights?: FloatTensor };
      const near = (actual: FloatTensor, right: typeof exact.output, of: Float32Array, label: string) => {
        const { absolute } = plainTolerance(right.data, of);
        // Six numbers a token: large terms cancel, and plain float32 may be exact by luck.
        const floor = 2 ** -22 * largestOf(value!.data);
        expectAccurate(actual, right, { absolute: absolute + floor, relative: 0 }, label);
      };
      near(output, exact.output, plain.output, "output");
      const averaged = options.averageWeights !== false;
      if (weights) near(weights, exact.weights!, averaged ? plain.averageWeights : plain.weights, "weights");
    },
  };
}
