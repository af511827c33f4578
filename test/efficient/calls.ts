/** The approximations of attention on a backend, and by the plain algorithm in float32. */

import {
  type LinformerOptions,
  linformerAttention,
  linformerAttentionSync,
  type PerformerOptions,
  performerAttention,
  performerAttentionSync,
} from "wasm-attention/efficient";
import type { What } from "../support/backends.ts";
import type { Where } from "../support/every-engine.ts";
import { plainAttention } from "../support/plain-float32.ts";
import { type FloatTensor, sizeOf } from "../support/random-tensors.ts";

const { fround } = Math;

export interface Inputs {
  readonly query: FloatTensor;
  readonly key: FloatTensor;
  readonly value: FloatTensor;
}

export async function linformer(
  { engine, call }: Where,
  { query, key, value }: Inputs,
  options: What<LinformerOptions>,
): Promise<FloatTensor> {
  const run = call === "sync" ? linformerAttentionSync : linformerAttention;
  return (await run(query, key, value, { ...options, engine })).output;
}

export async function performer(
  { engine, call }: Where,
  { query, key, value }: Inputs,
  options: What<PerformerOptions>,
): Promise<FloatTensor> {
  const run = call === "sync" ? performerAttentionSync : performerAttention;
  return (await run(query, key, value, { ...options, engine })).output;
}

/** The first matrix of [B, H, ...] as rank 2, or the first entry as rank 3. */
export function ofRank({ data, shape }: FloatTensor, rank: number): FloatTensor {
  const kept = shape.slice(4 - rank);
  return { data: data.slice(0, sizeOf(kept)), shape: kept };
}

/** [B, H, L, E] as [B, L, H, E]. */
export function tokensFirst({ data, shape }: FloatTensor): FloatTensor {
  const [B, H, L, E] = shape as [number, number, number, number];
  const turned = new Float32Array(data.length);
  for (let row = 0; row < B * H * L; row++) {
    const [b, h, i] = [Math.floor(row / (H * L)), Math.floor(row / L) % H, row % L];
    turned.set(data.subarray(row * E, (row + 1) * E), ((b * L + i) * H + h) * E);
  }
  return { data: turned, shape: [B, L, H, E] };
}

/** Both products and then attention, all in float32 and in order; [K, ...] with one query head for each. */
export function plainLinformer(
  { query, key, value }: Inputs,
  projections: readonly [FloatTensor, FloatTensor],
  scale?: number,
): Float32Array {
  const [keys, values] = [plainProjection(projections[0], key), plainProjection(projections[1], value)];
  return plainAttention(query, keys, values, { scale }).output;
}

function plainProjection({ data: factors, shape }: FloatTensor, rows: FloatTensor): FloatTensor {
  const [P, S] = shape.slice(-2) as [number, number];
  const size = rows.shape.at(-1)!;
  const heads = sizeOf(rows.shape.slice(0, -2));
  const data = new Float32Array(heads * P * size);
  const own = shape.length === 3 ? P * S : 0;
  for (let h = 0; h < heads; h++)
    for (let p = 0; p < P; p++)
      for (let j = 0; j < S; j++) {
        const factor = factors[(h % (own === 0 ? 1 : shape[0]!)) * own + p * S + j]!;
        for (let e = 0; e < size; e++)
          data[(h * P + p) * size + e] = fround(
            data[(h * P + p) * size + e]! + fround(factor * rows.data[(h * S + j) * size + e]!),
          );
      }
  return { data, shape: [...rows.shape.slice(0, -2), P, size] };
}

/** Features, sums over the keys, quotients, in float32 and in order. All tensors have the same number of heads. */
export function plainPerformer(
  { query, key, value }: Inputs,
  directions: FloatTensor,
  { causal = false, epsilon = 1e-6 } = {},
): Float32Array {
  const [L, E] = query.shape.slice(-2) as [number, number];
  const [S, V] = value.shape.slice(-2) as [number, number];
  const m = directions.shape[0]!;
  const heads = sizeOf(query.shape.slice(0, -2));
  const output = new Float32Array(heads * L * V);
  for (let h = 0; h < heads; h++) {
    const queries = plainFeatures(query.data.subarray(h * L * E, (h + 1) * L * E), directions, epsilon);
    const keys = plainFeatures(key.data.subarray(h * S * E, (h + 1) * S * E), directions, epsilon);
    const largest = Math.max(...keys.logScales);
    const sums = new Float32Array((V + 1) * m);
    let added = 0;
    for (let i = 0; i < L; i++) {
      for (; added < (causal ? i + 1 : S); added++) {
        const weight = fround(Math.exp(fround(keys.logScales[added]! - largest)));
        for (let r = 0; r < m; r++)
          for (let v = 0; v <= V; v++) {
            const x = v === V ? weight : fround(weight * value.data[(h * S + added) * V + v]!);
            sums[v * m + r] = fround(sums[v * m + r]! + fround(x * keys.features[added * m + r]!));
          }
      }
      const row = Float32Array.from({ length: V + 1 }, (_, v) => {
        let sum = 0;
        for (let r = 0; r < m; r++)
          sum = fround(sum + fround(queries.features[i * m + r]! * sums[v * m + r]!));
        return sum;
      });
      for (let v = 0; v < V; v++) output[(h * L + i) * V + v] = row[v]! / row[V]!;
    }
  }
  return output;
}

function plainFeatures(
  rows: Float32Array,
  { data: directions, shape }: FloatTensor,
  epsilon: number,
): { features: Float32Array; logScales: Float32Array } {
  const [m, E] = shape as [number, number];
  const scale = fround(Math.sqrt(1 / Math.sqrt(E)));
  const length = rows.length / E;
  const features = new Float32Array(length * m);
  const logScales = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const row = features.subarray(i * m, (i + 1) * m);
    let squares = 0;
    for (let e = 0; e < E; e++) {
      const x = fround(scale * rows[i * E + e]!);
      squares = fround(squares + fround(x * x));
    }
    for (let r = 0; r < m; r++) {
      let sum = 0;
      for (let e = 0; e < E; e++) sum = fround(sum + fround(rows[i * E + e]! * directions[r * E + e]!));
      row[r] = fround(scale * sum);
    }
    const largest = Math.max(...row);
    logScales[i] = fround(largest - squares / 2);
    for (let r = 0; r < m; r++) row[r] = fround(Math.exp(fround(row[r]! - largest))) + epsilon;
  }
  return { features, logScales };
}
