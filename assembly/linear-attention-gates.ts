// What a token's gates make of the state and of its key, for all strips of a tile: the decays of the state's rows, and
// the key under which the delta rule retrieves.
//
// It retrieves from the state that has forgotten, S^T D (gate k), where D holds the decays on its diagonal. Taken as
// S^T (D gate k), a pass over the state as the token before left it serves both that token's query and this key.

import {
  coefficient2, coefficient3, coefficient4, coefficient5, coefficient6, exponential_f32x4, exponentialOnce_f32x4, ln2,
  ln2Rest, log2e, lowest, one, rounder,
} from "./exponential";
import { LinearAttentionParameters } from "./parameters";
import { storeSome_f32x4 } from "./simd";
import { LANES } from "./tile-sizes";

/** Whether the key that retrieves is another than the key that is written. */
export function retrievesOtherwise(p: LinearAttentionParameters): bool {
  return p.beta != 0 && (p.decay | p.eraseGate) != 0;
}

/** Decays, and keys that retrieve, of some tokens: a row each, one after the other. */
export function prepareTokens(p: LinearAttentionParameters, head: i32, first: i32, end: i32, decays: usize, retrieving: usize): void {
  const entry = head / p.kvHeads, kvHead = head % p.kvHeads;
  const rowBytes: usize = <usize>p.headSize << 2;
  for (let t = first; t < end; t++) {
    if (p.decay) {
      const logarithms = p.decay + entry * p.decayBatchStride + kvHead * p.decayHeadStride + t * p.decayRowStride;
      if (p.decaySize == 1) decayAllRows(logarithms, decays, p.headSize);
      else decayEachRow(logarithms, decays, p.headSize);
    }
    if (retrievesOtherwise(p)) {
      let key = p.key + entry * p.keyBatchStride + kvHead * p.keyHeadStride + t * p.keyRowStride;
      if (p.eraseGate) {
        const gate = p.eraseGate + entry * p.eraseGateBatchStride + kvHead * p.eraseGateHeadStride;
        multiplyInto(retrieving, key, gate + t * p.eraseGateRowStride, p.headSize);
        key = retrieving;
      }
      if (p.decay) multiplyInto(retrieving, key, decays, p.headSize);
    }
    decays += rowBytes;
    retrieving += rowBytes;
  }
}

function decayAllRows(logarithm: usize, decays: usize, size: i32): void {
  const decay = decay_f32x4(v128.load_splat<f32>(logarithm));
  for (let e: i32 = 0; e < size; e += LANES) storeSome_f32x4(decays + (e << 2), decay, size - e);
}

function decayEachRow(logarithms: usize, decays: usize, size: i32): void {
  const low = lowest(), log2 = log2e(), round = rounder(), ln = ln2(), lnRest = ln2Rest();
  const c6 = coefficient6(), c5 = coefficient5(), c4 = coefficient4(), c3 = coefficient3(), c2 = coefficient2(), c1 = one();
  let e: i32 = 0;
  for (; e + LANES <= size; e += LANES) {
    const x = v128.load(logarithms + (e << 2));
    let decay = exponential_f32x4(x, low, log2, round, ln, lnRest, c6, c5, c4, c3, c2, c1);
    if (v128.any_true(f32x4.gt(x, f32x4.splat(0)))) decay = decay_f32x4(x);
    v128.store(decays + (e << 2), decay);
  }
  for (; e < size; e++) decayAllRows(logarithms + (e << 2), decays + (e << 2), 1);
}

/** e^x for x of either sign: the exponential is made for x <= 0, so what grows is the square of half the way. */
function decay_f32x4(x: v128): v128 {
  const grows = f32x4.gt(x, f32x4.splat(0));
  const half = f32x4.pmin(f32x4.mul(x, f32x4.splat(0.5)), f32x4.splat(88));
  const power = exponentialOnce_f32x4(v128.bitselect(half, x, grows));
  return v128.bitselect(f32x4.mul(power, power), power, grows);
}

function multiplyInto(target: usize, a: usize, b: usize, size: i32): void {
  let e: i32 = 0;
  for (; e + LANES <= size; e += LANES) {
    const at: usize = e << 2;
    v128.store(target + at, f32x4.mul(v128.load(a + at), v128.load(b + at)));
  }
  for (; e < size; e++) {
    const at: usize = e << 2;
    store<f32>(target + at, load<f32>(a + at) * load<f32>(b + at));
  }
}
