// Linear attention: each key/value head keeps a state S of keys x columns of V, which every token changes and its
// queries read (Katharopoulos et al. 2020; Yang et al. 2024, Gated DeltaNet).
//
//   S = exp(decay) S                           by rows; or not
//   w = value, or beta (value - S^T (gate k))  the delta rule: what is stored under the key is replaced
//   S = S + k w^T
//   output = scale S^T q                       for each query head of the group
//
// The columns of S know nothing of each other, under any of these rules: a tile is some strips of PANEL columns of one head.
// Its strips lie packed in scratch, [keys][PANEL] each, from the first step to the last, so a tile that is run again, even
// beside a thread that still runs it, begins with the past state and finds nothing changed. A step is some tokens:
//
//   for each block of tokens                   factors of the state and keys that retrieve, once for all strips
//     for each strip                           4 KiB at 128 keys: stays in L1
//       for each token                         one pass over the strip's rows: see linear-attention-token.ts
//
// The chunked form (Yang et al. 2024), products of matrices for some tokens at a time, has no arithmetic to save, and
// lost (bench/NOTES.md). Token by token, L tokens in one call and in many calls give the same bits.

import { productTile1 } from "./generated/tiles";
import { prepareTokens, retrievesOtherwise } from "./linear-attention-gates";
import {
  deltaToken8, gatedDeltaToken8, gatedToken8, gatedTokens2x8, linearToken8, linearTokens2x8, PAIR_READ, READ,
  RETRIEVED,
} from "./linear-attention-token";
import { multiplyRows } from "./matmul";
import { LinearAttentionParameters } from "./parameters";
import { loadSome_f32x4, storeSome_f32x4 } from "./simd";
import { LANES, PAIR_BYTES, PANEL, PANEL_BYTES, ROWS } from "./tile-sizes";

/** Scratch: lanes of the token at hand, and of other query heads; then a block's decays and retrieving keys; then strips. */
const LANES_BYTES: usize = 4 * PANEL_BYTES;
const HEADS_BYTES: usize = <usize>ROWS * PANEL_BYTES;

/** Step `step` of tile `tile`: `tokensPerStep` tokens for `columnsPerTile` columns of one key/value head. */
export function linearAttentionTile(address: usize, tile: i32, scratch: usize, step: i32): void {
  const p = changetype<LinearAttentionParameters>(address);
  const head = tile / p.columnTiles;
  const column = (tile % p.columnTiles) * p.columnsPerTile;
  const columns = min(p.columnsPerTile, p.valueSize - column);
  const blockBytes: usize = <usize>p.tokensPerBlock * p.headSize << 2;
  const decays = scratch + LANES_BYTES + HEADS_BYTES;
  const retrieving = decays + blockBytes;
  const strips = retrieving + blockBytes;
  const stripBytes: usize = <usize>p.headSize * PANEL_BYTES;
  const stateAt: usize = (<usize>head * p.headSize * p.valueSize + column) << 2;

  if (step == 0) startStrips(p, stateAt, columns, strips);
  const first = step * p.tokensPerStep;
  const end = min(first + p.tokensPerStep, p.tokens);
  for (let block = first; block < end; block += p.tokensPerBlock) {
    const blockEnd = min(block + p.tokensPerBlock, end);
    prepareTokens(p, head, block, blockEnd, decays, retrieving);
    for (let c: i32 = 0; c < columns; c += PANEL)
      attendTokens(
        p, head, column + c, min(PANEL, columns - c), block, blockEnd, decays, retrieving,
        strips + <usize>(c / PANEL) * stripBytes, scratch,
      );
  }
  if (end == p.tokens && p.presentState) finishStrips(p, stateAt, columns, strips);
}

/** The state before the first token: the past one, or zeros. Columns that do not fill a strip are zeros. */
function startStrips(p: LinearAttentionParameters, stateAt: usize, columns: i32, strips: usize): void {
  for (let c: i32 = 0; c < columns; c += PANEL) {
    const count = min(PANEL, columns - c);
    let row = p.pastState + stateAt + (c << 2);
    for (let e: i32 = 0; e < p.headSize; e++) {
      for (let lane: i32 = 0; lane < PANEL; lane += LANES) {
        const at: usize = lane << 2;
        v128.store(strips + at, p.pastState ? loadSome_f32x4(row + at, count - lane) : f32x4.splat(0));
      }
      row += p.valueSize << 2;
      strips += PANEL_BYTES;
    }
  }
}

function finishStrips(p: LinearAttentionParameters, stateAt: usize, columns: i32, strips: usize): void {
  for (let c: i32 = 0; c < columns; c += PANEL) {
    const count = min(PANEL, columns - c);
    let row = p.presentState + stateAt + (c << 2);
    for (let e: i32 = 0; e < p.headSize; e++) {
      for (let lane: i32 = 0; lane < count; lane += LANES)
        storeSome_f32x4(row + (lane << 2), v128.load(strips + (lane << 2)), count - lane);
      row += p.valueSize << 2;
      strips += PANEL_BYTES;
    }
  }
}

/** Some tokens, one after the other, on one strip of `count` columns. */
function attendTokens(
  p: LinearAttentionParameters, head: i32, column: i32, count: i32, first: i32, end: i32, decays: usize, retrieving: usize,
  strip: usize, lanes: usize,
): void {
  const entry = head / p.kvHeads, kvHead = head % p.kvHeads, queryHead = kvHead * p.group;
  const rowBytes: usize = <usize>p.headSize << 2;
  let key = p.key + entry * p.keyBatchStride + kvHead * p.keyHeadStride + first * p.keyRowStride;
  let value = p.value + entry * p.valueBatchStride + kvHead * p.valueHeadStride + first * p.valueRowStride + (column << 2);
  let query = p.query + entry * p.queryBatchStride + queryHead * p.queryHeadStride + first * p.queryRowStride;
  let output = p.output + entry * p.outputBatchStride + queryHead * p.outputHeadStride + first * p.outputRowStride
    + (column << 2);
  let beta = p.beta + entry * p.betaBatchStride + kvHead * p.betaHeadStride + first * p.betaRowStride;
  let next = retrieving, nextStride = rowBytes;
  if (!retrievesOtherwise(p)) {
    next = key;
    nextStride = p.keyRowStride;
  }
  if (p.beta) productTile1(p.headSize, next, 0, 4, strip, lanes + RETRIEVED, 0, true);
  // Without a delta a token need not know what the one before it left behind: two at a time.
  const pairs = p.beta == 0 && p.group == 1;
  let t = first;
  while (t < end) {
    const tokens = pairs && t + 1 < end ? 2 : 1;
    if (tokens == 2) {
      attendPair(p, strip, key, value, query, decays, output, count, lanes);
    } else {
      // The last token retrieves for none.
      if (t + 1 < end) next += nextStride;
      writeValue(p, value, beta, count, lanes);
      attendToken(p, strip, key, query, decays, next, lanes);
      deliver(lanes + READ, output, count, p.scale);
      if (p.group > 1) readOtherHeads(p, strip, query, output, count, lanes + LANES_BYTES);
    }
    t += tokens;
    key += tokens * p.keyRowStride;
    value += tokens * p.valueRowStride;
    query += tokens * p.queryRowStride;
    output += tokens * p.outputRowStride;
    beta += tokens * p.betaRowStride;
    decays += tokens * rowBytes;
  }
}

/** What is written under the token's key: its value, or with the delta rule what is missing of it. */
function writeValue(p: LinearAttentionParameters, value: usize, beta: usize, count: i32, lanes: usize): void {
  for (let lane: i32 = 0; lane < PANEL; lane += LANES) {
    const at: usize = lane << 2;
    let written = loadSome_f32x4(value + at, count - lane);
    if (p.beta) written = f32x4.mul(v128.load_splat<f32>(beta), f32x4.sub(written, v128.load(lanes + RETRIEVED + at)));
    v128.store(lanes + at, written);
  }
}

function attendToken(
  p: LinearAttentionParameters, strip: usize, key: usize, query: usize, decays: usize, next: usize, lanes: usize,
): void {
  for (let end = strip + PANEL_BYTES; strip < end; strip += PAIR_BYTES) {
    if (p.beta) {
      if (p.decay) gatedDeltaToken8(p.headSize, strip, key, query, decays, next, lanes);
      else deltaToken8(p.headSize, strip, key, query, next, lanes);
    } else if (p.decay) gatedToken8(p.headSize, strip, key, query, decays, lanes);
    else linearToken8(p.headSize, strip, key, query, lanes);
    lanes += PAIR_BYTES;
  }
}

function attendPair(
  p: LinearAttentionParameters, strip: usize, key: usize, value: usize, query: usize, decays: usize, output: usize,
  count: i32, lanes: usize,
): void {
  writeValue(p, value, 0, count, lanes);
  writeValue(p, value + p.valueRowStride, 0, count, lanes + PANEL_BYTES);
  for (let at: usize = 0; at < PANEL_BYTES; at += PAIR_BYTES) {
    if (p.decay)
      gatedTokens2x8(
        p.headSize, strip + at, key, p.keyRowStride, query, p.queryRowStride, decays, <usize>p.headSize << 2, lanes + at,
      );
    else linearTokens2x8(p.headSize, strip + at, key, p.keyRowStride, query, p.queryRowStride, lanes + at);
  }
  deliver(lanes + PAIR_READ, output, count, p.scale);
  deliver(lanes + PAIR_READ + PANEL_BYTES, output + p.outputRowStride, count, p.scale);
}

/** The group's other query heads: a product of their queries with the strip, which is a packed panel. */
function readOtherHeads(
  p: LinearAttentionParameters, strip: usize, query: usize, output: usize, count: i32, results: usize,
): void {
  for (let h: i32 = 1; h < p.group; h += ROWS) {
    const heads = min(ROWS, p.group - h);
    multiplyRows(heads, p.headSize, query + h * p.queryHeadStride, p.queryHeadStride, 4, strip, results, PANEL_BYTES, true);
    for (let i: i32 = 0; i < heads; i++)
      deliver(results + i * PANEL_BYTES, output + (h + i) * p.outputHeadStride, count, p.scale);
  }
}

/** Some of a strip's sums, scaled, to where they belong. */
function deliver(sums: usize, output: usize, count: i32, scale: f32): void {
  const factor = f32x4.splat(scale);
  for (let lane: i32 = 0; lane < count; lane += LANES)
    storeSome_f32x4(output + (lane << 2), f32x4.mul(v128.load(sums + (lane << 2)), factor), count - lane);
}
