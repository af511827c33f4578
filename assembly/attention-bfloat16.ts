// A few queries against a block of a bfloat16 cache, without widening it to scratch first: numbers become float32 in
// registers, so every product and sum is that of the widened block, to the bit.

import { addFewValues, multiplyFew, touch } from "./attention-few";
import { correctionsOf, everyEnd, everyFirst, fewQueriesOf, queriesOf, seenOf, sumsOf } from "./attention-panel";
import { shapeScores } from "./attention-scores";
import { softmaxBlock } from "./attention-softmax";
import { BFLOAT16, pageAt, rowInPage } from "./pages";
import { AttentionParameters } from "./parameters";
import { KEY_BLOCK } from "./tile-sizes";

/**
 * Can the panel take keys `from` to `to` as they are stored? Where some lane may not attend some key, values must be looked
 * at for NaN first, and other similarities need norms: that is left to widened blocks.
 */
export function readsBfloat16(p: AttentionParameters, panel: usize, from: i32, to: i32): bool {
  return p.storage == BFLOAT16 && fewQueriesOf(panel) > 0 && p.similarity == 0 && (p.mask | p.blockKinds) == 0
    && from >= everyFirst(panel) && to <= everyEnd(panel);
}

export function attendBfloat16(
  p: AttentionParameters, panel: usize, entry: i32, kvHead: i32, block: i32, from: i32, to: i32, scores: usize,
): void {
  const page = pageAt(p.pages, p.firstPages, p.pageColumns, entry, block / KEY_BLOCK);
  const first = rowInPage(kvHead, from - block);
  const count = to - from;
  const queries = fewQueriesOf(panel);
  const keys = page + first * p.storedKeyBytes;
  touch(keys, keys + count * p.storedKeyBytes, seenOf(panel));
  multiplyFew(BFLOAT16, queries, p.headSize, keys, p.storedKeyBytes, count, queriesOf(panel), scores);
  shapeScores(p, panel, 0, from, to, scores);
  const values = page + p.pageValuesBytes + first * p.storedValueBytes;
  touch(values, values + count * p.storedValueBytes, seenOf(panel));
  softmaxBlock(p, panel, count, scores);
  addFewValues(
    BFLOAT16, queries, p.valueSize, values, p.storedValueBytes, count, scores, sumsOf(p, panel), correctionsOf(panel),
  );
}
