// What one token does to 8 columns of a strip of the state, [keys][PANEL], in one pass over its rows. A row is read and
// written once: it forgets, takes in the token, and is read at once for the token's query and for the next token's key.
//
//   state[e] = decays[e] * state[e] + key[e] * written        two registers, in place
//   read      += query[e] * state[e]                          the output
//   retrieved += next[e] * state[e]                           what the delta rule will find under the next key
//
// written, read and retrieved stand in `lanes`, a number for each column of the strip, one row after the other. Sums run in the order of e, from 0.

import { madd_f32x4 } from "./simd";
import { PANEL_BYTES } from "./tile-sizes";

/** Where a pass leaves its results in `lanes`. */
export const READ: usize = PANEL_BYTES;
export const RETRIEVED: usize = 2 * PANEL_BYTES;
/** A pair has two of each: written, written, read, read. */
export const PAIR_READ: usize = 2 * PANEL_BYTES;

/** One source, a function for each update rule: the flags are constants where it is inlined. */
// @ts-ignore: decorator
@inline
function pass(
  gated: bool, delta: bool, depth: i32, state: usize, key: usize, query: usize, decays: usize, next: usize, lanes: usize,
): void {
  const written0 = v128.load(lanes), written1 = v128.load(lanes, 16);
  let read0 = f32x4.splat(0), read1 = f32x4.splat(0);
  let retrieved0 = f32x4.splat(0), retrieved1 = f32x4.splat(0);
  for (let e: i32 = 0; e < depth; e++) {
    let row0 = v128.load(state), row1 = v128.load(state, 16);
    if (gated) {
      const decay = v128.load_splat<f32>(decays);
      row0 = f32x4.mul(row0, decay);
      row1 = f32x4.mul(row1, decay);
      decays += 4;
    }
    const k = v128.load_splat<f32>(key);
    row0 = madd_f32x4(k, written0, row0);
    row1 = madd_f32x4(k, written1, row1);
    v128.store(state, row0);
    v128.store(state, row1, 16);
    const q = v128.load_splat<f32>(query);
    read0 = madd_f32x4(q, row0, read0);
    read1 = madd_f32x4(q, row1, read1);
    if (delta) {
      const n = v128.load_splat<f32>(next);
      retrieved0 = madd_f32x4(n, row0, retrieved0);
      retrieved1 = madd_f32x4(n, row1, retrieved1);
      next += 4;
    }
    state += PANEL_BYTES;
    key += 4;
    query += 4;
  }
  v128.store(lanes + READ, read0);
  v128.store(lanes + READ, read1, 16);
  if (delta) {
    v128.store(lanes + RETRIEVED, retrieved0);
    v128.store(lanes + RETRIEVED, retrieved1, 16);
  }
}

export function linearToken8(depth: i32, state: usize, key: usize, query: usize, lanes: usize): void {
  pass(false, false, depth, state, key, query, 0, 0, lanes);
}

export function gatedToken8(
  depth: i32, state: usize, key: usize, query: usize, decays: usize, lanes: usize,
): void {
  pass(true, false, depth, state, key, query, decays, 0, lanes);
}

export function deltaToken8(
  depth: i32, state: usize, key: usize, query: usize, next: usize, lanes: usize,
): void {
  pass(false, true, depth, state, key, query, 0, next, lanes);
}

export function gatedDeltaToken8(
  depth: i32, state: usize, key: usize, query: usize, decays: usize, next: usize, lanes: usize,
): void {
  pass(true, true, depth, state, key, query, decays, next, lanes);
}

/** Two tokens that need not know what the other leaves behind: a row is read and written once for both. */
// @ts-ignore: decorator
@inline
function pairPass(
  gated: bool, depth: i32, state: usize, key: usize, keyStride: usize, query: usize, queryStride: usize, decays: usize,
  decayStride: usize, lanes: usize,
): void {
  const first0 = v128.load(lanes), first1 = v128.load(lanes, 16);
  const second0 = v128.load(lanes, PANEL_BYTES), second1 = v128.load(lanes, PANEL_BYTES + 16);
  let firstRead0 = f32x4.splat(0), firstRead1 = f32x4.splat(0);
  let secondRead0 = f32x4.splat(0), secondRead1 = f32x4.splat(0);
  for (let e: i32 = 0; e < depth; e++) {
    let row0 = v128.load(state), row1 = v128.load(state, 16);
    if (gated) {
      const decay = v128.load_splat<f32>(decays);
      row0 = f32x4.mul(row0, decay);
      row1 = f32x4.mul(row1, decay);
    }
    const firstKey = v128.load_splat<f32>(key);
    row0 = madd_f32x4(firstKey, first0, row0);
    row1 = madd_f32x4(firstKey, first1, row1);
    const firstQuery = v128.load_splat<f32>(query);
    firstRead0 = madd_f32x4(firstQuery, row0, firstRead0);
    firstRead1 = madd_f32x4(firstQuery, row1, firstRead1);
    if (gated) {
      const decay = v128.load_splat<f32>(decays + decayStride);
      row0 = f32x4.mul(row0, decay);
      row1 = f32x4.mul(row1, decay);
      decays += 4;
    }
    const secondKey = v128.load_splat<f32>(key + keyStride);
    row0 = madd_f32x4(secondKey, second0, row0);
    row1 = madd_f32x4(secondKey, second1, row1);
    v128.store(state, row0);
    v128.store(state, row1, 16);
    const secondQuery = v128.load_splat<f32>(query + queryStride);
    secondRead0 = madd_f32x4(secondQuery, row0, secondRead0);
    secondRead1 = madd_f32x4(secondQuery, row1, secondRead1);
    state += PANEL_BYTES;
    key += 4;
    query += 4;
  }
  const reads = lanes + PAIR_READ;
  v128.store(reads, firstRead0);
  v128.store(reads, firstRead1, 16);
  v128.store(reads, secondRead0, PANEL_BYTES);
  v128.store(reads, secondRead1, PANEL_BYTES + 16);
}

export function linearTokens2x8(
  depth: i32, state: usize, key: usize, keyStride: usize, query: usize, queryStride: usize, lanes: usize,
): void {
  pairPass(false, depth, state, key, keyStride, query, queryStride, 0, 0, lanes);
}

export function gatedTokens2x8(
  depth: i32, state: usize, key: usize, keyStride: usize, query: usize, queryStride: usize, decays: usize,
  decayStride: usize, lanes: usize,
): void {
  pairPass(true, depth, state, key, keyStride, query, queryStride, decays, decayStride, lanes);
}
