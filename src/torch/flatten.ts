// PyTorch's tensors have any number of leading dimensions, and these broadcast; the operator has a batch and heads.

import { allocateFloats } from "../allocate.ts";
import type { MaskLike } from "../attention-options.ts";
import { AttentionError } from "../errors.ts";
import { shapeError } from "../tensor.ts";
import { checkTensor, shapeOf, sizeOf, type TensorData, type TensorLike } from "../tensor-like.ts";
import { broadcastShapes, broadcastStrides, indexAt, offsetOf } from "../validate/broadcast.ts";
import { isBoolean } from "../validate/mask.ts";

export interface FlatHeads {
  /** `[B, H, L, E]`, `[B, K, S, E]`, `[B, K, S, V]`. */
  readonly query: TensorLike;
  readonly key: TensorLike;
  readonly value: TensorLike;
  /** The output's shape, and that of the scores, with all leading dimensions. */
  readonly shape: readonly number[];
  readonly scores: readonly number[];
}

/** Leading dimensions but the last, which are a batch, the last, which are heads, and the two of a matrix. */
interface Parts {
  readonly batch: readonly number[];
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  /** How many leading dimensions there are. */
  readonly leading: number;
}

/** Checks query, key and value against each other and brings them to rank 4; copies only what has to be repeated. */
export function flattenHeads(query: TensorLike, key: TensorLike, value: TensorLike, gqa: boolean): FlatHeads {
  const q = partsOf("query", query, gqa);
  const k = partsOf("key", key, gqa);
  const v = partsOf("value", value, gqa);
  expectSize("key", "E", k.columns, q.columns, "query");
  expectSize("value", "S", v.rows, k.rows, "key");
  const H = headsOf(q, k, v, gqa);
  const batch = broadcastShapes("value", broadcastShapes("key", q.batch, k.batch), v.batch);
  // Heads of 1 are shared by all query heads, without a copy; any other difference is repeated.
  const grouped = k.heads === v.heads && (gqa || k.heads === 1);
  const own = (parts: Parts): number => (grouped ? parts.heads : H);
  const leading = Math.max(q.leading, k.leading, v.leading);
  const shape = [...batch, H].slice(batch.length + 1 - leading);
  return {
    query: repeated(query, q, batch, H),
    key: repeated(key, k, batch, own(k)),
    value: repeated(value, v, batch, own(v)),
    shape: [...shape, q.rows, v.columns],
    scores: [...batch, H, q.rows, k.rows],
  };
}

/** Checks a mask against the scores and brings it to rank 4; copies only where a part of the batch has to be repeated. */
export function flattenMask(mask: MaskLike, scores: readonly number[]): MaskLike {
  checkTensor("attn_mask", mask, ["Uint8Array", "Float32Array"]);
  const shape = shapeOf(mask as TensorLike<TensorData>);
  broadcastStrides("attn_mask", shape, scores);
  const full = [...new Array<number>(scores.length - shape.length).fill(1), ...shape];
  const [own, batch] = [full.slice(0, -3), scores.slice(0, -3)];
  const rest = full.slice(-3);
  const whole = own.every((size, d) => size === batch[d]);
  if (whole || sizeOf(own) === 1) return { data: mask.data, shape: [sizeOf(own), ...rest] } as MaskLike;
  const data = expand(mask.data, full, [...batch, ...rest]);
  return { data, shape: [sizeOf(batch), ...rest] } as MaskLike;
}

function partsOf(name: string, tensor: TensorLike, gqa: boolean): Parts {
  checkTensor(name, tensor);
  const shape = shapeOf(tensor);
  const least = gqa ? 3 : 2;
  if (shape.length < least) throw shapeError(name, `at least ${least} dimensions`, shape);
  const [rows, columns] = shape.slice(-2) as [number, number];
  return { batch: shape.slice(0, -3), heads: shape.at(-3) ?? 1, rows, columns, leading: shape.length - 2 };
}

function expectSize(name: string, letter: string, size: number, expected: number, other: string): void {
  if (size === expected) return;
  throw new AttentionError(
    "ERR_SHAPE",
    `"${name}" expected ${letter}=${expected} as in "${other}", got ${size}`,
  );
}

function headsOf(q: Parts, k: Parts, v: Parts, gqa: boolean): number {
  if (!gqa) {
    const withKeys = broadcastShapes("key", [q.heads], [k.heads]);
    return broadcastShapes("value", withKeys, [v.heads])[0]!;
  }
  expectSize("value", "H", v.heads, k.heads, "key");
  if (q.heads % k.heads !== 0)
    throw new AttentionError("ERR_SHAPE", `"key" expected heads that divide Hq=${q.heads}, got ${k.heads}`);
  return q.heads;
}

function repeated(tensor: TensorLike, parts: Parts, batch: readonly number[], heads: number): TensorLike {
  const { rows, columns } = parts;
  const target = [...batch, heads, rows, columns];
  const shape = [sizeOf(batch), heads, rows, columns];
  const own = shapeOf(tensor);
  if (sizeOf(own) === sizeOf(target)) return { data: tensor.data, shape };
  return { data: expand(tensor.data, own, target), shape };
}

/** A copy with dimensions of 1 repeated, and missing ones put in front. The last two are copied as they are. */
function expand<D extends Float32Array | Uint8Array>(
  data: D,
  shape: readonly number[],
  target: readonly number[],
): D {
  const matrix = sizeOf(target.slice(-2));
  const outer = target.slice(0, -2);
  const strides = broadcastStrides("shape", shape.slice(0, -2), outer);
  const count = sizeOf(outer);
  const copy = (
    isBoolean({ data }) ? new Uint8Array(count * matrix) : allocateFloats(count * matrix, "a copy")
  ) as D;
  for (let n = 0; n < count; n++) {
    const from = offsetOf(indexAt(n, outer), strides) * matrix;
    copy.set(data.subarray(from, from + matrix), n * matrix);
  }
  return copy;
}
