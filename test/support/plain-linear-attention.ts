/**
 * Linear attention once more, twice: the recurrence in plain float32, which says how much error is fair, and in float64
 * as products of E x E matrices, which is how papers write it. Both take ONNX's flat rows.
 */
import type { FloatTensor } from "./random-tensors.ts";

export interface LinearCase {
  readonly query: FloatTensor;
  readonly key: FloatTensor;
  readonly value: FloatTensor;
  readonly past_state?: FloatTensor;
  readonly decay?: FloatTensor;
  readonly beta?: FloatTensor;
  readonly erase_gate?: FloatTensor;
}

export interface Heads {
  readonly q_num_heads: number;
  readonly kv_num_heads: number;
  readonly scale?: number;
}

interface Results {
  readonly output: number[];
  readonly present_state: number[];
}

/** One token of one head, with every gate spelled out. */
interface Token {
  readonly key: number[];
  readonly value: number[];
  readonly keep: number[];
  readonly erasing: number[];
  readonly beta: number | undefined;
}

type Advance = (S: number[][], token: Token) => number[][];
type Read = (S: number[][], query: number[], scale: number) => number[];

/** Everything rounded to float32 after each operation, keys in order. */
export function plainFloat32(inputs: LinearCase, heads: Heads): Results {
  const f = Math.fround;
  const retrieve = (S: number[][], x: number[], v: number) =>
    S.reduce((sum, row, e) => f(sum + f(x[e]! * row[v]!)), 0);
  return attend(
    inputs,
    heads,
    (S, { key, value, keep, erasing, beta }) => {
      const kept = S.map((row, e) => row.map((s) => f(f(keep[e]!) * s)));
      const written = value.map((x, v) =>
        beta === undefined ? x : f(beta * f(x - retrieve(kept, erasing.map(f), v))),
      );
      return kept.map((row, e) => row.map((s, v) => f(s + f(key[e]! * written[v]!))));
    },
    (S, query, scale) => (S[0] ?? []).map((_, v) => f(f(scale) * retrieve(S, query, v))),
  );
}

/** S = (I - beta k (gate k)^T) D S + beta k v^T: the delta rule as a matrix that multiplies the state. */
export function asMatrices(inputs: LinearCase, heads: Heads): Results {
  return attend(
    inputs,
    heads,
    (S, { key, value, keep, erasing, beta }) => {
      const transition = key.map((k, i) =>
        erasing.map((x, j) => ((i === j ? 1 : 0) - (beta ?? 0) * k * x) * keep[j]!),
      );
      return key.map((k, i) =>
        value.map((x, v) => transition[i]!.reduce((sum, a, j) => sum + a * S[j]![v]!, (beta ?? 1) * k * x)),
      );
    },
    (S, query, scale) =>
      (S[0] ?? []).map((_, v) => scale * S.reduce((sum, row, e) => sum + query[e]! * row[v]!, 0)),
  );
}

function attend(inputs: LinearCase, heads: Heads, advance: Advance, read: Read): Results {
  const { query, key, value, past_state } = inputs;
  const { q_num_heads: H, kv_num_heads: K } = heads;
  const [B, L] = query.shape as [number, number];
  const [E, V] = [query.shape[2]! / H, value.shape[2]! / K];
  const output = new Array<number>(B * L * H * V);
  const present_state: number[] = [];
  const scale = heads.scale || 1 / Math.sqrt(E);
  for (let b = 0; b < B; b++)
    for (let k = 0; k < K; k++) {
      const rows = Array.from({ length: E }, (_, e) => ((b * K + k) * E + e) * V);
      let S = rows.map((at) => Array.from({ length: V }, (_, v) => past_state?.data[at + v] ?? 0));
      for (let t = 0; t < L; t++) {
        const token = b * L + t;
        const place = token * K + k;
        S = advance(S, {
          key: row(key, place, E),
          value: row(value, place, V),
          ...gatesOf(inputs, { token, place, K, E, key: row(key, place, E) }),
        });
        for (let h = (k * H) / K; h < ((k + 1) * H) / K; h++)
          read(S, row(query, token * H + h, E), scale).forEach((x, v) => {
            output[(token * H + h) * V + v] = x;
          });
      }
      present_state.push(...S.flat());
    }
  return { output, present_state };
}

/** `place` counts tokens of heads. */
function gatesOf(
  { decay, beta, erase_gate }: LinearCase,
  { token, place, K, E, key }: { token: number; place: number; K: number; E: number; key: number[] },
): Pick<Token, "keep" | "erasing" | "beta"> {
  const logarithm = (e: number) => decay?.data[decay.shape[2] === K * E ? place * E + e : place] ?? 0;
  return {
    keep: key.map((_, e) => Math.exp(logarithm(e))),
    erasing: key.map((x, e) => x * (erase_gate?.data[place * E + e] ?? 1)),
    beta: beta?.data[beta.shape[2] === K ? place : token],
  };
}

function row({ data }: FloatTensor, index: number, size: number): number[] {
  return [...data.subarray(index * size, (index + 1) * size)];
}
