// Rows copied or cleared inside linear memory, between the stages of a layer.

import { CopyParameters } from "./parameters";

/** Copies one row a tile; without a source it clears it. */
export function copyTile(address: usize, tile: i32): void {
  const p = changetype<CopyParameters>(address);
  const target = p.target + tile * p.targetStride;
  if (p.source == 0) memory.fill(target, 0, p.rowBytes);
  else memory.copy(target, p.source + tile * p.sourceStride, p.rowBytes);
}
