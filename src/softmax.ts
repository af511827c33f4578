import type { SoftmaxOptions } from "./calls/softmax.ts";
import { engineFor } from "./default-engine.ts";
import type { Tensor } from "./tensor.ts";
import type { TensorLike } from "./tensor-like.ts";

export type { SoftmaxOptions } from "./calls/softmax.ts";

/**
 * softmax(scale x + mask) along one axis, or its logarithm, off the event loop. The maximum is subtracted first, so no
 * value overflows. What a mask drops gives 0 (logarithm: -infinity), and so does a slice with nothing to keep.
 *
 * @param x a tensor of any shape with at least one dimension
 * @returns a tensor of x's shape
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit, `ERR_MEMORY`
 *
 * @example
 * ```ts
 * import { softmax, tensor } from "wasm-attention";
 * const p = await softmax(tensor([0, 0, 1000, 1000], [2, 2]));
 * console.log(p.data); // Float32Array(4) [ 0.5, 0.5, 0.5, 0.5 ]
 * ```
 */
export async function softmax(x: TensorLike, options?: SoftmaxOptions): Promise<Tensor> {
  return engineFor(options).softmax(x, options);
}

/**
 * The same here and now: `softmax` on the calling thread, which the pool helps where that pays.
 *
 * @example
 * ```ts
 * import { softmaxSync, tensor } from "wasm-attention";
 * console.log(softmaxSync(tensor([1, 1, 1, 1], [4])).data[0]); // 0.25
 * ```
 */
export function softmaxSync(x: TensorLike, options?: SoftmaxOptions): Tensor {
  return engineFor(options).softmaxSync(x, options);
}
