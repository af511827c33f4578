// Where a block of keys and values lies, as rows of floats: in the caller's tensors, in a page of a cache as it is, or
// widened from one into scratch. A page holds just the keys of a block, so nothing else has to know of pages.

import { startOf } from "./attention-panel";
import { FLOAT32, pageAt, rowInPage, widenRows } from "./pages";
import { AttentionParameters } from "./parameters";
import { KEY_BLOCK } from "./tile-sizes";

/** Address of the row of key `block`, a multiple of KEY_BLOCK; of the block only rows `from` to `to` are there. */
export function keyRows(
  p: AttentionParameters, entry: i32, kvHead: i32, block: i32, from: i32, to: i32, scratch: usize,
): usize {
  if (p.pages == 0)
    return p.key + entry * p.keyBatchStride + kvHead * p.keyHeadStride
      + (startOf(p.keyStarts, entry) + block) * p.keyRowStride;
  const page = pageAt(p.pages, p.firstPages, p.pageColumns, entry, block / KEY_BLOCK);
  const scales = page + p.pageKeyScalesBytes;
  return storedRows(p, page, kvHead, from - block, to - block, p.storedKeyBytes, scales, scratch, p.keyRowStride);
}

/** The same for values. */
export function valueRows(
  p: AttentionParameters, entry: i32, kvHead: i32, block: i32, from: i32, to: i32, scratch: usize,
): usize {
  if (p.pages == 0)
    return p.value + entry * p.valueBatchStride + kvHead * p.valueHeadStride
      + (startOf(p.keyStarts, entry) + block) * p.valueRowStride;
  const page = pageAt(p.pages, p.firstPages, p.pageColumns, entry, block / KEY_BLOCK);
  const values = page + p.pageValuesBytes;
  const scales = page + p.pageValueScalesBytes;
  const target = p.storage == FLOAT32 ? scratch : scratch + <usize>KEY_BLOCK * p.keyRowStride;
  return storedRows(p, values, kvHead, from - block, to - block, p.storedValueBytes, scales, target, p.valueRowStride);
}

function storedRows(
  p: AttentionParameters, rows: usize, kvHead: i32, from: i32, to: i32, rowBytes: usize, scales: usize, target: usize,
  stride: usize,
): usize {
  if (p.storage == FLOAT32) return rows + rowInPage(kvHead, 0) * rowBytes;
  const first = rowInPage(kvHead, from);
  widenRows(
    p.storage, rows + first * rowBytes, rowBytes, scales + (first << 2), to - from, target + <usize>from * stride, stride,
  );
  return target;
}
