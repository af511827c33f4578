// Appends tokens to a cache: every row is read once and written once, in the format of the pages. A tile is one page of
// one entry, so that tiles write to memory of their own and a long prompt is shared by all threads.

import { pageAt, rowInPage, storeRow } from "./pages";
import { AppendParameters } from "./parameters";
import { KEY_BLOCK } from "./tile-sizes";

export function appendTile(address: usize, tile: i32, scratch: usize): void {
  const p = changetype<AppendParameters>(address);
  const entry = tile / p.pagesPerEntry;
  const length = load<i32>(p.lengths + (entry << 2));
  const number = length / KEY_BLOCK + tile % p.pagesPerEntry;
  const from = max(length, number * KEY_BLOCK);
  const to = min(length + load<i32>(p.counts + (entry << 2)), (number + 1) * KEY_BLOCK);
  if (from >= to) return;
  const page = pageAt(p.pages, p.firstPages, p.pageColumns, entry, number);
  const held = length - number * KEY_BLOCK;
  const shared: usize = p.copies == 0 ? 0 : load<u32>(p.copies + (entry << 2));
  if (held > 0 && shared != 0) copyRows(p, shared, page, held);
  for (let head: i32 = 0; head < p.kvHeads; head++) {
    const key = p.key + entry * p.keyBatchStride + head * p.keyHeadStride;
    const value = p.value + entry * p.valueBatchStride + head * p.valueHeadStride;
    for (let token = from; token < to; token++) {
      const row = rowInPage(head, token - number * KEY_BLOCK);
      const i: usize = token - length;
      storeRow(
        p.storage, key + i * p.keyRowStride, p.headSize, page + row * p.storedKeyBytes, p.storedKeyBytes,
        page + p.pageKeyScalesBytes + (row << 2),
      );
      storeRow(
        p.storage, value + i * p.valueRowStride, p.valueSize, page + p.pageValuesBytes + row * p.storedValueBytes,
        p.storedValueBytes, page + p.pageValueScalesBytes + (row << 2),
      );
    }
  }
}

/** The first `count` tokens of a shared page, into one of the cache's own. */
function copyRows(p: AppendParameters, source: usize, target: usize, count: i32): void {
  for (let head: i32 = 0; head < p.kvHeads; head++) {
    const row = rowInPage(head, 0);
    copyPart(source, target, row * p.storedKeyBytes, count * p.storedKeyBytes);
    copyPart(source, target, p.pageValuesBytes + row * p.storedValueBytes, count * p.storedValueBytes);
    if (p.pageKeyScalesBytes == p.pageValueScalesBytes) continue;
    copyPart(source, target, p.pageKeyScalesBytes + (row << 2), count << 2);
    copyPart(source, target, p.pageValueScalesBytes + (row << 2), count << 2);
  }
}

function copyPart(source: usize, target: usize, offset: usize, bytes: usize): void {
  memory.copy(target + offset, source + offset, bytes);
}
