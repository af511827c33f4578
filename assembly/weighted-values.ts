// Values as the features of their keys want them: a key's features were divided by e^c (c = its logScale, random-features.ts),
// so its value, and the 1 behind it that will sum up to the denominator, are multiplied by e^(c - M).
//
//   output_j = e^(c_j - M) [v_j, 1]
//
// M is any number that all keys which meet in one sum share, and cancels in the quotient. Without `decays` it is the
// largest c of the head. With them it is the largest c so far, M_j, and what was summed up before row j must shrink by
// e^(M_(j-1) - M_j): a causal sum then depends on no later key. Either way the largest weight is 1.
//
// Rows past their entry's length have c = -infinity: they become zeros, and their values are not read.

import { exponentialOnce_f32x4 } from "./exponential";
import { WeightedValuesParameters } from "./parameters";
import { largestLane, loadTail_f32x4, storeTail_f32x4 } from "./simd";
import { LANES } from "./tile-sizes";

export function weightedValuesTile(address: usize, tile: i32): void {
  const p = changetype<WeightedValuesParameters>(address);
  const head = tile / p.tilesPerHead;
  const first = (tile % p.tilesPerHead) * p.rowsPerTile;
  const last = min(first + p.rowsPerTile, p.length);
  const entry = head / p.heads;
  const within = head % p.heads;
  const logScales = p.logScales + (<usize>(head * p.length) << 2);
  const values = p.value + entry * p.valueBatchStride + within * p.valueHeadStride;
  const output = p.output + entry * p.outputBatchStride + within * p.outputHeadStride;
  const decays = p.decays + (<usize>(head * p.length) << 2);

  let maximum = largest(logScales, p.decays == 0 ? p.length : first);
  for (let j = first; j < last; j++) {
    const logScale = load<f32>(logScales + (j << 2));
    if (p.decays) {
      const before = maximum;
      maximum = max(maximum, logScale);
      // The first valid row has nothing before it that could shrink.
      store<f32>(decays + (j << 2), before == -Infinity ? 0 : before - maximum);
    }
    weigh(values + j * p.valueRowStride, p.valueSize, logScale, maximum, output + j * p.outputRowStride);
  }
}

/** The largest of some floats, -infinity for none. */
function largest(address: usize, count: i32): f32 {
  let maximum_f32x4 = f32x4.splat(-Infinity);
  let i: i32 = 0;
  for (; i + LANES <= count; i += LANES) maximum_f32x4 = f32x4.pmax(maximum_f32x4, v128.load(address + (i << 2)));
  if (i < count) maximum_f32x4 = f32x4.pmax(maximum_f32x4, loadTail_f32x4(address + (i << 2), count - i, -Infinity));
  return largestLane(maximum_f32x4);
}

function weigh(value: usize, size: i32, logScale: f32, maximum: f32, target: usize): void {
  if (logScale == -Infinity) {
    memory.fill(target, 0, (size + 1) << 2);
    return;
  }
  const weight = exponentialOnce_f32x4(f32x4.splat(logScale - maximum));
  let v: i32 = 0;
  for (; v + LANES <= size; v += LANES)
    v128.store(target + (v << 2), f32x4.mul(v128.load(value + (v << 2)), weight));
  if (v < size)
    storeTail_f32x4(target + (v << 2), f32x4.mul(loadTail_f32x4(value + (v << 2), size - v, 0), weight), size - v);
  store<f32>(target + (size << 2), f32x4.extract_lane(weight, 0));
}
