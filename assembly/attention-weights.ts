// The weights, where they are asked for: once maximum and denominator of every row are known, the scores are computed
// again, block by block, and become e^(score - maximum) / denominator in the caller's rows; 0 where nobody looked.

import { readsInt8, scoreInt8, unitsAreFinite } from "./attention-int8";
import { keyRows } from "./attention-keys";
import { firstKeyOfAll, lastKeyOfAll, panelBytes, someEnd, someFirst, usedBytes, weightsOf } from "./attention-panel";
import { blockMaskExcludes, scoreBlock, storeRows } from "./attention-scores";
import { weighBlock } from "./attention-softmax";
import { AttentionParameters } from "./parameters";
import { KEY_BLOCK } from "./tile-sizes";

/** All panels over the keys of one step. */
export function weighKeys(
  p: AttentionParameters, entry: i32, kvHead: i32, state: usize, panels: i32, firstKey: i32, lastKey: i32, scores: usize,
): void {
  const bytes = panelBytes(p);
  const widened = state + p.panels * bytes;
  const direct = readsInt8(p, entry);
  const lowest = firstKeyOfAll(p, state, panels), highest = lastKeyOfAll(p, state, panels);
  for (let block = firstKey; block < lastKey; block += KEY_BLOCK) {
    const blockEnd = min(block + KEY_BLOCK, lastKey);
    const readFrom = max(block, lowest), readTo = min(blockEnd, highest);
    // The same scores as in the first pass, to the bit: their exponentials must add up to the denominator.
    const stored = direct && readFrom < readTo && unitsAreFinite(p, entry, kvHead, block, readFrom, readTo);
    const keys: usize = stored || readFrom >= readTo ? 0 : keyRows(p, entry, kvHead, block, readFrom, readTo, widened);
    for (let i: i32 = 0; i < panels; i++) {
      const panel = state + i * bytes;
      const from = min(blockEnd, max(block, someFirst(panel)));
      const to = max(from, min(blockEnd, someEnd(panel)));
      clearRows(panel, block, from);
      clearRows(panel, to, blockEnd);
      if (from == to) continue;
      if (p.blockKinds != 0 && blockMaskExcludes(p, panel, from, to)) {
        clearRows(panel, from, to);
        continue;
      }
      if (stored) scoreInt8(p, panel, entry, kvHead, block, from, to, widened, scores);
      else scoreBlock(p, panel, keys + (from - block) * p.keyRowStride, from, to, scores);
      weighBlock(p, panel, to - from, scores);
      storeRows(weightsOf(panel), usedBytes(panel), from, to - from, scores);
    }
  }
}

function clearRows(panel: usize, from: i32, to: i32): void {
  if (from >= to) return;
  for (let lane: usize = 0; lane < usedBytes(panel); lane += 4)
    memory.fill(load<u32>(weightsOf(panel) + lane) + (from << 2), 0, (to - from) << 2);
}
