// Fused attention: softmax(scale q k^T + masks) v for some panels of PANEL queries of one key/value head, a step of keys a
// call. No L x S matrix exists; keys are taken in blocks of KEY_BLOCK with the online softmax (Milakov and
// Gimelshein 2018; Dao et al. 2022, FlashAttention):
//
//   for each block of keys                       keys and values of the block: read once for all panels, stay in L1
//     for each panel                             queries [E][PANEL], sums [V][PANEL]: 4 KiB at E = V = 64, stay in L1
//       scores[key][PANEL] = scale k q + masks       register tiles of ROWS keys, k read row by row in place
//       m' = max(m, scores); c = e^(m - m')      lanes are queries: nothing is reduced across lanes
//       p = e^(scores - m'); l = l c + sum p
//       sums[v][8] = sums c + p v                register tiles of ROWS columns of V; p is packed already
//   output = sums / l; logSumExp = m + ln l
//
// Every PART_KEYS keys the softmax starts anew and then joins what came before (attention-parts.ts). Where there are few tiles
// and many keys, as when a single head decodes, a tile takes some parts, and a stage of its own joins them.
//
// Where keys come from memory, the first panel of a tile reads a block through in order before it is used; a short query's panels
// all share one tile for that.
//
// Blocks and parts lie at multiples of their sizes whatever the queries are, a lane never looks at its neighbours, and a key that a
// lane may not attend adds exactly 0 to it: the bits of a row depend on its own query, keys and options alone.
// A block outside the keys that a panel attends is skipped, a block at the border is cut to them.

import { touch } from "./attention-few";
import { attendBfloat16, readsBfloat16 } from "./attention-bfloat16";
import { attendInt8, readsInt8, roundQueries, unitsAreFinite } from "./attention-int8";
import { keyRows, valueRows } from "./attention-keys";
import {
  fewQueriesOf, finishPanel, firstKeyOfAll, keyLengthOf, lastKeyOfAll, panelBytes, queryLengthOf, seenOf, someEnd, someFirst,
  startPanel,
} from "./attention-panel";
import { endLastPart, endPart, joinParts, partsOf, recordBytes, startPart, storePart } from "./attention-parts";
import { blockMaskExcludes, returnScores, scoreBlock } from "./attention-scores";
import { softmaxBlock } from "./attention-softmax";
import { addValues, someRowIsNotFinite } from "./attention-values";
import { weighKeys } from "./attention-weights";
import { FLOAT32 } from "./pages";
import { AttentionParameters } from "./parameters";
import { BLOCK_BYTES, KEY_BLOCK, PANEL, PANEL_BYTES, PART_KEYS } from "./tile-sizes";

/**
 * Step `step` of tile `tile`: first the steps over the keys, then, where weights are asked for, as many again for them.
 * Scratch holds a block of scores and one of what belongs to each of them, then the panels, which live on, then, for a
 * cache that stores less than float32, a block of keys and one of values, and for int8 the rounded queries.
 */
export function attentionTile(address: usize, tile: i32, scratch: usize, step: i32): void {
  const p = changetype<AttentionParameters>(address);
  const sharers = p.joins ? 1 : (p.parts + p.partsPerTile - 1) / p.partsPerTile;
  const part = (tile % sharers) * p.partsPerTile;
  tile /= sharers;
  let group = tile / p.tilesPerGroup;
  let firstRow = (tile % p.tilesPerGroup) * p.panels * PANEL;
  if (p.tiles) {
    group = load<i32>(p.tiles + (tile << 3));
    firstRow = load<i32>(p.tiles + (tile << 3), 4);
  }
  const entry = group / p.kvHeads;
  // Of a short entry there are fewer parts than of the longest.
  if (part > 0 && part >= partsOf(p, entry)) return;
  const start = part * PART_KEYS;
  const keys = p.records && !p.joins ? min(keyLengthOf(p, entry), start + p.partsPerTile * PART_KEYS) : keyLengthOf(p, entry);
  const steps = p.joins ? 1 : max(1, (keys - start + p.keysPerStep - 1) / p.keysPerStep);
  if (step >= (p.weights ? 2 * steps : steps)) return;

  const kvHead = group % p.kvHeads;
  const allRows = p.group * queryLengthOf(p, entry);
  const panels = (min(p.panels * PANEL, allRows - firstRow) + PANEL - 1) / PANEL;
  const state = scratch + 2 * BLOCK_BYTES;
  const bytes = panelBytes(p);
  if (step == 0) {
    for (let i: i32 = 0; i < panels; i++) startPanel(p, state + i * bytes, entry, kvHead, firstRow + i * PANEL, allRows, part);
    if (!p.joins && readsInt8(p, entry)) roundQueries(p, state, state + p.panels * bytes);
  }
  const records = p.records + tile * p.panels * p.parts * recordBytes(p);
  if (!p.joins) {
    const firstKey = start + (step % steps) * p.keysPerStep;
    const lastKey = min(firstKey + p.keysPerStep, keys);
    if (step >= steps) return weighKeys(p, entry, kvHead, state, panels, firstKey, lastKey, scratch);
    attendParts(p, entry, kvHead, state, panels, records, start, firstKey, lastKey, scratch);
  }
  if (step < steps - 1) return;
  for (let i: i32 = 0; i < panels; i++) {
    const panel = state + i * bytes, ofPanel = records + i * p.parts * recordBytes(p);
    if (p.records && !p.joins) {
      storePart(p, panel, ofPanel + max(start, keys - 1) / PART_KEYS * recordBytes(p));
      continue;
    }
    if (p.joins) joinParts(p, panel, entry, ofPanel);
    else endLastPart(p, panel);
    finishPanel(p, panel);
  }
}

/** All panels over the keys of one step, part by part; the tile's keys begin at `start`. */
export function attendParts(
  p: AttentionParameters, entry: i32, kvHead: i32, state: usize, panels: i32, records: usize, start: i32, firstKey: i32,
  lastKey: i32, scores: usize,
): void {
  for (let from = firstKey; from < lastKey; ) {
    if (from > start && from % PART_KEYS == 0) turnToPart(p, state, panels, records, from);
    const to = min(lastKey, (from / PART_KEYS + 1) * PART_KEYS);
    attendKeys(p, entry, kvHead, state, panels, from, to, scores);
    from = to;
  }
}

/** From the part that ends before a key to the one that begins there. */
function turnToPart(p: AttentionParameters, state: usize, panels: i32, records: usize, key: i32): void {
  for (let i: i32 = 0; i < panels; i++) {
    const panel = state + i * panelBytes(p);
    if (p.records == 0) {
      endPart(p, panel, key);
      continue;
    }
    storePart(p, panel, records + (i * p.parts + key / PART_KEYS - 1) * recordBytes(p));
    startPart(p, panel);
  }
}

/** All panels over keys of one part, block by block. */
function attendKeys(
  p: AttentionParameters, entry: i32, kvHead: i32, state: usize, panels: i32, firstKey: i32, lastKey: i32, scores: usize,
): void {
  const bytes = panelBytes(p);
  const widened = state + p.panels * bytes;
  const lowest = firstKeyOfAll(p, state, panels), highest = lastKeyOfAll(p, state, panels);
  if (p.scores == 0) {
    // A window over many keys leaves most blocks to no panel at all: they are not even looked at.
    firstKey = max(firstKey, (lowest / KEY_BLOCK) * KEY_BLOCK);
    lastKey = min(lastKey, highest);
  }
  for (let block = firstKey; block < lastKey; block += KEY_BLOCK) {
    const blockEnd = min(block + KEY_BLOCK, lastKey);
    const readFrom = max(block, lowest), readTo = min(blockEnd, highest);
    if (p.scores) returnBlock(p, entry, kvHead, state, panels, block, blockEnd, widened, scores);
    if (readFrom >= readTo) continue;
    if (panels == 1 && attendStored(p, entry, kvHead, state, block, readFrom, readTo, widened, scores)) continue;
    const keys = keyRows(p, entry, kvHead, block, readFrom, readTo, widened);
    const values = valueRows(p, entry, kvHead, block, readFrom, readTo, widened);
    // A mask may exclude any of these keys from any lane; values that are finite need no care all the same.
    const select = (p.mask | p.blockKinds) != 0
      && someRowIsNotFinite(p, values + (readFrom - block) * p.valueRowStride, readFrom, readTo);
    // What is widened was read in order, and is near.
    let unread = p.storage == FLOAT32;
    for (let i: i32 = 0; i < panels; i++) {
      const panel = state + i * bytes;
      const from = max(block, someFirst(panel));
      const to = min(blockEnd, someEnd(panel));
      if (from >= to) continue;
      if (p.blockKinds != 0 && blockMaskExcludes(p, panel, from, to)) continue;
      const far = unread && (p.far != 0 || fewQueriesOf(panel) > 0);
      if (far) touchRows(keys, p.keyRowStride, p.headSize, from - block, to - block, seenOf(panel));
      scoreBlock(p, panel, keys + (from - block) * p.keyRowStride, from, to, scores);
      if (far) touchRows(values, p.valueRowStride, p.valueSize, from - block, to - block, seenOf(panel));
      unread = false;
      softmaxBlock(p, panel, to - from, scores);
      addValues(p, panel, values + (from - block) * p.valueRowStride, from, to, scores, select);
    }
  }
}

function touchRows(rows: usize, stride: usize, size: i32, from: i32, to: i32, seen: usize): void {
  if (stride == <usize>size << 2) return touch(rows + from * stride, rows + to * stride, seen);
  for (let row = from; row < to; row++) touch(rows + row * stride, rows + row * stride + (size << 2), seen);
}

/** A block of a cache as it is stored, where a few queries can take it so. */
function attendStored(
  p: AttentionParameters, entry: i32, kvHead: i32, panel: usize, block: i32, from: i32, to: i32, widened: usize,
  scores: usize,
): bool {
  if (p.storage == FLOAT32) return false;
  if (readsBfloat16(p, panel, from, to)) {
    attendBfloat16(p, panel, entry, kvHead, block, from, to, scores);
    return true;
  }
  if (!readsInt8(p, entry) || !unitsAreFinite(p, entry, kvHead, block, from, to)) return false;
  if (p.blockKinds == 0 || !blockMaskExcludes(p, panel, from, to))
    attendInt8(p, panel, entry, kvHead, block, from, to, widened, scores);
  return true;
}

/** The scores that the caller asked for: of every key there is, whoever may attend it. */
function returnBlock(
  p: AttentionParameters, entry: i32, kvHead: i32, state: usize, panels: i32, from: i32, to: i32, widened: usize,
  scores: usize,
): void {
  // A cache holds no keys beyond an entry's own.
  const there = p.held == 0 ? to : max(from, min(to, load<i32>(p.held + (entry << 2))));
  const keys: usize = there == from ? 0 : keyRows(p, entry, kvHead, from, from, there, widened);
  for (let i: i32 = 0; i < panels; i++) returnScores(p, state + i * panelBytes(p), keys, from, there, to, scores);
}
