import type { MatmulOptions } from "./calls/matmul.ts";
import { engineFor } from "./default-engine.ts";
import type { Tensor } from "./tensor.ts";
import type { TensorLike } from "./tensor-like.ts";

export type { MatmulOptions } from "./calls/matmul.ts";

/**
 * Matrix product scale * (a b) + bias as NumPy's `matmul`, off the event loop: batch dimensions broadcast, a 1-D `a` is
 * a row and a 1-D `b` a column whose dimension of 1 is dropped from the result.
 *
 * @param a `[..., M, K]` or `[K]`; with `transposeA` `[..., K, M]`
 * @param b `[..., K, N]` or `[K]`; with `transposeB` `[..., N, K]`
 * @returns `[..., M, N]`, without M or N where `a` or `b` is 1-D
 * @throws AttentionError `ERR_SHAPE`, `ERR_DTYPE` or `ERR_OPTION` for arguments that do not fit, `ERR_MEMORY`
 *
 * @example
 * ```ts
 * import { matmul, tensor } from "wasm-attention";
 * const a = tensor([1, 2, 3, 4], [2, 2]);
 * const product = await matmul(a, a, { transposeB: true });
 * console.log(product.data); // Float32Array(4) [ 5, 11, 11, 25 ]
 * ```
 */
export async function matmul(a: TensorLike, b: TensorLike, options?: MatmulOptions): Promise<Tensor> {
  return engineFor(options).matmul(a, b, options);
}

/**
 * The same here and now: `matmul` on the calling thread, which the pool helps where that pays.
 *
 * @example
 * ```ts
 * import { matmulSync, tensor } from "wasm-attention";
 * console.log(matmulSync(tensor([1, 2], [2]), tensor([3, 4], [2])).data[0]); // 11
 * ```
 */
export function matmulSync(a: TensorLike, b: TensorLike, options?: MatmulOptions): Tensor {
  return engineFor(options).matmulSync(a, b, options);
}
