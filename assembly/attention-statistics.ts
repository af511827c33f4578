// What the weights of an attention look like, without a matrix of them. Every row's maximum and denominator come from a pass
// over the keys as attention makes it; a second pass has the weights of a block of keys again,
//
//   w = e^(score - maximum) / denominator,    -ln w = ln denominator - (score - maximum)
//
// and each row of the block adds to
//
//   its own numbers: the entropy -sum w ln w, and its `edges` largest weights with their keys;
//   its head's: the mass that each key receives (columns), and that each distance receives (diagonals).
//
// Lanes are queries, so the entropy needs nothing across lanes. For the rest the block is turned to rows in the caches: a
// column and a diagonal are both runs of neighbours then, which the row is added to.
//
// Columns and diagonals belong to all rows of a head. A tile is a share of one head's rows and adds them up, in their order, in
// a place of its own; the shares are added by a product with ones. There are some few tiles a head, cut by the
// entry's own shape, so this takes some times L + 2 S floats a head, and no bit depends on threads. A tile that has more panels
// than fit into scratch takes them in rounds.
//
// Twice the arithmetic of an attention's scores; what is done with a weight costs a fifth of that.

import { attendParts } from "./attention";
import { readsInt8, roundQueries, scoreInt8, unitsAreFinite } from "./attention-int8";
import { keyRows } from "./attention-keys";
import {
  denominatorsOf, finishPanel, firstKeyOfAll, lastKeyOfAll, panelBytes, someEnd, someFirst, startPanel, usedBytes,
} from "./attention-panel";
import { endLastPart } from "./attention-parts";
import { blockMaskExcludes, scoreBlock, storeRows } from "./attention-scores";
import { weighBlock } from "./attention-softmax";
import { AttentionStatisticsParameters } from "./parameters";
import { loadTail_f32x4, storeTail_f32x4 } from "./simd";
import { BLOCK_BYTES, KEY_BLOCK, LANES, PANEL, PANEL_BYTES, STATISTICS_FIELDS } from "./tile-sizes";

// A panel's statistics: fields of PANEL lanes, then each lane's largest weights, then their keys.
/** Where a lane's row of the turned block begins. */
const ROWS: usize = 0;
/** ln denominator, and the sum so far. */
const LOGARITHM: usize = PANEL_BYTES;
const ENTROPY: usize = 2 * PANEL_BYTES;
const EDGES: usize = <usize>STATISTICS_FIELDS * PANEL_BYTES;

const NO_KEY: i32 = -1;

/**
 * Step `step` of tile `tile`: round after round, first the steps over the keys as in attention, then as many again. Scratch
 * is that of attention with the panels' statistics before the panels.
 */
export function attentionStatisticsTile(address: usize, tile: i32, scratch: usize, step: i32): void {
  const p = changetype<AttentionStatisticsParameters>(address);
  const tilesPerHead = p.tilesPerGroup / p.group;
  const head = tile / tilesPerHead;
  const entry = head / (p.group * p.kvHeads);
  const kvHead = head / p.group % p.kvHeads;
  const headRow = head % p.group * p.queryLength;
  const tileRow = tile % tilesPerHead * p.panelsPerTile * PANEL;
  const steps = max(1, (p.keyLength + p.keysPerStep - 1) / p.keysPerStep);
  const query = tileRow + step / (2 * steps) * p.panels * PANEL;
  const end = min(p.queryLength, tileRow + p.panelsPerTile * PANEL);
  if (query >= end) return;

  const masses = p.masses + tile * massBytes(p);
  if (step == 0) memory.fill(masses, 0, massBytes(p));
  const panels = (min(p.panels * PANEL, end - query) + PANEL - 1) / PANEL;
  const statistics = scratch + 2 * BLOCK_BYTES;
  const state = statistics + p.panels * statisticsBytes(p);
  const ofRound = step % (2 * steps);
  if (ofRound == 0) {
    for (let i: i32 = 0; i < panels; i++)
      startPanel(p, state + i * panelBytes(p), entry, kvHead, headRow + query + i * PANEL, headRow + end, 0);
    if (readsInt8(p, entry)) roundQueries(p, state, state + p.panels * panelBytes(p));
  }
  const firstKey = ofRound % steps * p.keysPerStep;
  const lastKey = min(firstKey + p.keysPerStep, p.keyLength);
  if (ofRound < steps) attendParts(p, entry, kvHead, state, panels, 0, 0, firstKey, lastKey, scratch);
  else lookAtKeys(p, entry, kvHead, state, statistics, panels, query, end, firstKey, lastKey, scratch, masses);
  for (let i: i32 = 0; i < panels; i++) {
    const panel = state + i * panelBytes(p), ofPanel = statistics + i * statisticsBytes(p);
    if (ofRound == steps - 1) {
      endLastPart(p, panel);
      finishPanel(p, panel);
      startStatistics(p, ofPanel, panel, scratch + BLOCK_BYTES);
    } else if (ofRound == 2 * steps - 1) {
      const row = entry * p.rowsBatchStride + head % (p.group * p.kvHeads) * p.rowsHeadStride + query + i * PANEL;
      finishStatistics(p, ofPanel, row, min(PANEL, end - query - i * PANEL));
    }
  }
}

/** Bytes of what a tile adds up. */
function massBytes(p: AttentionStatisticsParameters): usize {
  return (2 * p.keyLength + p.queryLength - 1) << 2;
}

/** Bytes of a panel's statistics. */
function statisticsBytes(p: AttentionStatisticsParameters): usize {
  return EDGES + 2 * p.edges * PANEL_BYTES;
}

function startStatistics(p: AttentionStatisticsParameters, statistics: usize, panel: usize, rows: usize): void {
  for (let lane: i32 = 0; lane < PANEL; lane++) {
    store<u32>(statistics + (lane << 2), rows + lane * KEY_BLOCK * 4, ROWS);
    const sum = <f64>load<f32>(denominatorsOf(panel) + (lane << 2));
    store<f32>(statistics + (lane << 2), <f32>NativeMath.log(sum), LOGARITHM);
  }
  memory.fill(statistics + ENTROPY, 0, PANEL_BYTES);
  memory.fill(statistics + EDGES, 0, p.edges * PANEL_BYTES);
  memory.fill(statistics + EDGES + p.edges * PANEL_BYTES, <u8>NO_KEY, p.edges * PANEL_BYTES);
}

/** All panels over the keys of one step, once more. */
function lookAtKeys(
  p: AttentionStatisticsParameters, entry: i32, kvHead: i32, state: usize, statistics: usize, panels: i32, query: i32, end: i32,
  firstKey: i32, lastKey: i32, scores: usize, masses: usize,
): void {
  const widened = state + p.panels * panelBytes(p);
  const direct = readsInt8(p, entry);
  const lowest = firstKeyOfAll(p, state, panels);
  lastKey = min(lastKey, lastKeyOfAll(p, state, panels));
  for (let block = max(firstKey, lowest / KEY_BLOCK * KEY_BLOCK); block < lastKey; block += KEY_BLOCK) {
    const first = max(block, lowest), blockEnd = min(block + KEY_BLOCK, lastKey);
    // The same scores as in the first pass, to the bit: their exponentials must add up to the denominator.
    const stored = direct && unitsAreFinite(p, entry, kvHead, block, first, blockEnd);
    const keys: usize = stored ? 0 : keyRows(p, entry, kvHead, block, first, blockEnd, widened);
    for (let i: i32 = 0; i < panels; i++) {
      const panel = state + i * panelBytes(p);
      const from = max(block, someFirst(panel)), to = min(blockEnd, someEnd(panel));
      if (from >= to || (p.blockKinds != 0 && blockMaskExcludes(p, panel, from, to))) continue;
      if (stored) scoreInt8(p, panel, entry, kvHead, block, from, to, widened, scores);
      else scoreBlock(p, panel, keys + (from - block) * p.keyRowStride, from, to, scores);
      weighBlock(p, panel, to - from, scores);
      const ofPanel = statistics + i * statisticsBytes(p);
      for (let lanes: usize = 0; lanes < usedBytes(panel); lanes += 16)
        addEntropies(ofPanel + lanes, to - from, scores + lanes);
      // Over the exponents, which nobody needs any more.
      storeRows(ofPanel + ROWS, usedBytes(panel), 0, to - from, scores);
      addRows(p, ofPanel, query + i * PANEL, min(PANEL, end - query - i * PANEL), from, to - from, masses);
    }
  }
}

/** -w ln w for four lanes of every key. A weight of 0 has none, whatever its exponent. */
function addEntropies(statistics: usize, count: i32, weights: usize): void {
  const logarithm = v128.load(statistics, LOGARITHM);
  let sum = f32x4.splat(0);
  for (const last = weights + count * PANEL_BYTES; weights < last; weights += PANEL_BYTES) {
    const weight = v128.load(weights);
    const surprise = f32x4.sub(logarithm, v128.load(weights + BLOCK_BYTES));
    sum = f32x4.add(sum, v128.andnot(f32x4.mul(weight, surprise), f32x4.eq(weight, f32x4.splat(0))));
  }
  v128.store(statistics, f32x4.add(v128.load(statistics, ENTROPY), sum), ENTROPY);
}

/** The block's rows, one after another; lanes past the last row are left out, as they repeat it. */
function addRows(
  p: AttentionStatisticsParameters, statistics: usize, query: i32, rows: i32, from: i32, count: i32, masses: usize,
): void {
  const columns = masses + (from << 2);
  const diagonals = columns + ((p.keyLength + p.queryLength - 1) << 2);
  const weights = statistics + EDGES, keys = weights + p.edges * PANEL_BYTES;
  for (let lane: i32 = 0; lane < rows; lane++) {
    const row: usize = load<u32>(statistics + (lane << 2), ROWS);
    const edges: usize = lane * p.edges << 2;
    addRow(columns, row, count);
    addRow(diagonals - ((query + lane) << 2), row, count);
    keepLargest(row, count, from, p.edges, weights + edges, keys + edges);
  }
}

function addRow(target: usize, row: usize, count: i32): void {
  for (; count >= LANES; count -= LANES) {
    v128.store(target, f32x4.add(v128.load(target), v128.load(row)));
    target += 16;
    row += 16;
  }
  if (count > 0)
    storeTail_f32x4(target, f32x4.add(loadTail_f32x4(target, count, 0), loadTail_f32x4(row, count, 0)), count);
}

/** Keeps a row's largest weights in order; of equal ones the first stays first, and NaN is none. */
function keepLargest(row: usize, count: i32, from: i32, edges: i32, weights: usize, keys: usize): void {
  for (let key: i32 = 0; key < count; key += LANES) {
    const least = v128.load32_splat(weights + ((edges - 1) << 2));
    // Mostly there is none among four. The block of rows goes on past the last key.
    if (!v128.any_true(f32x4.gt(v128.load(row + (key << 2)), least))) continue;
    for (let k = key; k < min(key + LANES, count); k++)
      insert(load<f32>(row + (k << 2)), from + k, edges, weights, keys);
  }
}

function insert(weight: f32, key: i32, edges: i32, weights: usize, keys: usize): void {
  let place = edges;
  for (; place > 0 && weight > load<f32>(weights + ((place - 1) << 2)); place--) {
    if (place == edges) continue;
    store<f32>(weights + (place << 2), load<f32>(weights + ((place - 1) << 2)));
    store<i32>(keys + (place << 2), load<i32>(keys + ((place - 1) << 2)));
  }
  if (place == edges) return;
  store<f32>(weights + (place << 2), weight);
  store<i32>(keys + (place << 2), key);
}

/** Writes what the rows from number `row` on have. A row of NaN has no largest weights. */
function finishStatistics(p: AttentionStatisticsParameters, statistics: usize, row: usize, rows: i32): void {
  const bytes: usize = p.edges << 2;
  for (let lane: i32 = 0; lane < rows; lane++, row++) {
    const entropy = load<f32>(statistics + (lane << 2), ENTROPY);
    store<f32>(p.entropies + (row << 2), entropy);
    const weights = statistics + EDGES + lane * bytes;
    memory.copy(p.edgeKeys + row * bytes, weights + PANEL * bytes, bytes);
    if (entropy == entropy) memory.copy(p.edgeWeights + row * bytes, weights, bytes);
    else for (let n: usize = 0; n < bytes; n += 4) store<f32>(p.edgeWeights + row * bytes + n, f32.NaN);
  }
}
