/** The check that every run makes: a sample of rows, over all keys and heads, against float64. */
import { setImmediate } from "node:timers/promises";
import { matmul, scaledDotProductAttention } from "../../reference/index.ts";
import type { TensorLike } from "../../tensor-like.ts";
import { type Heads, inputProjection, type Layer } from "./layer.ts";

/** Largest absolute errors of the rows looked at. */
export interface Check {
  readonly rows: number;
  /** Of the query, key and value projections, where there are any. */
  readonly projections: number | undefined;
  /** Of the attention operator's output. */
  readonly attention: number;
  /** Of the layer's output, where there is a layer. */
  readonly layer: number | undefined;
  /** The largest of the three. */
  readonly largest: number;
}

/** What was computed: the embedded text, query, key and value, and the outputs. */
export interface Computed {
  readonly x: TensorLike;
  readonly heads: Heads;
  /** `[1, L, H, E]` of the attention operator. */
  readonly attention: TensorLike;
  /** `[L, embedDim]` of the layer. */
  readonly output: TensorLike | undefined;
}

const mostRows = 16;
/** Multiply-adds that the check may cost; the readable reference makes some hundred millions a second. */
const affordable = 4e8;

/** Rows spread evenly over the text, the first and the last among them. */
export function sampleRows(heads: Pick<Heads, "L" | "S" | "H" | "E">): number[] {
  const { L, S, H, E } = heads;
  const count = Math.min(L, Math.max(2, Math.min(mostRows, Math.floor(affordable / (2 * H * S * E)))));
  return Array.from({ length: count }, (_, i) => (count === 1 ? 0 : Math.round((i * (L - 1)) / (count - 1))));
}

/** Compares the sampled rows, each stage on the inputs that it had. */
export async function verify(computed: Computed, layer: Layer): Promise<Check> {
  const { x, heads, attention, output } = computed;
  const width = heads.H * heads.E;
  let projections = 0;
  let attended = 0;
  let layered = 0;
  const rows = sampleRows(heads);
  for (const row of rows) {
    const expected = attentionRow(heads, row);
    attended = Math.max(attended, distance(rowOf(attention, row, width), expected));
    if (layer.stateDict !== undefined) {
      const input = { data: rowOf(x, row, width), shape: [1, width] };
      for (const [part, tensor] of [heads.query, heads.key, heads.value].entries()) {
        const { weight, bias } = inputProjection(layer.stateDict, part, width);
        const projected = matmul(input, weight, { transposeB: true, bias }).data;
        const at = part === 0 ? row : row + heads.leading;
        projections = Math.max(projections, distance(rowOf(tensor, at, width), projected));
      }
    }
    if (layer.stateDict !== undefined && output !== undefined) {
      const weight = layer.stateDict["out_proj.weight"]!;
      const bias = layer.stateDict["out_proj.bias"];
      const mixed = matmul({ data: expected, shape: [1, width] }, weight, { transposeB: true, bias }).data;
      layered = Math.max(layered, distance(rowOf(output, row, width), mixed));
    }
    await setImmediate(); // so that progress can be drawn
  }
  const hasLayer = layer.stateDict !== undefined;
  return {
    rows: rows.length,
    projections: hasLayer ? projections : undefined,
    attention: attended,
    layer: hasLayer ? layered : undefined,
    largest: Math.max(projections, attended, layered),
  };
}

/** One row of all heads, attending to all keys, in float64: `[H * E]`. */
function attentionRow(heads: Heads, row: number): Float64Array {
  const { query, key, value, H, E, leading, causal } = heads;
  const one = { data: rowOf(query, row, H * E), shape: [1, 1, H, E] };
  const options = { layout: "BLHE", causal, queryOffset: row + leading } as const;
  return scaledDotProductAttention(one, key, value, options).output.data;
}

function rowOf(tensor: TensorLike, row: number, width: number): Float32Array {
  return tensor.data.subarray(row * width, (row + 1) * width);
}

/** The largest absolute difference; NaN where either has one. */
function distance(values: Float32Array, expected: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(values[i]! - expected[i]!));
  return largest;
}
