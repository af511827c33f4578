// The keys that a layer adds to those of its input.

import type { Operand, Program } from "../engine/program.ts";
import type { LayerState } from "./pass.ts";

/** bias_k and bias_v, then the zero key and value, after the projected ones of every entry. */
export function appendRows(
  program: Program,
  { weights, addZeroAttn }: LayerState,
  {
    keys,
    values,
    batch,
    length,
    width,
    columns,
  }: {
    keys: Operand;
    values: Operand;
    batch: number;
    length: number;
    width: number;
    columns: number;
  },
): void {
  const append = (target: Operand, row: number, source: Float32Array | undefined): void =>
    program.stage(
      "copy",
      {
        source: source && program.input(source),
        target: program.within(target, row * columns * 4),
        rows: batch,
        rowBytes: columns * 4,
        sourceStride: 0,
        targetStride: width * columns * 4,
      },
      { tiles: batch, work: batch * columns },
    );
  if (weights.biasKey) append(keys, length, weights.biasKey);
  if (weights.biasValue) append(values, length, weights.biasValue);
  if (!addZeroAttn) return;
  append(keys, width - 1, undefined);
  append(values, width - 1, undefined);
}
