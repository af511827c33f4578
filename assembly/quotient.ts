// Sums of weighted values over the sum of their weights, which stands behind them: output_i = input_i[0..V] / input_i[V].
// Read once, written once. A row without any weight gives zeros, as attention does for a query without a key.

import { QuotientParameters } from "./parameters";
import { loadTail_f32x4, storeTail_f32x4 } from "./simd";
import { LANES } from "./tile-sizes";

export function quotientTile(address: usize, tile: i32): void {
  const p = changetype<QuotientParameters>(address);
  const head = tile / p.tilesPerHead;
  const first = (tile % p.tilesPerHead) * p.rowsPerTile;
  const last = min(first + p.rowsPerTile, p.length);
  const entry = head / p.heads;
  const within = head % p.heads;
  const input = p.input + entry * p.inputBatchStride + within * p.inputHeadStride;
  const output = p.output + entry * p.outputBatchStride + within * p.outputHeadStride;
  for (let i = first; i < last; i++) divideRow(input + i * p.inputRowStride, output + i * p.outputRowStride, p.valueSize);
}

function divideRow(row: usize, target: usize, size: i32): void {
  const sum = load<f32>(row + (size << 2));
  if (sum == 0) {
    memory.fill(target, 0, size << 2);
    return;
  }
  const divisor = f32x4.splat(sum);
  let v: i32 = 0;
  for (; v + LANES <= size; v += LANES) v128.store(target + (v << 2), f32x4.div(v128.load(row + (v << 2)), divisor));
  if (v < size)
    storeTail_f32x4(target + (v << 2), f32x4.div(loadTail_f32x4(row + (v << 2), size - v, 0), divisor), size - v);
}
