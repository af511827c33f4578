// What happens to each head of a query or key between projection and attention: an optional RMS norm (Zhang and
// Sennrich 2019, per head as in Qwen3), then rotary positions (Su et al. 2021, RoFormer). One row of a head at a time,
// read once, written once: y = x / sqrt(mean(x^2) + epsilon) * weight; pairs (a, b) of y become
// (a cos - b sin, b cos + a sin) with the angle of the row's position; what lies beyond the rotated part passes.

import { RotaryParameters } from "./parameters";
import { interleaveHigh, interleaveLow } from "./simd";
import { LANES } from "./tile-sizes";

/** Scratch: one normalised row. */
export function rotaryTile(address: usize, tile: i32, scratch: usize): void {
  const p = changetype<RotaryParameters>(address);
  const first = tile * p.rowsPerTile;
  const last = min(first + p.rowsPerTile, p.rows);
  const rowBytes: usize = <usize>p.headSize << 2;
  for (let row = first; row < last; row++) {
    const entry = row / p.rowsPerEntry;
    const within = row % p.rowsPerEntry;
    const at = entry * p.entryStride + within * rowBytes;
    const source = p.input + at;
    const target = p.output + at;
    let x = source;
    if (p.normWeight) {
      normalize(source, scratch, p.normWeight, p.headSize, p.epsilon);
      x = scratch;
    }
    if (p.rotarySize < p.headSize)
      memory.copy(target + (p.rotarySize << 2), x + (p.rotarySize << 2), (p.headSize - p.rotarySize) << 2);
    if (p.rotarySize == 0) continue;
    const position = (within / p.rowsPerPosition) % p.positions;
    const angle: usize = (entry * p.tableEntryRows + position) * (p.rotarySize >> 1) << 2;
    if (p.interleaved) rotatePairs(x, target, p.cosines + angle, p.sines + angle, p.rotarySize >> 1);
    else rotateHalves(x, target, p.cosines + angle, p.sines + angle, p.rotarySize >> 1);
  }
}

/** The sum of squares in float64, so that it neither overflows nor depends on an order of lanes. */
function normalize(source: usize, target: usize, weight: usize, size: i32, epsilon: f32): void {
  let sum: f64 = 0;
  for (let k: i32 = 0; k < size; k++) {
    const x = <f64>load<f32>(source + (k << 2));
    sum += x * x;
  }
  const factor = <f32>(1 / sqrt<f64>(sum / <f64>size + <f64>epsilon));
  const factor_f32x4 = f32x4.splat(factor);
  let k: i32 = 0;
  for (; k + LANES <= size; k += LANES) {
    const at: usize = k << 2;
    v128.store(target + at, f32x4.mul(f32x4.mul(v128.load(source + at), factor_f32x4), v128.load(weight + at)));
  }
  for (; k < size; k++) {
    const at: usize = k << 2;
    store<f32>(target + at, load<f32>(source + at) * factor * load<f32>(weight + at));
  }
}

/** Pairs (f, f + half): the two halves of the rotated part. */
function rotateHalves(x: usize, target: usize, cosines: usize, sines: usize, half: i32): void {
  const second: usize = <usize>half << 2;
  let f: i32 = 0;
  for (; f + LANES <= half; f += LANES) {
    const at: usize = f << 2;
    const a = v128.load(x + at), b = v128.load(x + second + at);
    const cosine = v128.load(cosines + at), sine = v128.load(sines + at);
    v128.store(target + at, f32x4.sub(f32x4.mul(a, cosine), f32x4.mul(b, sine)));
    v128.store(target + second + at, f32x4.add(f32x4.mul(b, cosine), f32x4.mul(a, sine)));
  }
  for (; f < half; f++) {
    const at: usize = f << 2;
    rotateOne(x + at, x + second + at, target + at, target + second + at, cosines + at, sines + at);
  }
}

/** Pairs (2f, 2f + 1): neighbours. */
function rotatePairs(x: usize, target: usize, cosines: usize, sines: usize, half: i32): void {
  let f: i32 = 0;
  for (; f + LANES <= half; f += LANES) {
    const at: usize = f << 2;
    const low = v128.load(x + 2 * at), high = v128.load(x + 2 * at, 16);
    const a = v128.shuffle<f32>(low, high, 0, 2, 4, 6), b = v128.shuffle<f32>(low, high, 1, 3, 5, 7);
    const cosine = v128.load(cosines + at), sine = v128.load(sines + at);
    const first = f32x4.sub(f32x4.mul(a, cosine), f32x4.mul(b, sine));
    const second = f32x4.add(f32x4.mul(b, cosine), f32x4.mul(a, sine));
    v128.store(target + 2 * at, interleaveLow(first, second));
    v128.store(target + 2 * at, interleaveHigh(first, second), 16);
  }
  for (; f < half; f++) {
    const at: usize = f << 2, pair: usize = f << 3;
    rotateOne(x + pair, x + pair + 4, target + pair, target + pair + 4, cosines + at, sines + at);
  }
}

function rotateOne(a: usize, b: usize, targetA: usize, targetB: usize, cosine: usize, sine: usize): void {
  const x = load<f32>(a), y = load<f32>(b), c = load<f32>(cosine), s = load<f32>(sine);
  store<f32>(targetA, x * c - y * s);
  store<f32>(targetB, y * c + x * s);
}
