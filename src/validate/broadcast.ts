import { AttentionError } from "../errors.ts";

/** How far apart neighbours along each dimension lie in a row-major tensor. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= shape[d]!;
  }
  return strides;
}

/**
 * Strides that read a tensor of `shape` as if it had the shape `target`, by NumPy's rule: shapes are
 * aligned on the right, and a dimension that is missing or of size 1 repeats (stride 0).
 */
export function broadcastStrides(
  name: string,
  shape: readonly number[],
  target: readonly number[],
): number[] {
  const missing = target.length - shape.length;
  const own = rowMajorStrides(shape);
  const fits = missing >= 0 && shape.every((size, d) => size === 1 || size === target[missing + d]);
  if (!fits)
    throw new AttentionError(
      "ERR_SHAPE",
      `"${name}" expected a shape that broadcasts to [${target.join(", ")}], got [${shape.join(", ")}]`,
    );
  return target.map((_, d) => (d < missing || shape[d - missing] === 1 ? 0 : own[d - missing]!));
}

/** The shape two shapes broadcast to, or an error. */
export function broadcastShapes(name: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let d = 0; d < rank; d++) {
    const m = a[a.length - rank + d] ?? 1;
    const n = b[b.length - rank + d] ?? 1;
    if (m !== n && m !== 1 && n !== 1)
      throw new AttentionError(
        "ERR_SHAPE",
        `"${name}" expected batch dimensions that broadcast with [${a.join(", ")}], got [${b.join(", ")}]`,
      );
    shape.push(m === 1 ? n : m);
  }
  return shape;
}

/** The index, one number per dimension, of the element that comes `position`-th in row-major order. */
export function indexAt(position: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  let rest = position;
  for (let d = shape.length - 1; d >= 0; d--) {
    index[d] = rest % shape[d]!;
    rest = Math.floor(rest / shape[d]!);
  }
  return index;
}

/** Where the element of that index lies in the data. */
export function offsetOf(index: readonly number[], strides: readonly number[]): number {
  let offset = 0;
  for (let d = 0; d < index.length; d++) offset += index[d]! * strides[d]!;
  return offset;
}
